package packaging_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// manual returns the directory with what the program writes of itself.
func manual(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	c := exec.CommandContext(t.Context(), "go", "run", "-ldflags", "-X main.version=v1.2.3 -X main.date=2026-01-02T03:04:05Z", "./cmd/coapgw", "manual", dir)
	c.Dir = ".."
	out, err := c.CombinedOutput()
	require.NoError(t, err, string(out))
	return dir
}

// Those who read the man page and the completions take them.
func TestManual(t *testing.T) {
	dir := manual(t)
	for _, args := range [][]string{
		{"mandoc", "-T", "lint", "-W", "warning,stop", "coapgw.1"},
		{"bash", "-n", "coapgw.bash"},
		{"zsh", "-n", "_coapgw"},
		{"fish", "--no-execute", "coapgw.fish"},
		{"sh", "-e", "-c", ". ./serve.env; . ./connect.env"},
	} {
		c := exec.CommandContext(t.Context(), args[0], args[1:]...)
		c.Dir = dir
		out, err := c.CombinedOutput()
		assert.NoError(t, err, "%s: %s", args, out)
	}
	page, err := exec.CommandContext(t.Context(), "mandoc", "-T", "utf8", filepath.Join(dir, "coapgw.1")).Output()
	require.NoError(t, err)
	assert.Contains(t, string(page), "COAPGW_HOMESERVER")
}

// What each shell offers for the beginning of a word.
func TestCompletions(t *testing.T) {
	dir := manual(t)
	tests := []struct{ typed, want string }{
		{"coapgw ser", "serve"},
		{"coapgw keygen ps", "psk"},
		{"coapgw serve --homes", "--homeserver"},
		{"coapgw connect --no-p", "--no-push"},
		{"coapgw cbor diag --cbor-v", "--cbor-version"},
	}
	scripts := map[string]string{
		"bash": `source coapgw.bash; COMP_WORDS=($1); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _coapgw; printf '%s\n' "${COMPREPLY[@]}"`,
		"fish": `source coapgw.fish; complete -C $argv[1] | string split -f 1 \t`,
		// zsh completes on a terminal only: one is made for it. What is typed before its line
		// editor runs is not completed, so its prompt is waited for, which the line that sets
		// it does not show.
		"zsh": `zmodload zsh/zpty; zpty z zsh -f -i
			zpty -w z "fpath=($PWD \$fpath); autoload -Uz compinit; compinit -u -D; zstyle ':completion:*' completer _complete; stty columns 200; PS1='REA''DY> '"
			zpty -r z line '*READY> *'; zpty -n -w z "$1"$'\t'"; print end"$'\n'; zpty -r z line '*end*'; print -r -- $line; zpty -d z`,
	}
	for shell, script := range scripts {
		for _, tt := range tests {
			args := []string{"-c", script, shell, tt.typed}
			if shell == "fish" {
				args = []string{"--no-config", "-c", script, tt.typed}
			}
			c := exec.CommandContext(t.Context(), shell, args...)
			c.Dir = dir
			c.Env = append(c.Environ(), "HOME="+t.TempDir(), "TERM=dumb")
			out, err := c.CombinedOutput()
			require.NoError(t, err, "%s: %s", shell, out)
			offered := slices.ContainsFunc(strings.Fields(string(out)), func(word string) bool {
				rest, found := strings.CutPrefix(word, tt.want)
				return found && (rest == "" || rest[0] == '=' || rest == ";") // zsh begins the value, until what follows is none
			})
			assert.True(t, offered, "%s: %s: %q", shell, tt.typed, out)
		}
	}
}
