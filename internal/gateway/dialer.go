package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/integrity"
	"github.com/coapgw/coapgw/internal/plainudp"
)

// Dialer opens sessions for coap.Transport: a socket, and DTLS over it.
type Dialer struct {
	// Routes finds the ways to the server, best first. It is asked anew for each
	// session, so that a server that moved is found again: UDPRoutes, or a way
	// into an emulated link.
	Routes func(ctx context.Context) ([]Route, error)
	// Security says how the server is known; nil dials coap:// without
	// encryption. Dialer sets its Profile and Log. With a Store, it goes on with the
	// session that an earlier program left there, and keeps one session at a time.
	Security *dtls.Config
	// Station, when set, takes the place of Security: a link without encryption on
	// which this station proves itself (package integrity). The same holds for it.
	Station *integrity.Config
	// Profile is the link to the server.
	Profile link.Profile
	// Log receives what an operator should know; nil discards it.
	Log *slog.Logger

	mu sync.Mutex
	// keeping: a session that lives is the one in the store.
	keeping bool
	// renewed are Routes and Security by Renew, nil before.
	renewed *renewedPeer
}

type renewedPeer struct {
	routes   func(context.Context) ([]Route, error)
	security *dtls.Config
}

// Renew has sessions that are opened from now on use these in place of Routes and Security.
// It is not for a Station, nor for a way without encryption.
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

// Route is one way to a server.
type Route struct {
	// Peer is the server's address.
	Peer net.Addr
	// Open makes a fresh socket from which Peer can be reached.
	Open func() (net.PacketConn, error)
}

// Dial opens a session by the first route that leads to the server. It fits
// coap.Transport.Dial.
func (d *Dialer) Dial(ctx context.Context) (net.Conn, error) {
	find, security := d.peer()
	routes, err := find(ctx)
	if err != nil {
		return nil, err
	}
	err = errors.New("the server has no address")
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
	switch {
	case d.Station != nil:
		return d.dialStation(ctx, r, pc)
	case security == nil:
		return plainudp.Dial(pc, r.Peer), nil
	}
	cfg := *security
	cfg.Profile, cfg.Log = d.Profile, d.Log
	if cfg.Identity == "" {
		cfg.Profile.FlightInterval = max(cfg.Profile.FlightInterval, certificateFlights(d.Profile))
	}
	release, kept := d.claim(cfg.Store != nil)
	if !kept {
		cfg.Store = nil
	}
	if cfg.Store != nil {
		conn, err := dtls.Resume(pc, r.Peer, cfg)
		if err == nil {
			return &keptConn{conn, release}, nil
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
	return &keptConn{conn, release}, nil
}

func (d *Dialer) log() *slog.Logger {
	if d.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return d.Log
}

// claim tells whether a session may use the store: when there is one and no other
// session is in it. release must be called when the session has ended, or has not come
// to be.
func (d *Dialer) claim(store bool) (release func(), ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !store || d.keeping {
		return func() {}, false
	}
	d.keeping = true
	return sync.OnceFunc(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.keeping = false
	}), true
}

// keptConn is the session in the store until it is closed.
type keptConn struct {
	*dtls.Conn
	release func()
}

// Close ends the session.
func (c *keptConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// Suspend leaves the session to another program.
func (c *keptConn) Suspend() error {
	defer c.release()
	return c.Conn.Suspend()
}

// UDPRoutes returns routes to servers named "host:port", best first. Names are
// looked up at each call of the result; a name that is not found is an error
// only if no other is.
func UDPRoutes(addresses ...string) func(context.Context) ([]Route, error) {
	return func(ctx context.Context) ([]Route, error) {
		var (
			routes []Route
			failed error
		)
		for _, address := range addresses {
			host, service, err := net.SplitHostPort(address)
			if err != nil {
				return nil, fmt.Errorf("server address: %w", err)
			}
			port, err := net.DefaultResolver.LookupPort(ctx, "udp", service)
			if err != nil {
				return nil, fmt.Errorf("server address: %w", err)
			}
			ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
			if err != nil {
				failed = errors.Join(failed, err)
				continue
			}
			for _, ip := range ips {
				routes = append(routes, udpRoute(netip.AddrPortFrom(ip.Unmap(), uint16(port))))
			}
		}
		if len(routes) == 0 {
			return nil, failed
		}
		return routes, nil
	}
}

func udpRoute(to netip.AddrPort) Route {
	network := "udp6"
	if to.Addr().Is4() {
		network = "udp4"
	}
	return Route{
		Peer: net.UDPAddrFromAddrPort(to),
		Open: func() (net.PacketConn, error) { return net.ListenPacket(network, ":0") },
	}
}
