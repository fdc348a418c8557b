package manual_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/golden"
	"github.com/coapgw/coapgw/internal/manual"
)

// ferry has one of everything, and what shells and roff would stumble over.
var ferry = manual.Program{
	Name:    "ferry",
	Summary: "Carries cars: over water. 'ferry COMMAND --help' explains a command.",
	Release: "v1.2.3",
	Date:    "2026-01-02",
	Commands: []manual.Command{
		{
			Name: "sail", Summary: "Sail from A to B (or C).",
			Detail:    ".hidden lines don't vanish.\n\nExample: across it's \\deep\\:\n\n  ferry sail --to 'B' cargo\n  ferry sail -v\n\nThat is all – really.",
			Arguments: []manual.Argument{{Name: "cargo", Help: "File of cars.", Optional: true, Repeated: true, File: true}},
			Options: []manual.Option{
				{Name: "to", Help: "Where to [one of two]: B; or C, which is farther.", Placeholder: "PORT", Default: "B", Env: "FERRY_TO", Values: []string{"B", "C"}},
				{Name: "verbose", Short: "v", Help: "Don't be silent."},
				{Name: "log", Help: "File for what happens.", Placeholder: "FILE", Env: "FERRY_LOG", File: true},
				{Name: "cars", Help: "How many cars; a long text makes several lines of comment in the file of the environment, so it goes on a little.", Placeholder: "N", Env: "FERRY_CARS"},
				{Name: "lights", Help: "Lights are on.", Default: "true", Env: "FERRY_LIGHTS", Negatable: true},
				{Name: "horn", Help: "Blow it.", Env: "FERRY_HORN"},
			},
		},
		{
			Name: "port", Summary: "What belongs to ports.",
			Commands: []manual.Command{
				{Name: "open", Summary: "Open one.", Options: []manual.Option{{Name: "deep-water", Help: "For large ships."}}},
				{Name: "close", Summary: "Close one."},
			},
		},
	},
	ExitCodes: []manual.ExitCode{{Code: 0, Meaning: "Arrived."}, {Code: 1, Meaning: "Sank."}},
}

var outputs = []struct {
	name  string
	write func(io.Writer) error
}{
	{"ferry.1", ferry.WritePage},
	{"ferry.bash", ferry.WriteBash},
	{"_ferry", ferry.WriteZsh},
	{"ferry.fish", ferry.WriteFish},
	{"sail.env", func(w io.Writer) error {
		c, _ := ferry.Command("sail")
		return manual.WriteEnvironment(w, "For the unit.\nSecond line.", c)
	}},
}

func TestGolden(t *testing.T) {
	for _, tt := range outputs {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			require.NoError(t, tt.write(&b))
			golden.File(t, filepath.Join("testdata", tt.name), b.String(), golden.Update())
			for line := range strings.Lines(b.String()) {
				assert.Equal(t, strings.TrimRight(line, " \t\n")+"\n", line, "blanks at the end")
			}
		})
	}
}

// full is a disk without room.
type full struct{}

var errFull = errors.New("no room")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriteErrors(t *testing.T) {
	for _, tt := range outputs {
		assert.ErrorIs(t, tt.write(full{}), errFull, tt.name)
	}
}

func TestCommand(t *testing.T) {
	c, ok := ferry.Command("port", "open")
	assert.True(t, ok)
	assert.Equal(t, "Open one.", c.Summary)
	for _, path := range [][]string{nil, {"fly"}, {"port", "sail"}} {
		_, ok := ferry.Command(path...)
		assert.False(t, ok, path)
	}
}

// What bash offers behind a command line.
func TestBashCompletes(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "manifest"), nil, 0o600))
	script, err := filepath.Abs("testdata/ferry.bash")
	require.NoError(t, err)
	tests := []struct {
		words string // the last one is being typed
		want  string
	}{
		{"ferry ", "--help port sail"},
		{"ferry s", "sail"},
		{"ferry port ", "--help close open"},
		{"ferry port o", "open"},
		{"ferry port open --d", "--deep-water"},
		{"ferry port close ", "--help"},
		{"ferry sail --l", "--lights --log"},
		{"ferry sail --no", "--no-lights"},
		{"ferry sail --to ", "B C"},
		{"ferry sail --to =", "B C"},
		{"ferry sail --to = C", "C"},
		{"ferry sail --log m", "manifest"},
		{"ferry sail m", "manifest"},
		{"ferry sail --cars ", ""},
		{"ferry sail --to port --ho", "--horn"},
		{"ferry fly ", "--help port sail"},
	}
	for _, tt := range tests {
		run := exec.Command("bash", "--norc", "-c", `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ferry; printf '%s\n' "${COMPREPLY[@]}" | sort`, "bash", script)
		run.Args = append(run.Args, strings.Split(tt.words, " ")...)
		run.Dir = dir
		run.Env = append(os.Environ(), "LC_ALL=C")
		out, err := run.CombinedOutput()
		require.NoError(t, err, string(out))
		assert.Equal(t, tt.want, strings.Join(strings.Fields(string(out)), " "), tt.words)
	}
}
