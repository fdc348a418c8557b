package footprint

import (
	"bufio"
	"context"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience ends what hangs. An emulated program on a busy machine is far from it.
const patience = 3 * time.Minute

// process is a program that runs.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	began time.Time
	lines chan string
	ended chan struct{} // closed when it has ended, with err

	mu  sync.Mutex
	log strings.Builder
	err error
}

// start runs a command until the test ends or stop is called.
func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, began: time.Now(), lines: make(chan string, 1000), ended: make(chan struct{})}
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	require.NoError(t, cmd.Start())
	var reader sync.WaitGroup
	reader.Go(func() { p.read(r) })
	go func() {
		err := cmd.Wait()
		_ = w.Close()
		reader.Wait()
		p.err = err
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("%s said:\n%s", cmd, p.said())
		}
	})
	return p
}

func (p *process) read(r io.Reader) {
	defer close(p.lines)
	for lines := bufio.NewScanner(r); lines.Scan(); {
		p.mu.Lock()
		p.log.WriteString(lines.Text() + "\n")
		p.mu.Unlock()
		select {
		case p.lines <- lines.Text():
		default: // nobody reads so many
		}
	}
	_, _ = io.Copy(io.Discard, r)
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// await returns what stands behind mark in the next line that has it.
func (p *process) await(mark string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	for {
		select {
		case line, ok := <-p.lines:
			require.True(p.t, ok, "it ended before it said %q", mark)
			if _, rest, found := strings.Cut(line, mark); found {
				return rest
			}
		case <-ctx.Done():
			require.FailNow(p.t, "it never said "+mark)
		}
	}
}

// stop has the program end, which must be no failure.
func (p *process) stop() {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	p.wait()
}

// wait waits for the program's end, which must be no failure.
func (p *process) wait() {
	p.t.Helper()
	select {
	case <-p.ended:
		require.NoError(p.t, p.err)
	case <-time.After(patience):
		require.FailNow(p.t, "it does not end")
	}
}
