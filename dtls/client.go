package dtls

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
)

// Dial shakes hands with peer over pc, which it takes over: the session's Close
// closes it, and so does a Dial that fails. The handshake ends with the
// context or after Profile.HandshakeTimeout; a server too busy to keep it is asked
// again. With a Store, the session takes the place of the one of the same
// SessionName. Errors are *ShortKeyError, *HandshakeError, or about the
// configuration.
//
// A fresh socket per Dial is best: a server without support for a client that
// restarts on the same port (RFC 6347 §4.2.8) would not answer on the old one.
func Dial(ctx context.Context, pc net.PacketConn, peer net.Addr, cfg Config) (*Conn, error) {
	if err := cfg.checkClient(); err != nil {
		pc.Close()
		return nil, err
	}
	link := newClientLink(pc, peer, cfg)
	link.start(pc)
	ctx, cancel := context.WithTimeout(ctx, cfg.Profile.HandshakeTimeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		conn, err := link.shake(ctx, peer, cfg)
		if err == nil {
			return conn, nil
		}
		// A busy server that had to let a handshake go says so.
		if link.alert.Load() != alertInternalError || attempt == maxAttempts || ctx.Err() != nil {
			link.close()
			return nil, err
		}
		link.again()
	}
}

// maxAttempts bounds the handshakes of one Dial. Each was let go by a server under
// a flood, which a third of all attempts survive when a round trip brings as many
// strangers as there are places.
const maxAttempts = 32

// again prepares for another handshake.
func (l *clientLink) again() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.early = newInbox()
	l.alert.Store(0)
}

// establish makes a session of a completed handshake.
func (l *clientLink) establish(t taken, cfg Config) (*Conn, error) {
	if cfg.psk() {
		t.identity, t.keyCheck = cfg.Identity, keyCheck(cfg.Key)
	}
	conn, err := newConn(l, t.secrets, newLedger(t.send, t.received), newPath(l.peerAddr(), false), false)
	if err != nil {
		return nil, err
	}
	if cfg.Store != nil && conn.withCID() {
		conn.kept = kept{store: cfg.Store, prefix: clientPrefix + cfg.SessionName}
		first := conn.numbers.keep(cfg.Store, conn.kept.prefix+countersKey, nil)
		if err := conn.kept.begin(t.secrets, first); err != nil {
			l.warn("dtls: the session will not outlive the process", "error", err)
		}
	}
	for _, b := range t.early {
		conn.in.put(datagram{data: b})
	}
	l.attach(conn)
	return conn, nil
}

// Resume goes on with the session that a Dial with the same Config.Store and
// Config.SessionName began, without sending anything, over a socket which it
// takes over. It fails with ErrNoSession when there is none, or only one of another
// identity, key or fingerprint than cfg has. Whether the server still has the session
// shows in the first exchange: Read fails with ErrReset when not.
//
// After a crash (Conn.Incarnation tells of lives, not of how they ended) records of
// the server that came after the last Mark could be replayed to the client: the
// layer above must not take an answer to a former life's question for one to its
// own, for example by tokens that the former life did not use.
func Resume(pc net.PacketConn, peer net.Addr, cfg Config) (*Conn, error) {
	link := newClientLink(pc, peer, cfg)
	conn, err := link.resume(cfg)
	if err != nil {
		link.close()
		return nil, err
	}
	link.start(pc)
	return conn, nil
}

func (l *clientLink) resume(cfg Config) (*Conn, error) {
	if cfg.Store == nil {
		return nil, ErrNoSession
	}
	k := kept{store: cfg.Store, prefix: clientPrefix + cfg.SessionName}
	s, err := k.secrets()
	if err != nil {
		return nil, err
	}
	if !cfg.wouldMake(s) {
		return nil, ErrNoSession
	}
	reset, err := k.value(resetKey, s.tag())
	if err != nil {
		return nil, err
	}
	conn, err := newConn(l, s, storedLedger(), newPath(l.peerAddr(), false), false)
	if err != nil {
		return nil, err
	}
	if err := conn.numbers.open(cfg.Store, k.prefix+countersKey, nil); err != nil {
		return nil, err
	}
	conn.kept = k
	if t := (ResetToken{}); len(reset) == len(t) {
		copy(t[:], reset)
		conn.resetToken.Store(&t)
	}
	l.attach(conn)
	return conn, nil
}

// wouldMake tells whether a client of this configuration may use a stored session:
// its key and its server may be others by now.
func (c Config) wouldMake(s secrets) bool {
	switch {
	case c.psk() != s.suite.PSK(), c.RequireForwardSecrecy && !s.suite.ForwardSecret():
		return false
	case c.psk():
		return s.identity == c.Identity && s.madeWith(c.Key)
	default:
		return c.Fingerprint == nil || s.identity == hex.EncodeToString(c.Fingerprint)
	}
}

// explain makes the error of a handshake that failed.
func (l *clientLink) explain(ctx context.Context, peer net.Addr, err error) error {
	e := &HandshakeError{Peer: peer, Answered: l.answered.Load(), Alert: uint8(l.alert.Load()), Err: err}
	switch {
	case e.Alert == alertUnknownIdentity:
		e.Err = ErrUnknownIdentity
	case errors.Is(err, ErrFingerprint):
		e.Err = ErrFingerprint
	case ctx.Err() != nil:
		e.Err = context.Cause(ctx)
		if send := l.sendError.Load(); send != nil {
			e.Err = fmt.Errorf("%w, sending failed: %w", e.Err, *send)
		}
	}
	return e
}
