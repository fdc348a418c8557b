package upgrade

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coapgw/coapgw/internal/activation"
)

// parentVariable holds the ID of the process that has started this one as its successor.
// Nobody knows the ID of a process before it runs, so LISTEN_PID and WATCHDOG_PID of a
// successor are those of its predecessor too.
const parentVariable = "HANDOVER_PID"

// own are the variables that concern one process alone.
var own = []string{
	parentVariable, activation.PIDVariable, activation.CountVariable, activation.NamesVariable, activation.WatchedVariable,
}

// Names of what a successor is passed beside the socket: two pipes, on one of which it
// says that it could serve, while the other ends when its predecessor has let go.
const (
	socketName = "coapgw"
	readyName  = "handover-ready"
	goneName   = "handover-gone"
)

// Process is this process, between the one before and the one after it.
type Process struct {
	log *slog.Logger
	// program, args and environ are what the next one is started with.
	program       string
	args, environ []string

	manager  activation.Notifier
	watchdog time.Duration
	signals  chan os.Signal
	passed   []activation.Socket
	// ready and gone are the pipes to a predecessor, nil without one.
	ready, gone *os.File
	socket      *net.UDPConn
	inherited   bool
	// hold tells a successor, by its end, that this process has let go.
	hold io.Closer

	work sync.WaitGroup
	stop chan struct{}
}

// Begin reads what the environment says of the processes around this one, and removes
// what is meant for this one alone. From then on SIGUSR2 asks for an upgrade, which waits
// for Run. Close ends it, after everything else of this process has ended.
func Begin(log *slog.Logger) (*Process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("upgrade: %w", err)
	}
	pids := []int{os.Getpid()}
	if parent, err := strconv.Atoi(os.Getenv(parentVariable)); err == nil {
		pids = append(pids, parent)
	}
	p := &Process{
		log: log, program: program, args: slices.Clone(os.Args), environ: environ(),
		manager:  activation.NewNotifier(os.Getenv),
		watchdog: activation.WatchdogInterval(os.Getenv, pids...),
		stop:     make(chan struct{}),
	}
	passed, err := activation.Passed(os.Getenv, pids...)
	if err != nil {
		return nil, err
	}
	for _, name := range own {
		_ = os.Unsetenv(name) // fails for malformed names only
	}
	for _, s := range passed {
		closeOnExec(s.FD)
		switch s.Name {
		case readyName:
			p.ready = os.NewFile(uintptr(s.FD), s.Name)
		case goneName:
			p.gone = os.NewFile(uintptr(s.FD), s.Name)
		default:
			p.passed = append(p.passed, s)
		}
	}
	p.signals = notify()
	return p, nil
}

// environ is the environment without what concerns this process alone.
func environ() []string {
	return slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(own, name)
	})
}

// Inherit is to be called when all has been read and checked that can be without opening
// what only one process may have open. It tells the predecessor, if there is one, and
// returns when that has let go of everything, at the latest by its death. A signal to end
// does not shorten this: what the predecessor stores is not to be disturbed.
func (p *Process) Inherit() error {
	if p.watchdog > 0 {
		p.work.Go(p.live)
	}
	if p.ready == nil || p.gone == nil {
		return nil
	}
	_, err := p.ready.Write([]byte{1})
	if err = errors.Join(err, p.ready.Close()); err != nil {
		return fmt.Errorf("upgrade: the earlier process does not wait for this one: %w", err)
	}
	if _, err := io.Copy(io.Discard, p.gone); err != nil {
		return fmt.Errorf("upgrade: waiting for the earlier process: %w", err)
	}
	p.log.Info("upgrade: the earlier process has let go")
	p.inherited = true
	return p.gone.Close()
}

// Inherited reports whether Inherit has taken over from an earlier process: if this one ends,
// nobody is left.
func (p *Process) Inherited() bool { return p.inherited }

// live tells the manager's watchdog that the process lives.
func (p *Process) live() {
	for tick := time.NewTicker(p.watchdog); ; {
		select {
		case <-p.stop:
			tick.Stop()
			return
		case <-tick.C:
			p.told(p.manager.Alive())
		}
	}
}

// told logs that the manager was not told something.
func (p *Process) told(err error) {
	if err != nil {
		p.log.Warn("upgrade: " + err.Error())
	}
}

// Close lets go: a successor goes on from here. It is to be called after all else.
func (p *Process) Close() error {
	close(p.stop)
	p.work.Wait()
	forget(p.signals)
	if p.hold == nil {
		return nil
	}
	return p.hold.Close()
}
