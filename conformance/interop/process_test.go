package interop

import (
	"bytes"
	"context"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/process"
)

// debian returns the path of a program of Debian's package libcoap3-bin.
func debian(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	require.NoError(t, err, "%s is missing: run apt-get install libcoap3-bin", name)
	return path
}

// output is what a program printed.
type output struct{ stdout, stderr string }

// execute runs a program to its end, which is patience away at most.
func execute(t *testing.T, program string, args ...string) (output, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	require.NoError(t, ctx.Err(), "%s %q did not end\n%s", program, args, &stderr)
	return output{stdout.String(), stderr.String()}, err
}

// start runs a program until the test ends.
func start(t *testing.T, program string, args ...string) *process.Process {
	t.Helper()
	return process.Start(t, exec.Command(program, args...))
}

// stop asks a program of libcoap to end until it has. It asks again and again, for coap-client
// looks for signals and then waits for datagrams: one that comes between the two does not
// wake it.
func stop(t *testing.T, p *process.Process) {
	t.Helper()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	late := time.After(patience)
	for {
		_ = p.Cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-p.Ended:
			return
		case <-again.C:
		case <-late:
			require.FailNow(t, "it did not end after SIGTERM")
		}
	}
}
