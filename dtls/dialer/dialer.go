package dialer

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/dtls"
)

// Dialer opens sessions for coap.Transport: a socket, and DTLS over it. The exported fields
// must not change after the first Dial.
type Dialer struct {
	// Routes finds the ways to the server, best first. It is asked anew for each
	// session, so that a server that moved is found again: UDP, or a way
	// into an emulated link.
	Routes func(ctx context.Context) ([]Route, error)
	// Security says how the server is known. Dialer sets its Profile and Log. With a Store,
	// it goes on with the session that an earlier program left there, and keeps one session
	// at a time.
	Security *dtls.Config
	// Open, when set, makes a session over a socket, which it takes over, in place of
	// Security.
	Open func(ctx context.Context, r Route, pc net.PacketConn) (net.Conn, error)
	// Profile is the link to the server.
	Profile link.Profile
	// Log receives what an operator should know; nil discards it.
	Log *slog.Logger

	slot Slot

	mu sync.Mutex
	// renewed are Routes and Security by Renew, nil before.
	renewed *renewedPeer
	// live are the sessions that have not ended.
	live map[*session]struct{}
	// dialling are the attempts under way.
	dialling map[*attempt]struct{}
}

type renewedPeer struct {
	routes   func(context.Context) ([]Route, error)
	security *dtls.Config
}

// Renew has sessions that are opened from now on use these in place of Routes and Security.
// It is not for a Dialer with Open.
func (d *Dialer) Renew(routes func(context.Context) ([]Route, error), security *dtls.Config) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.renewed = &renewedPeer{routes, security}
}

// peer is where the server is and how it is known.
func (d *Dialer) peer() (routes func(context.Context) ([]Route, error), security *dtls.Config) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.renewed != nil {
		return d.renewed.routes, d.renewed.security
	}
	return d.Routes, d.Security
}

// Dial opens a session by the first route that leads to the server. When the network changes
// meanwhile it begins anew. It fits coap.Transport.Dial.
func (d *Dialer) Dial(ctx context.Context) (net.Conn, error) {
	for {
		a := d.begin(ctx)
		conn, err := d.dialOnce(a)
		if moved := d.end(a); !moved || ctx.Err() != nil {
			return conn, err
		}
		if s, ok := conn.(*session); ok { // it was faster
			s.follow(ctx)
			return conn, nil
		}
		if err == nil {
			return conn, nil
		}
	}
}

func (d *Dialer) dialOnce(ctx context.Context) (net.Conn, error) {
	find, security := d.peer()
	routes, err := find(ctx)
	if err != nil {
		return nil, err
	}
	err = errNoAddress
	for _, r := range d.sorted(routes) {
		var conn net.Conn
		if conn, err = d.dial(ctx, r, security); err == nil {
			d.took(r, routes)
			return conn, nil
		}
		var h *dtls.HandshakeError
		if ctx.Err() != nil || errors.As(err, &h) && h.Answered {
			break // the server is there and another way leads to the same refusal
		}
	}
	return nil, err
}

func (d *Dialer) dial(ctx context.Context, r Route, security *dtls.Config) (net.Conn, error) {
	pc, err := r.Open()
	if err != nil {
		return nil, err
	}
	if d.Open != nil {
		return d.Open(ctx, r, pc)
	}
	cfg := *security
	cfg.Profile, cfg.Log = d.Profile, d.Log
	if cfg.Identity == "" {
		cfg.Profile.FlightInterval = max(cfg.Profile.FlightInterval, dtls.CertificateFlights(d.Profile))
	}
	release := func() {}
	if cfg.Store != nil {
		var kept bool
		if release, kept = d.slot.Claim(); !kept {
			cfg.Store = nil
		}
	}
	if cfg.Store != nil {
		conn, err := dtls.Resume(pc, r.Peer, cfg)
		if err == nil {
			return d.begun(conn, release), nil
		}
		if !errors.Is(err, dtls.ErrNoSession) {
			d.log().Warn("the stored session cannot be used", "err", err)
		}
		if pc, err = r.Open(); err != nil { // Resume has closed the first
			release()
			return nil, err
		}
	}
	conn, err := dtls.Dial(ctx, pc, r.Peer, cfg)
	if err != nil {
		release()
		return nil, err // not conn, which would be a nil *dtls.Conn in an interface
	}
	return d.begun(conn, release), nil
}

func (d *Dialer) log() *slog.Logger {
	if d.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return d.Log
}

// session is one that has not ended. It is the one in the store, if release has something to
// release.
type session struct {
	*dtls.Conn
	d       *Dialer
	release func()
}

func (d *Dialer) begun(conn *dtls.Conn, release func()) *session {
	s := &session{conn, d, release}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.live == nil {
		d.live = make(map[*session]struct{})
	}
	d.live[s] = struct{}{}
	return s
}

func (s *session) ended() {
	s.release()
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	delete(s.d.live, s)
}

// Close ends the session.
func (s *session) Close() error {
	defer s.ended()
	return s.Conn.Close()
}

// Suspend leaves the session to another program.
func (s *session) Suspend() error {
	defer s.ended()
	return s.Conn.Suspend()
}
