package dtls

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	// populated tells the reaper that there are sessions.
	populated chan struct{}

	mu        sync.Mutex
	ids       cidAllocator
	resets    resetter
	admission admission
	byCID     map[cid]*association
	stored    map[cid]struct{} // sessions that rest in the store
	waking    int              // sessions on their way out of it
	bySite    map[addrKey]*site
	halfOpen  map[*association]struct{}
	sessions  map[*association]struct{}

	stats tally
}

type tally struct {
	malformed, unrouted, overflow, refused, evicted, failed, sendErrors, resets atomic.Uint64
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
	resetKey, stored, err := openStore(cfg)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	l := &Listener{
		pc: pc, cfg: cfg, ctx: ctx, cancel: cancel,
		accept: make(chan *Conn),

		populated: make(chan struct{}, 1),

		ids:       newCIDAllocator(),
		resets:    newResetter(resetKey),
		admission: newAdmission(),
		stored:    stored,
		byCID:     map[cid]*association{},
		bySite:    map[addrKey]*site{},
		halfOpen:  map[*association]struct{}{},
		sessions:  map[*association]struct{}{},
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
			l.deliver(buf[:n], from)
		}
	}
}

// shake runs one handshake and hands the session over.
func (l *Listener) shake(ctx context.Context, a *association, peer net.Addr) {
	defer a.cancel() // a session has no use for its context
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Slowest.HandshakeTimeout)
	defer cancel()

	log := l.cfg.log().With("peer", peer)
	c, err := pion.ServerWithOptions(a.shaking, peer, serverOptions(l.cfg, a)...)
	if err != nil {
		log.Error("dtls: configuration not accepted", "error", err)
		l.forget(a, false)
		return
	}
	if err := c.HandshakeContext(ctx); err != nil {
		c.Close()
		l.forget(a, false)
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
	conn, err := l.establish(a, c)
	if err != nil {
		log.Error("dtls: session given up", "error", err)
		l.forget(a, false)
		l.stats.failed.Add(1)
		return
	}
	ending, ok := l.promote(a, conn)
	l.finish(ending)
	if !ok {
		_ = conn.drop()
		return
	}
	log.Info("dtls: session", "suite", conn.suite, "identity", conn.identity, "cid", conn.withCID())
	l.offer(conn)
}

// finish ends sessions that had to make room.
func (l *Listener) finish(ending []func() error) {
	for _, end := range ending {
		if err := end(); err != nil {
			l.cfg.log().Error("dtls: session not put away", "error", err)
		}
	}
}

// offer hands a session to Accept.
func (l *Listener) offer(conn *Conn) {
	select {
	case l.accept <- conn:
	case <-l.ctx.Done():
	}
}

// establish makes a session of a completed handshake.
func (l *Listener) establish(a *association, c *pion.Conn) (*Conn, error) {
	peer := c.RemoteAddr()
	t, err := takeOver(c, a.shaking)
	if err != nil {
		return nil, err
	}
	conn, err := newConn(a, t.secrets, newLedger(t.send, t.received), newPath(peer, l.cfg.CheckPaths), true)
	if err != nil {
		return nil, err
	}
	if conn.withCID() {
		l.giveResetToken(conn, a.id)
	}
	if l.cfg.Store != nil && conn.withCID() {
		l.keep(conn, a.id, t.secrets)
	}
	for _, b := range t.early {
		conn.in.put(datagram{data: b})
	}
	a.attach(conn)
	return conn, nil
}

// promote makes a session out of a completed handshake; false when it was given
// up in the same moment. It returns how to end the sessions that have to go: the
// one that it replaces (RFC 6347 §4.2.8), and the one idle for longest when there
// are too many, which a store keeps.
func (l *Listener) promote(a *association, conn *Conn) (ending []func() error, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a.stage != handshaking {
		return nil, false
	}
	l.settled(a)
	ending = l.admit(a, conn)
	if s := l.bySite[a.site]; s != nil && s.pending == a {
		old := s.current
		s.current, s.pending = a, nil
		if old != nil && old.replacedBy(a) {
			ending = append(ending, old.session.drop)
		}
	}
	a.shaking = nil
	return ending, true
}

// admit adds a session and returns how to end those that are too many.
func (l *Listener) admit(a *association, conn *Conn) (ending []func() error) {
	if len(l.sessions) >= l.cfg.MaxSessions {
		ending = append(ending, l.longestIdle(func(*Conn) bool { return true }).putAway)
	}
	if n := l.cfg.MaxPerIdentity; n > 0 && conn.identity != "" {
		same := func(c *Conn) bool { return c.identity == conn.identity }
		if l.count(same) >= n {
			ending = append(ending, l.longestIdle(same).drop)
		}
	}
	a.session, a.stage = conn, completed
	l.sessions[a] = struct{}{}
	l.populate()
	return ending
}

// replacedBy tells whether a session ends because a newer one was made from the
// address where it began. Without a Connection ID it cannot be reached any more.
// With one it may have moved, and the address be somebody else's now; only a
// peer that proves the same identity from the address that it still has must
// have lost its old session.
func (a *association) replacedBy(newer *association) bool {
	return !a.session.withCID() ||
		(a.session.identity == newer.session.identity && keyOf(a.session.RemoteAddr()) == newer.site)
}

// longestIdle returns, of the sessions that match, the one that was not used for
// longest.
func (l *Listener) longestIdle(match func(*Conn) bool) (idle *Conn) {
	for a := range l.sessions {
		if match(a.session) && (idle == nil || a.session.used.Load() < idle.used.Load()) {
			idle = a.session
		}
	}
	return idle
}

func (l *Listener) count(match func(*Conn) bool) (n int) {
	for a := range l.sessions {
		if match(a.session) {
			n++
		}
	}
	return n
}
