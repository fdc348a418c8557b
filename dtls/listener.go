package dtls

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	pion "github.com/pion/dtls/v3"
)

// Listener serves the sessions of one socket. It implements net.Listener; the
// connections that it accepts are *Conn.
type Listener struct {
	pc  net.PacketConn
	cfg Config

	ctx    context.Context
	cancel context.CancelCauseFunc
	accept chan *Conn
	work   sync.WaitGroup

	mu       sync.Mutex
	ids      cidAllocator
	byCID    map[cid]*association
	bySite   map[addrKey]*site
	halfOpen map[*association]struct{}
	sessions map[*association]struct{}

	stats tally
}

type tally struct {
	malformed, unrouted, overflow, refused, evicted, failed, sendErrors atomic.Uint64
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
}

// Listen serves DTLS on pc and takes it over: Close closes it.
func Listen(pc net.PacketConn, cfg Config) (*Listener, error) {
	cfg, err := cfg.server()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	l := &Listener{
		pc: pc, cfg: cfg, ctx: ctx, cancel: cancel,
		accept:   make(chan *Conn),
		ids:      newCIDAllocator(),
		byCID:    map[cid]*association{},
		bySite:   map[addrKey]*site{},
		halfOpen: map[*association]struct{}{},
		sessions: map[*association]struct{}{},
	}
	l.work.Go(l.read)
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
	sessions, halfOpen := len(l.sessions), len(l.halfOpen)
	l.mu.Unlock()
	s := &l.stats
	return Stats{
		Sessions: sessions, HalfOpen: halfOpen,
		Malformed: s.malformed.Load(), Unrouted: s.unrouted.Load(), Overflow: s.overflow.Load(),
		SendErrors: s.sendErrors.Load(), Refused: s.refused.Load(), Evicted: s.evicted.Load(), Failed: s.failed.Load(),
	}
}

// Close ends every session with a close_notify, closes the socket and waits for
// all goroutines of the listener. Sessions cannot outlive their socket.
func (l *Listener) Close() error {
	l.cancel(net.ErrClosed)
	l.closeSessions()
	err := l.pc.Close()
	l.work.Wait()
	l.closeSessions() // those that were completed in between
	return err
}

func (l *Listener) closeSessions() {
	l.mu.Lock()
	conns := make([]*Conn, 0, len(l.sessions))
	for a := range l.sessions {
		conns = append(conns, a.conn)
	}
	l.mu.Unlock()
	for _, c := range conns {
		c.Close()
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
			l.deliver(append([]byte(nil), buf[:n]...), from)
		}
	}
}

// shake runs one handshake and hands the session over.
func (l *Listener) shake(ctx context.Context, a *association, peer net.Addr) {
	defer a.cancel() // a session has no use for its context
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Slowest.HandshakeTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, a.in.close)
	defer stop()

	log := l.cfg.log().With("peer", peer)
	c, err := pion.ServerWithOptions(a, peer, serverOptions(l.cfg, a)...)
	if err != nil {
		log.Error("dtls: configuration not accepted", "error", err)
		a.Close()
		return
	}
	if err := c.HandshakeContext(ctx); err != nil {
		c.Close()
		a.Close()
		l.stats.failed.Add(1)
		// Anyone can fail a handshake as often as he likes; who names one of our
		// identities is worth a line.
		level := slog.LevelDebug
		if id := a.claimed.Load(); id != nil {
			level, log = slog.LevelWarn, log.With("identity", *id)
		}
		log.Log(ctx, level, "dtls: handshake failed", "error", err)
		return
	}
	conn := newConn(c, a.withCID.Load(), int(a.overhead.Load()))
	conn.assoc = a
	replaced, ok := l.promote(a, conn)
	for _, old := range replaced {
		old.muted.Store(true)
		old.conn.Close()
	}
	if !ok {
		conn.Close()
		return
	}
	log.Info("dtls: session", "suite", conn.suite, "identity", conn.identity, "cid", conn.withCID)
	select {
	case l.accept <- conn:
	case <-l.ctx.Done():
		conn.Close()
	}
}

// promote makes a session out of a completed handshake; false when it was given
// up in the same moment. It returns the sessions that have to go: the one that
// it replaces (RFC 6347 §4.2.8), and the one idle for longest when there are too
// many.
func (l *Listener) promote(a *association, conn *Conn) (replaced []*association, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a.stage != handshaking {
		return nil, false
	}
	a.conn = conn
	a.stage = completed
	a.established.Store(true)
	delete(l.halfOpen, a)

	if len(l.sessions) >= l.cfg.MaxSessions {
		replaced = append(replaced, l.longestIdle())
	}
	l.sessions[a] = struct{}{}

	if s := l.bySite[a.site]; s != nil && s.pending == a {
		old := s.current
		s.current, s.pending = a, nil
		if old != nil && old.replacedBy(a) {
			replaced = append(replaced, old)
		}
	}
	return replaced, true
}

// replacedBy tells whether a session ends because a newer one was made from the
// address where it began. Without a Connection ID it cannot be reached any more.
// With one it may have moved, and the address be somebody else's now; only a
// peer that proves the same identity from the address that it still has must
// have lost its old session.
func (a *association) replacedBy(newer *association) bool {
	return !a.conn.withCID ||
		(a.conn.identity == newer.conn.identity && keyOf(a.conn.RemoteAddr()) == newer.site)
}

// longestIdle returns the session that was not used for longest.
func (l *Listener) longestIdle() (idle *association) {
	for a := range l.sessions {
		if idle == nil || a.conn.used.Load() < idle.conn.used.Load() {
			idle = a
		}
	}
	return idle
}
