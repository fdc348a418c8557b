package dtls

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	pion "github.com/pion/dtls/v3"
)

// Dial shakes hands with peer over pc, which it takes over: the session's Close
// closes it, and so does a Dial that fails. The handshake ends with the
// context or after Profile.HandshakeTimeout. Errors are *ShortKeyError,
// *HandshakeError, or about the configuration.
//
// A fresh socket per Dial is best: a server without support for a client that
// restarts on the same port (RFC 6347 §4.2.8) would not answer on the old one.
func Dial(ctx context.Context, pc net.PacketConn, peer net.Addr, cfg Config) (*Conn, error) {
	if err := cfg.checkClient(); err != nil {
		pc.Close()
		return nil, err
	}
	link := &clientLink{PacketConn: pc}
	link.setPeer(peer)
	c, err := pion.ClientWithOptions(link, peer, clientOptions(cfg)...)
	if err != nil {
		pc.Close()
		return nil, fmt.Errorf("dtls: configuration not accepted: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Profile.HandshakeTimeout)
	defer cancel()
	if err := c.HandshakeContext(ctx); err != nil {
		c.Close()
		pc.Close()
		return nil, link.explain(ctx, peer, err)
	}
	link.established.Store(true)
	conn := newConn(c, link.withCID.Load(), int(link.overhead.Load()))
	conn.link = link
	if cfg.psk() {
		conn.identity = cfg.Identity
	}
	return conn, nil
}

// clientLink is the socket of a client as the handshake library sees it.
type clientLink struct {
	net.PacketConn

	mu   sync.Mutex
	peer net.Addr
	key  addrKey

	established atomic.Bool
	answered    atomic.Bool
	withCID     atomic.Bool
	alert       atomic.Uint32
	overhead    atomic.Int32
	sendError   atomic.Pointer[error]
}

func (l *clientLink) setPeer(peer net.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.peer, l.key = peer, keyOf(peer)
}

func (l *clientLink) peerAddr() net.Addr {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.peer
}

func (l *clientLink) fromPeer(a net.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return keyOf(a) == l.key
}

// ReadFrom returns the next datagram of the peer that has acceptable records.
func (l *clientLink) ReadFrom(p []byte) (int, net.Addr, error) {
	for failures := 0; ; {
		n, from, err := l.PacketConn.ReadFrom(p)
		switch {
		case errors.Is(err, net.ErrClosed) || (err != nil && isTimeout(err)):
			return 0, nil, err
		case err != nil:
			// Most are echoes of an earlier send, such as "port unreachable".
			if failures++; failures == maxReadErrors {
				return 0, nil, err
			}
			continue
		case !l.fromPeer(from):
			continue
		}
		b := sieve(p[:n], l.established.Load(), noCID)
		if len(b) == 0 {
			continue
		}
		if !l.established.Load() {
			l.answered.Store(true)
			if r, _, ok := nextRecord(b, noCID); ok && r.typ == typeAlert && r.epoch == 0 {
				l.alert.Store(uint32(r.body[1]))
			}
		}
		return len(b), from, nil
	}
}

// WriteTo sends to the peer's present address. An error of the socket is a lost
// datagram: the network may be back for the next one.
func (l *clientLink) WriteTo(b []byte, _ net.Addr) (int, error) {
	if !l.established.Load() {
		if n, withCID, ok := protection(b); ok {
			l.overhead.Store(int32(n))
			l.withCID.Store(withCID)
		}
	}
	if _, err := l.PacketConn.WriteTo(b, l.peerAddr()); err != nil {
		if errors.Is(err, net.ErrClosed) {
			return 0, err
		}
		l.sendError.Store(&err)
	}
	return len(b), nil
}

// SetDeadline and SetWriteDeadline do nothing: the handshake library keeps the
// deadlines of its callers itself and interrupts reads only.
func (l *clientLink) SetDeadline(t time.Time) error { return l.SetReadDeadline(t) }

// SetWriteDeadline implements net.PacketConn.
func (l *clientLink) SetWriteDeadline(time.Time) error { return nil }

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
