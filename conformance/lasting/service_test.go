//go:build unix

package lasting

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/process"
)

// service is serve as a service manager runs it; the test is the manager.
type service struct {
	p      *programs
	notify *net.UnixConn
	// socket is what the manager listens on for it, nil where it does so itself.
	socket *os.File
	// pid is the main process, and told what the manager was told.
	pid  int
	told []string
	// ended is closed when the last process that had the first one's output is gone.
	ended chan struct{}
}

// newService starts serve; activated passes it a socket.
func newService(t testing.TB, p *programs, activated bool) *service {
	s := &service{p: p}
	var err error
	s.notify, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: p.path("notify")})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.notify.Close() })
	if activated {
		address, err := net.ResolveUDPAddr("udp", p.server)
		require.NoError(t, err)
		pc, err := net.ListenUDP("udp", address)
		require.NoError(t, err)
		s.socket, err = pc.File()
		require.NoError(t, err)
		require.NoError(t, pc.Close()) // the file is another descriptor of the socket
		t.Cleanup(func() { _ = s.socket.Close() })
	}
	s.start()
	t.Cleanup(func() {
		select {
		case <-s.ended:
		default:
			_ = syscall.Kill(s.pid, syscall.SIGKILL)
			<-s.ended
		}
	})
	return s
}

// start starts the first process, and waits until it is ready.
func (s *service) start() {
	t := s.p.t
	args := append([]string{"serve", "--log-level", "warn"}, s.p.serveFlags()...)
	cmd := exec.Command(s.p.binary, args...)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+s.p.path("notify"), "WATCHDOG_USEC=400000")
	if s.socket != nil {
		// A process knows its ID and then becomes another program.
		cmd = exec.Command("/bin/sh", append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`, s.p.binary}, args...)...)
		cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+s.p.path("notify"), "LISTEN_FDS=1", "LISTEN_FDNAMES=coapgw.socket")
		cmd.ExtraFiles = []*os.File{s.socket}
	}
	log, err := os.OpenFile(s.p.path("serve.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	defer log.Close() // the child has its own
	out, in, err := os.Pipe()
	require.NoError(t, err)
	cmd.Stderr, cmd.Stdout = log, in
	require.NoError(t, cmd.Start())
	require.NoError(t, in.Close())
	s.pid, s.ended = cmd.Process.Pid, make(chan struct{})
	go func() {
		defer close(s.ended)
		_ = cmd.Wait() // how it ends, its log tells
		_, _ = io.Copy(io.Discard, out)
		_ = out.Close()
	}()
	s.await("READY=1")
}

// await reads what the manager is told until it is this, and returns the whole line.
func (s *service) await(want string) string {
	t := s.p.t
	t.Helper()
	require.NoError(t, s.notify.SetReadDeadline(time.Now().Add(process.Patience)))
	for b := make([]byte, 4096); ; {
		n, err := s.notify.Read(b)
		require.NoError(t, err, "waiting for %s, told %q, %s", want, s.told, s.log())
		message := string(b[:n])
		s.told = append(s.told, message)
		if pid, ok := strings.CutPrefix(message, "MAINPID="); ok {
			s.pid, err = strconv.Atoi(pid)
			require.NoError(t, err)
		}
		if strings.HasPrefix(message, want) {
			return message
		}
	}
}

// upgrade asks for a new process and returns how long it took to start, and how long
// it then was until it served.
func (s *service) upgrade() (start, gap time.Duration) {
	begun := time.Now()
	require.NoError(s.p.t, syscall.Kill(s.pid, syscall.SIGUSR2))
	s.await("MAINPID=")
	start = time.Since(begun)
	s.await("READY=1")
	return start, time.Since(begun) - start
}

// restart ends the process and starts another, and returns how long that took.
func (s *service) restart() time.Duration {
	begun := time.Now()
	s.stop()
	s.start()
	return time.Since(begun)
}

func (s *service) stop() {
	require.NoError(s.p.t, syscall.Kill(s.pid, syscall.SIGTERM))
	select {
	case <-s.ended:
	case <-time.After(process.Patience):
		require.Fail(s.p.t, "serve does not stop", s.log())
	}
}

// log is what all processes had to say.
func (s *service) log() string {
	text, err := os.ReadFile(s.p.path("serve.log"))
	return fmt.Sprintf("log: %s %v", text, err)
}

// count returns how often the manager was told this.
func (s *service) count(what string) (n int) {
	for _, message := range s.told {
		if strings.HasPrefix(message, what) {
			n++
		}
	}
	return n
}
