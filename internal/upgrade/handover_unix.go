//go:build unix

package upgrade

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/coapgw/coapgw/internal/activation"
)

// patience is how long a successor may take to read and check its configuration.
const patience = 30 * time.Second

var (
	errNoSocket = errors.New("there is no UDP socket to hand over")
	errRefused  = errors.New("the next process ended before it could serve: see its messages")
	errSlow     = fmt.Errorf("the next process was not ready within %s", patience)
)

// notify has SIGUSR2 ask for an upgrade.
func notify() chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR2)
	return c
}

func forget(c chan os.Signal) { signal.Stop(c) }

// closeOnExec keeps a descriptor from processes that are not meant to have it.
func closeOnExec(fd int) { syscall.CloseOnExec(fd) }

// handOver starts a successor and returns its ID when it could serve. It is ended
// otherwise, also when ctx ends first.
func (p *Process) handOver(ctx context.Context) (pid int, err error) {
	ready, says, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer ready.Close()
	gone, hold, err := os.Pipe()
	if err != nil {
		return 0, errors.Join(err, says.Close())
	}
	pid, err = p.start(says, gone)
	_, _ = says.Close(), gone.Close() // the successor has its own
	if err != nil {
		return 0, errors.Join(err, hold.Close())
	}
	successor, err := os.FindProcess(pid)
	if err != nil { // never on Unix
		return 0, errors.Join(err, hold.Close())
	}
	if err := await(ctx, ready); err != nil {
		_ = successor.Kill() // it may have ended
		_, _ = successor.Wait()
		return 0, errors.Join(err, hold.Close())
	}
	p.hold = hold
	return pid, successor.Release()
}

// await waits until a successor says that it could serve.
func await(ctx context.Context, ready *os.File) error {
	if err := ready.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = ready.SetReadDeadline(time.Now()) })
	defer stop()
	_, err := ready.Read(make([]byte, 1))
	switch {
	case ctx.Err() != nil && err != nil:
		return ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errSlow
	case err != nil:
		return errRefused
	}
	return nil
}

// start starts the program anew, as this process was started, with the socket and the
// pipes. The socket must not become blocking meanwhile, as os.File.Fd would make it for
// this process too: a read that waits in the kernel could not be ended.
func (p *Process) start(says, gone *os.File) (pid int, err error) {
	if p.socket == nil {
		return 0, errNoSocket
	}
	raw, err := p.socket.SyscallConn()
	if err != nil {
		return 0, err
	}
	self := strconv.Itoa(os.Getpid())
	names := strings.Join([]string{socketName, readyName, goneName}, ":")
	environ := append(p.environ[:len(p.environ):len(p.environ)],
		activation.PIDVariable+"="+self, activation.CountVariable+"=3", activation.NamesVariable+"="+names,
		parentVariable+"="+self)
	if p.watchdog > 0 {
		environ = append(environ, activation.WatchedVariable+"="+self)
	}
	failed := raw.Control(func(fd uintptr) {
		pid, err = syscall.ForkExec(p.program, p.args, &syscall.ProcAttr{
			Env:   environ,
			Files: []uintptr{0, 1, 2, fd, says.Fd(), gone.Fd()},
		})
	})
	if failed != nil {
		return 0, failed
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", p.program, err)
	}
	return pid, nil
}
