package endpoint

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"
)

// A peer may send what this package, or who handles it, was not written for. Where Config
// says so, a panic in a goroutine of a session ends that session alone.

// PanicError ended a session: a fault of this program, and not of the peer or the link. The
// log has its stack. It is an ErrClosed.
type PanicError struct {
	// What is the panic in a few words, without values that might be secret.
	What string
}

// Error implements error.
func (e *PanicError) Error() string { return "coap: a panic has ended the session: " + e.What }

// Unwrap returns ErrClosed: another session may be opened.
func (e *PanicError) Unwrap() error { return ErrClosed }

// NewPanicError is the error of a panic.
func NewPanicError(value any) *PanicError {
	var known runtime.Error
	if err, ok := value.(error); ok && errors.As(err, &known) {
		return &PanicError{known.Error()}
	}
	return &PanicError{fmt.Sprintf("%T", value)}
}

const (
	// lockTries and lockPause are how long a session's lock may take to become free after a
	// panic. It is never held for long.
	lockTries = 100
	lockPause = 10 * time.Millisecond
)

// Guard runs what a goroutine or a timer does for the session: a panic ends that, where
// Config.Recover is set.
func (c *Conn) Guard(f func()) {
	if c.cfg.Recover {
		defer c.recovered()
	}
	f()
}

// recovered ends the session after a panic.
func (c *Conn) recovered() {
	if value := recover(); value != nil {
		_ = c.Crash(value)
	}
}

// Crash ends the session after a panic in something that was done for it, which was
// recovered: calls in progress fail with the *PanicError that it returns. It panics again where nobody could
// end the session, because its lock was held at the panic, and where Config.Recover is not
// set.
func (c *Conn) Crash(value any) error {
	if !c.cfg.Recover {
		panic(value)
	}
	problem := NewPanicError(value)
	c.log.Error("coap: a panic ends a session: please report it", "panic", problem.What, "stack", string(debug.Stack()))
	for tries := 0; !c.mu.TryLock(); tries++ {
		if tries == lockTries {
			panic(value)
		}
		time.Sleep(lockPause)
	}
	c.mu.Unlock()
	_ = c.end(problem)
	return problem
}

// start runs f on a goroutine of the session.
func (c *Conn) start(f func()) { c.wg.Go(func() { c.Guard(f) }) }

// after runs f in a while.
func (c *Conn) after(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(d, func() { c.Guard(f) })
}
