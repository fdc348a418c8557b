package dtls

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// Listener serves the sessions of one socket. It implements net.Listener; the
// connections that it accepts are *Conn.
type Listener struct {
	pc  net.PacketConn
	cfg Config // but for what limits has

	ctx    context.Context
	cancel context.CancelCauseFunc
	accept chan *Conn
	work   sync.WaitGroup
	guard  *guard
	// populated tells the reaper that there are sessions.
	populated chan struct{}

	mu        sync.Mutex
	limits    Limits
	ids       cidAllocator
	resets    resetter
	admission admission
	failures  bucket // of handshakes that are logged
	// allowances has a lock of its own.
	allowances allowances
	byCID      map[cid]*association
	stored     map[cid]resting // sessions in the store
	// perIdentity counts the sessions, those in the store included.
	perIdentity map[string]int
	waking      int // sessions on their way out of it
	bySite      map[addrKey]*site
	halfOpen    map[*association]struct{}
	sessions    map[*association]struct{}

	stats tally
}

type tally struct {
	malformed, unrouted, overflow, refused, evicted, failed, displaced, sendErrors, resets atomic.Uint64
}

// Stats is a moment of a Listener.
type Stats struct {
	// Sessions and HalfOpen count completed sessions and handshakes under way.
	Sessions, HalfOpen int
	// Malformed counts datagrams that are no DTLS records; Unrouted those for no
	// association; Overflow those dropped because their association did not keep
	// up; SendErrors those that the socket refused to send.
	Malformed, Unrouted, Overflow, SendErrors uint64
	// Refused counts handshakes not begun and Evicted those given up for others
	// because MaxHalfOpen was reached; Failed those that did not complete.
	Refused, Evicted, Failed uint64
	// Displaced counts sessions that made room for others at one of the Limits, or in the
	// store.
	Displaced uint64
	// Stored counts the sessions that rest in the store, and Resets the clients
	// that were told that theirs is lost.
	Stored int
	Resets uint64
}

// Listen serves DTLS on pc and takes it over: Close closes it.
func Listen(pc net.PacketConn, cfg Config) (*Listener, error) {
	cfg, err := cfg.server()
	if err != nil {
		return nil, err
	}
	resetKey, err := cfg.resetKey()
	if err != nil {
		return nil, err
	}
	stored, err := openStore(cfg)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	l := &Listener{
		pc: pc, cfg: cfg, limits: Limits{cfg.MaxSessions, cfg.MaxPerIdentity, cfg.IdleLifetime},
		ctx: ctx, cancel: cancel,
		accept: make(chan *Conn),

		populated: make(chan struct{}, 1),

		ids:       newCIDAllocator(),
		resets:    newResetter(resetKey),
		admission: newAdmission(),
		failures:  bucket{perSecond: failuresPerSecond},
		guard:     newGuard(),

		allowances: allowances{most: cfg.MaxHalfOpen * ownAllowance},
		stored:     map[cid]resting{},
		byCID:      map[cid]*association{},
		bySite:     map[addrKey]*site{},
		halfOpen:   map[*association]struct{}{},
		sessions:   map[*association]struct{}{},

		perIdentity: map[string]int{},
	}
	for c, r := range stored {
		l.lay(c, r)
	}
	l.work.Go(l.read)
	l.work.Go(l.reap)
	if len(stored) > 0 {
		l.populate()
	}
	return l, nil
}

// Accept returns the next session whose handshake is complete, a *Conn. It fails
// with net.ErrClosed after Close, and with the socket's error when that broke.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.ctx.Done():
		return nil, context.Cause(l.ctx)
	}
}

// Addr returns the address of the socket.
func (l *Listener) Addr() net.Addr { return l.pc.LocalAddr() }

// Stats returns the present counts.
func (l *Listener) Stats() Stats {
	l.mu.Lock()
	sessions, halfOpen, stored := len(l.sessions), len(l.halfOpen), len(l.stored)
	l.mu.Unlock()
	s := &l.stats
	return Stats{
		Sessions: sessions, HalfOpen: halfOpen, Stored: stored, Resets: s.resets.Load(),
		Malformed: s.malformed.Load(), Unrouted: s.unrouted.Load(), Overflow: s.overflow.Load(),
		SendErrors: s.sendErrors.Load(), Refused: s.refused.Load(), Evicted: s.evicted.Load(), Failed: s.failed.Load(),
		Displaced: s.displaced.Load(),
	}
}

// Close ends every session with a close_notify, closes the socket and waits for
// all goroutines of the listener. Sessions in a Store are left there instead,
// without a word to their clients, for the next Listener.
func (l *Listener) Close() error {
	l.cancel(net.ErrClosed)
	l.closeSessions()
	err := l.pc.Close()
	l.work.Wait()
	l.closeSessions() // those that were completed in between
	return err
}

// closeSessions closes all sessions, or leaves them to the store in one write.
func (l *Listener) closeSessions() {
	l.mu.Lock()
	conns := make([]*Conn, 0, len(l.sessions))
	for a := range l.sessions {
		conns = append(conns, a.session)
	}
	l.mu.Unlock()
	resting := map[string][]byte{}
	for _, c := range conns {
		if !c.Durable() {
			_ = c.Close() // without a store nothing can fail
		} else if last, first := c.end(io.EOF); first {
			resting[c.kept.prefix+countersKey] = last.marshal()
			defer c.below.gone(true)
		}
	}
	if len(resting) == 0 {
		return
	}
	if err := l.cfg.Store.Commit(resting); err != nil {
		l.cfg.log().Error("dtls: sessions not stored; they resume as after a crash", "error", err)
	}
}

// maxReadErrors in a row end a listener: the socket is broken. Single ones are
// echoes of what was sent to a peer that is gone.
const maxReadErrors = 16

// maxDatagram is the longest datagram that is read; DTLS records of a
// constrained link are far shorter.
const maxDatagram = 8192

// read hands each datagram of the socket to its association.
func (l *Listener) read() {
	buf := make([]byte, maxDatagram)
	for failures := 0; ; {
		n, from, err := l.pc.ReadFrom(buf)
		switch {
		case errors.Is(err, net.ErrClosed) || l.ctx.Err() != nil:
			l.cancel(net.ErrClosed)
			return
		case err != nil:
			if failures++; failures == maxReadErrors {
				l.cancel(fmt.Errorf("dtls: reading from the socket: %w", err))
				l.closeSessions()
				return
			}
		default:
			failures = 0
			l.guard.run(&l.cfg, func() { l.deliver(buf[:n], from) })
		}
	}
}
