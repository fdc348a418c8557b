package dtls

import (
	"context"
	"log/slog"
	"net"
	"time"

	pion "github.com/pion/dtls/v3"
)

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
		// identities is worth a line, now and then: they are told in clear.
		level := slog.LevelDebug
		if c := a.claimed.Load(); c != nil {
			log = log.With("identity", c.identity)
			if l.warns() {
				level = slog.LevelWarn
			}
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

// failuresPerSecond is how many handshakes that failed are worth a warning.
const failuresPerSecond = 1

// warns reports whether a failure is one of them.
func (l *Listener) warns() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failures.take(time.Now())
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
	if c := a.claimed.Load(); c != nil && t.suite.PSK() {
		t.keyCheck = c.keyCheck
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
	room := len(l.sessions) < l.limits.MaxSessions
	if n := l.limits.MaxPerIdentity; n > 0 && conn.identity != "" && l.perIdentity[conn.identity] >= n {
		end, rested := l.oldestOf(conn.identity)
		ending = append(ending, end)
		room = room || !rested
	}
	if !room {
		ending = append(ending, l.longestIdle(func(*Conn) bool { return true }).putAway)
	}
	if len(l.sessions)+len(l.stored) >= mostSessions {
		if c, ok := longestResting(l.stored, func(resting) bool { return true }); ok {
			ending = append(ending, l.dismiss(c))
		}
	}
	l.stats.displaced.Add(uint64(len(ending)))
	a.session, a.stage = conn, completed
	l.sessions[a] = struct{}{}
	l.perIdentity[conn.identity]++
	l.populate()
	return ending
}

// oldestOf returns how to end the session of an identity that was not used for
// longest, and whether it rests in the store.
func (l *Listener) oldestOf(identity string) (end func() error, rested bool) {
	live := l.longestIdle(func(c *Conn) bool { return c.identity == identity })
	c, ok := longestResting(l.stored, func(r resting) bool { return r.identity == identity })
	if ok && (live == nil || l.stored[c].since.Before(live.idleSince())) {
		return l.dismiss(c), true
	}
	return live.drop, false
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
		if match(a.session) && (idle == nil || a.session.idleSince().Before(idle.idleSince())) {
			idle = a.session
		}
	}
	return idle
}
