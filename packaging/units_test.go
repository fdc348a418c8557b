package packaging_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mostExposed is the exposure that systemd-analyze may find, in tenths.
const mostExposed = "20"

// services are those of the system and the one of a user.
var services = []string{"systemd/coapgw-serve.service", "systemd/coapgw-connect.service", "systemd/user/coapgw-connect.service"}

// analyze runs systemd-analyze.
func analyze(t *testing.T, args ...string) (string, error) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "systemd-analyze", args...)
	c.Env = append(os.Environ(), "SYSTEMD_PAGER=", "XDG_RUNTIME_DIR="+t.TempDir())
	out, err := c.CombinedOutput()
	return string(out), err
}

// unitsFor returns a directory with the units below dir, in which the program is one
// that this machine has.
func unitsFor(t *testing.T, dir string) []string {
	t.Helper()
	units, err := filepath.Glob(filepath.Join(dir, "coapgw-*.*"))
	require.NoError(t, err)
	require.NotEmpty(t, units)
	copies := t.TempDir()
	for i, unit := range units {
		text, err := os.ReadFile(unit)
		require.NoError(t, err)
		units[i] = filepath.Join(copies, filepath.Base(unit))
		require.NoError(t, os.WriteFile(units[i], []byte(strings.ReplaceAll(string(text), "/usr/bin/coapgw", "/bin/true")), 0o644))
	}
	return units
}

func TestUnitsAreValid(t *testing.T) {
	for _, manager := range []struct{ flag, dir string }{{"--system", "systemd"}, {"--user", "systemd/user"}} {
		out, err := analyze(t, append([]string{manager.flag, "verify", "--man=no"}, unitsFor(t, manager.dir)...)...)
		assert.NoError(t, err, out)
		assert.NotContains(t, out, "coapgw", "it complains")
	}
}

func TestInvalidUnitIsFound(t *testing.T) {
	units := unitsFor(t, "systemd")
	text, err := os.ReadFile(units[0])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(units[0], append(text, "\n[Service]\nNoNewPrivilege=yes\n"...), 0o644))
	out, _ := analyze(t, "--system", "verify", "--man=no", units[0])
	assert.Contains(t, out, "NoNewPrivilege")
}

func TestServicesAreSandboxed(t *testing.T) {
	for _, unit := range services {
		out, err := analyze(t, "security", "--offline=true", "--threshold="+mostExposed, unit)
		assert.NoError(t, err, out)
		assert.Contains(t, out, "Overall exposure level")
	}
	bare := filepath.Join(t.TempDir(), "bare.service")
	require.NoError(t, os.WriteFile(bare, []byte("[Service]\nExecStart=/bin/true\n"), 0o644))
	_, err := analyze(t, "security", "--offline=true", "--threshold="+mostExposed, bare)
	assert.Error(t, err, "the threshold holds nobody")
}

// The two sides of the system differ in their names only.
func TestServicesAreAlike(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		_, service, found := strings.Cut(string(text), "[Service]")
		require.True(t, found)
		return service
	}
	assert.Equal(t, strings.ReplaceAll(read(services[0]), "serve", "connect"), read(services[1]))
}

// There is no tool to lint the container file with: what matters is checked here.
func TestContainerFile(t *testing.T) {
	text, err := os.ReadFile("container/Containerfile")
	require.NoError(t, err)
	var instructions []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			instructions = append(instructions, line)
		}
	}
	assert.Equal(t, "FROM scratch", instructions[0])
	assert.Contains(t, instructions, "USER 65532:65532")
	assert.Contains(t, instructions, "EXPOSE 5684/udp")
	for _, i := range instructions {
		word, rest, _ := strings.Cut(i, " ")
		assert.Contains(t, []string{"FROM", "COPY", "USER", "EXPOSE", "ENTRYPOINT", "CMD"}, word, "RUN needs a shell, ADD fetches")
		if word == "ENTRYPOINT" || word == "CMD" {
			assert.True(t, strings.HasPrefix(rest, `["`), "a shell would be needed for %q", i)
		}
	}
}
