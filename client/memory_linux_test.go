package client_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/ashore"
)

// maxResident is what a sensor may take of memory, its program included, in kB.
const maxResident = 12 << 10

// TestResidentMemory: the sensor, built small and for a machine of 32 bits where this one
// runs such programs, has sent many readings and stays below what a small router can give.
func TestResidentMemory(t *testing.T) {
	far, err := ashore.Start()
	require.NoError(t, err)
	defer func() { assert.NoError(t, far.Close()) }()
	u, err := far.SignUp(t.Context(), "thermometer")
	require.NoError(t, err)
	room, err := u.CreateRoom(t.Context())
	require.NoError(t, err)
	dir := t.TempDir()
	line := filepath.Join(dir, "boat.pairing")
	require.NoError(t, os.WriteFile(line, []byte(far.Pairing), 0o600))
	arch := runtime.GOARCH
	if arch == "amd64" {
		arch = "386"
	}
	sensor := filepath.Join(dir, "sensor")
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", "coapgw_psk", "-trimpath", "-ldflags", "-s -w", "-o", sensor, "./examples/go/sensor")
	build.Dir, build.Env = "..", append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+arch)
	said, err := build.CombinedOutput()
	require.NoError(t, err, string(said))

	cmd := exec.CommandContext(t.Context(), sensor, line, room)
	cmd.Env = append(os.Environ(), "MATRIX_TOKEN="+u.Token)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	const readings = 100
	for i := range readings {
		_, err := fmt.Fprintf(in, "%d.5\n", i)
		require.NoError(t, err)
	}
	for last := strconv.Itoa(readings-1) + ".5"; ; {
		texts, err := u.Messages(t.Context(), room)
		require.NoError(t, err)
		if len(texts) > 0 && texts[0] == last {
			break
		}
	}
	now, most := resident(t, cmd.Process.Pid, "VmRSS"), resident(t, cmd.Process.Pid, "VmHWM")
	require.NoError(t, in.Close())
	require.NoError(t, cmd.Wait())
	t.Logf("%s: %d kB resident after %d readings, %d kB at most", arch, now, readings, most)
	assert.Less(t, most, maxResident)
}

// resident reads a line of /proc/PID/status, in kB.
func resident(t *testing.T, pid int, name string) int {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+":"); ok {
			n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
			require.NoError(t, err)
			return n
		}
	}
	t.Fatal(name, "is not there")
	return 0
}
