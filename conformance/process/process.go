// Package process runs a program beside a test and reads what it prints: the suites use it
// that run real programs (footprint, interop, lasting, load).
package process

import (
	"bufio"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Patience ends what hangs. An emulated program on a busy machine is far from it.
const Patience = 3 * time.Minute

// maxLines is how many lines may wait to be looked at; a test reads few.
const maxLines = 10_000

// Process is a program that runs.
type Process struct {
	Cmd *exec.Cmd
	// Began is when it was started.
	Began time.Time
	// Ended is closed when it has ended and all that it printed is read.
	Ended chan struct{}
	// Lines are what it prints, without those that Await has read. They end with it.
	Lines chan string

	t   testing.TB
	err error // of its end, valid after Ended

	mu  sync.Mutex
	log strings.Builder
}

// Start runs a command. It is killed when the test ends, unless it has ended by then, and
// what it printed is shown if the test has failed.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{Cmd: cmd, Began: time.Now(), Ended: make(chan struct{}), Lines: make(chan string, maxLines), t: t}
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	require.NoError(t, cmd.Start())
	var reader sync.WaitGroup
	reader.Go(func() { p.read(r) })
	go func() {
		defer close(p.Ended)
		p.err = cmd.Wait()
		_ = w.Close()
		reader.Wait()
	}()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%s printed:\n%s", cmd, p.Printed())
		}
	})
	return p
}

func (p *Process) read(r io.Reader) {
	defer close(p.Lines)
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.mu.Lock()
		p.log.WriteString(lines.Text() + "\n")
		p.mu.Unlock()
		select {
		case p.Lines <- lines.Text():
		default:
		}
	}
	_, _ = io.Copy(io.Discard, r) // a line too long must not block the program
}

// Printed is all that it printed up to now.
func (p *Process) Printed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// Await returns what stands behind mark in the next line that has it.
func (p *Process) Await(mark string) (rest string) {
	p.t.Helper()
	timer := time.NewTimer(Patience)
	defer timer.Stop()
	for {
		select {
		case line, ok := <-p.Lines:
			require.True(p.t, ok, "%s ended before it printed %q", p.Cmd.Path, mark)
			if _, rest, found := strings.Cut(line, mark); found {
				return rest
			}
		case <-timer.C:
			require.FailNow(p.t, "no such line", "%s does not print %q", p.Cmd.Path, mark)
		}
	}
}

// Kill ends it without a word (SIGKILL). It may have ended already.
func (p *Process) Kill() {
	_ = p.Cmd.Process.Kill()
	<-p.Ended
}

// Stop asks it to end (SIGTERM) and waits until it has. It may have ended already.
func (p *Process) Stop() error {
	p.t.Helper()
	_ = p.Cmd.Process.Signal(syscall.SIGTERM)
	return p.End()
}

// End waits until it has ended, and returns an error unless it says that all is well. What
// does not end fails the test.
func (p *Process) End() error {
	p.t.Helper()
	select {
	case <-p.Ended:
	case <-time.After(Patience):
		p.Kill()
		require.FailNow(p.t, "killed", "%s does not end", p.Cmd.Path)
	}
	return p.err
}
