package microcontroller

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/keys"
)

// find returns the path of a program of a Debian package.
func find(t *testing.T, program, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	require.NoError(t, err, "%s is missing: run apt-get install %s", program, pkg)
	return path
}

// compile builds the client as its README says, with libcoap over a TLS library. More
// flags of gcc, and files, may follow.
func compile(t *testing.T, tls string, more ...string) (executable string) {
	t.Helper()
	require.FileExists(t, "/usr/include/coap3/coap.h", "libcoap is missing: run apt-get install libcoap3-dev")
	flags, err := exec.CommandContext(t.Context(), find(t, "pkg-config", "pkg-config"), "--cflags", "--libs", "libcoap-3-"+tls).Output()
	require.NoError(t, err)
	executable = filepath.Join(t.TempDir(), "room")
	args := append([]string{"-Wall", "-Wextra", "-Werror", "-g", "-O1", "-o", executable, sources + "/room.c"}, more...)
	said, err := exec.CommandContext(t.Context(), find(t, "gcc", "gcc"), append(args, strings.Fields(string(flags))...)...).CombinedOutput()
	require.NoError(t, err, string(said))
	require.Empty(t, string(said))
	return executable
}

// client is the program in C while it runs.
type client struct {
	t     *testing.T
	cmd   *exec.Cmd
	input io.WriteCloser
	lines chan string   // what it prints, line by line
	done  chan struct{} // closed when it has ended

	mu  sync.Mutex
	log strings.Builder
}

// maxLines is how many lines of output may wait to be looked at.
const maxLines = 1000

// start runs the client; command is the program, or one that runs it. The test's end kills
// it if it still runs.
func start(t *testing.T, psk keys.PSK, user person, addr, room string, command ...string) *client {
	t.Helper()
	host, port, ok := strings.Cut(addr, ":")
	require.True(t, ok)
	c := &client{t: t, lines: make(chan string, maxLines), done: make(chan struct{})}
	c.cmd = exec.Command(command[0], append(command[1:], host, port, room)...)
	c.cmd.Env = append(os.Environ(), "PSK="+psk.Line(), "MATRIX_USER="+user.name, "MATRIX_PASSWORD="+user.password)
	r, w := io.Pipe()
	c.cmd.Stdout, c.cmd.Stderr = w, w
	var err error
	c.input, err = c.cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, c.cmd.Start())
	var reader sync.WaitGroup
	reader.Go(func() { c.read(r) })
	go func() {
		defer close(c.done)
		_ = c.cmd.Wait() // ProcessState tells how
		_ = w.Close()
		reader.Wait()
	}()
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		<-c.done
		if t.Failed() {
			t.Logf("the client printed:\n%s", c.printed())
		}
	})
	return c
}

func (c *client) read(r io.Reader) {
	defer close(c.lines)
	for lines := bufio.NewScanner(r); lines.Scan(); {
		c.mu.Lock()
		c.log.WriteString(lines.Text() + "\n")
		c.mu.Unlock()
		c.lines <- lines.Text()
	}
}

// printed is all that the client printed up to now.
func (c *client) printed() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.log.String()
}

// say gives the client a line to send.
func (c *client) say(line string) {
	c.t.Helper()
	_, err := io.WriteString(c.input, line+"\n")
	require.NoError(c.t, err)
}

// expect waits for a line, and for none but that.
func (c *client) expect(line string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	select {
	case got, ok := <-c.lines:
		require.True(c.t, ok, "it ended")
		require.Equal(c.t, line, got)
	case <-ctx.Done():
		require.FailNow(c.t, "the client does not print "+line)
	}
}

// stop asks the client to end, as a user does, and returns its exit status.
func (c *client) stop() int {
	c.t.Helper()
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	return c.wait()
}

// wait waits for the client's end and returns its exit status.
func (c *client) wait() int {
	c.t.Helper()
	select {
	case <-c.done:
	case <-time.After(patience):
		require.FailNow(c.t, "the client does not end")
	}
	return c.cmd.ProcessState.ExitCode()
}
