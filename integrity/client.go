package integrity

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Dial makes a session with peer over pc, which it takes over: the session's Close
// closes it, and so does a Dial that fails. It gives up with the context or after
// Profile.HandshakeTimeout. Errors wrap ErrNoAnswer or the context's, or are about the
// configuration.
func Dial(ctx context.Context, pc net.PacketConn, peer net.Addr, cfg Config) (*Conn, error) {
	c, err := dial(ctx, pc, peer, cfg)
	if err != nil {
		_ = pc.Close()
		return nil, err
	}
	return c, nil
}

func dial(ctx context.Context, pc net.PacketConn, peer net.Addr, cfg Config) (*Conn, error) {
	if err := cfg.checkClient(); err != nil {
		return nil, err
	}
	keys := newStationKeys(cfg.Station)
	h := hello{call: cfg.Station.Call}
	rand.Read(h.nonce[:])
	first := h.seal(keys.hello)
	w, err := greet(ctx, pc, peer, cfg, first, keys.welcome)
	if err != nil {
		return nil, err
	}
	s := newSecrets(cfg.Station, w.session, h.nonce, w.nonce)
	numbers := newLedger()
	if p := newPlace(cfg.Store, clientPrefix+cfg.SessionName); p != nil {
		if err := p.begin(s, numbers); err != nil {
			return nil, err
		}
	}
	return newClient(pc, peer, cfg, s, numbers), nil
}

// greet repeats a hello until it is answered, at intervals that double up to eight
// times the first.
func greet(ctx context.Context, pc net.PacketConn, peer net.Addr, cfg Config, hello, key []byte) (welcome, error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.Profile.HandshakeTimeout)
	defer cancel()
	// A deadline in the past wakes the reader when the context ends.
	stop := context.AfterFunc(ctx, func() { _ = pc.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	var failed error // what sending said last
	for wait := cfg.Profile.FlightInterval; ; wait = min(2*wait, 8*cfg.Profile.FlightInterval) {
		if _, err := pc.WriteTo(hello, peer); err != nil {
			failed = err // a lost datagram: the network may be back for the next one
		}
		w, err := awaitWelcome(ctx, pc, peer, time.Now().Add(wait), hello, key)
		switch {
		case err == nil && stop():
			return w, pc.SetReadDeadline(time.Time{})
		case errors.Is(err, net.ErrClosed):
			return welcome{}, err
		case ctx.Err() != nil:
			return welcome{}, errors.Join(fmt.Errorf("%w: %s as %s: %w", ErrNoAnswer, peer, cfg.Station.Call, ctx.Err()), failed)
		}
	}
}

// awaitWelcome reads until the answer to a hello comes or until the time is over.
func awaitWelcome(ctx context.Context, pc net.PacketConn, peer net.Addr, until time.Time, hello, key []byte) (welcome, error) {
	if err := pc.SetReadDeadline(until); err != nil {
		return welcome{}, err
	}
	buf := make([]byte, maxDatagram)
	for failures := 0; ; {
		if ctx.Err() != nil { // its wake-up may have come before our deadline
			return welcome{}, ctx.Err()
		}
		n, from, err := pc.ReadFrom(buf)
		if err != nil {
			// Most are echoes of a send, such as "port unreachable".
			failures++
			if !time.Now().Before(until) || errors.Is(err, net.ErrClosed) || failures == maxReadErrors {
				return welcome{}, err
			}
			continue
		}
		if w, ok := parseWelcome(buf[:n]); ok && from.String() == peer.String() && authentic(buf[:n], key, hello) {
			return w, nil
		}
	}
}

// Resume goes on with the session that a Dial with the same Config.Store,
// Config.SessionName and Config.Station began, without sending anything, over a socket
// which it takes over. It fails with ErrNoSession when there is none. Whether the
// server still has the session shows in the first exchange: Read fails with ErrReset
// when not.
func Resume(pc net.PacketConn, peer net.Addr, cfg Config) (*Conn, error) {
	c, err := resume(pc, peer, cfg)
	if err != nil {
		_ = pc.Close()
		return nil, err
	}
	return c, nil
}

func resume(pc net.PacketConn, peer net.Addr, cfg Config) (*Conn, error) {
	if err := cfg.checkClient(); err != nil {
		return nil, err
	}
	p := newPlace(cfg.Store, clientPrefix+cfg.SessionName)
	s, c, err := p.read()
	if err != nil {
		return nil, err
	}
	if s.station != cfg.Station.tag() {
		return nil, ErrNoSession
	}
	numbers, err := p.take(s, c)
	if err != nil {
		return nil, err
	}
	return newClient(pc, peer, cfg, s, numbers), nil
}

// clientLink is the socket of a client.
type clientLink struct {
	pc   net.PacketConn
	cfg  Config
	work sync.WaitGroup
}

func newClient(pc net.PacketConn, peer net.Addr, cfg Config, s secrets, numbers *ledger) *Conn {
	l := &clientLink{pc: pc, cfg: cfg}
	c := &Conn{
		below: l, call: cfg.Station.Call, secrets: s, resetKey: newStationKeys(cfg.Station).reset,
		numbers: numbers, in: newInbox(), peer: peer,
	}
	l.work.Go(func() { l.read(c, peer) })
	return c
}

// maxReadErrors in a row end a socket: it is broken. Single ones are echoes of what was
// sent to a peer that is gone.
const maxReadErrors = 16

// read hands in the datagrams of the peer until the socket is closed or broken. Then
// the store keeps the session: the next socket may be better.
func (l *clientLink) read(c *Conn, peer net.Addr) {
	buf := make([]byte, maxDatagram)
	for failures := 0; ; {
		n, from, err := l.pc.ReadFrom(buf)
		switch {
		case err != nil:
			if failures++; failures < maxReadErrors && !errors.Is(err, net.ErrClosed) {
				continue
			}
			if err := c.rest(); err != nil {
				l.warn("integrity: session not stored", "error", err)
			}
			return
		case from.String() == peer.String():
			failures = 0
			if !c.receive(buf[:n], from) {
				c.checkReset(buf[:n])
			}
		}
	}
}

// send implements below. An error goes to who writes, so that the message layer learns
// that the network is down.
func (l *clientLink) send(b []byte, to net.Addr) error {
	_, err := l.pc.WriteTo(b, to)
	return err
}

// localAddr implements below.
func (l *clientLink) localAddr() net.Addr { return l.pc.LocalAddr() }

// gone implements below.
func (l *clientLink) gone(*Conn, bool) { _ = l.pc.Close() }

// wait implements below.
func (l *clientLink) wait() { l.work.Wait() }

// warn implements below.
func (l *clientLink) warn(message string, args ...any) { l.cfg.log().Warn(message, args...) }
