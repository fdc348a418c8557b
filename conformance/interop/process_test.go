package interop

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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

// process is a program that runs until it is stopped.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string   // what it prints, line by line
	done  chan struct{} // closed when it has ended

	mu  sync.Mutex
	log strings.Builder
}

// maxLines is how many lines may wait to be looked at; a test reads few.
const maxLines = 10_000

// start runs a program; the test's end stops it if stop did not.
func start(t *testing.T, program string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(program, args...), lines: make(chan string, maxLines), done: make(chan struct{})}
	r, w := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = w, w
	require.NoError(t, p.cmd.Start())
	var reader sync.WaitGroup
	reader.Go(func() { p.read(r) })
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // ProcessState tells how
		_ = w.Close()
		reader.Wait()
	}()
	t.Cleanup(func() { p.stop() })
	return p
}

func (p *process) read(r io.Reader) {
	defer close(p.lines)
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.mu.Lock()
		p.log.WriteString(lines.Text() + "\n")
		p.mu.Unlock()
		select {
		case p.lines <- lines.Text():
		default:
		}
	}
	_, _ = io.Copy(io.Discard, r) // a line too long must not block the program
}

// await returns the rest of the next line that holds mark.
func (p *process) await(mark string) (rest string) {
	p.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case line, ok := <-p.lines:
			require.True(p.t, ok, "%s ended before it printed %q\n%s", p.cmd.Path, mark, p.printed())
			if _, rest, found := strings.Cut(line, mark); found {
				return rest
			}
		case <-timer.C:
			require.FailNow(p.t, "no such line", "%s does not print %q\n%s", p.cmd.Path, mark, p.printed())
		}
	}
}

// printed is all that the program printed up to now.
func (p *process) printed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// stop asks the program to end and waits for it. It may be called again. It asks again and
// again, for coap-client looks for signals and then waits for datagrams: one that comes
// between the two does not wake it.
func (p *process) stop() {
	p.t.Helper()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	late := time.After(patience)
	for {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-p.done:
			return
		case <-again.C:
		case <-late:
			_ = p.cmd.Process.Kill()
			<-p.done
			assert.Fail(p.t, "killed", "%s did not end after SIGTERM\n%s", p.cmd.Path, p.printed())
			return
		}
	}
}
