package footprint

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/process"
)

// running is a program that runs.
type running struct {
	*process.Process
	t *testing.T
}

// start runs a command until the test ends or stop is called.
func start(t *testing.T, cmd *exec.Cmd) *running {
	t.Helper()
	return &running{process.Start(t, cmd), t}
}

// stop has the program end, which must be no failure.
func (p *running) stop() {
	p.t.Helper()
	require.NoError(p.t, p.Stop())
}
