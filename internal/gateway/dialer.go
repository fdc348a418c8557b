package gateway

import (
	"context"
	"log/slog"
	"net"
	"sync"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/dtls/dialer"
	"github.com/coapgw/coapgw/integrity"
	"github.com/coapgw/coapgw/internal/plainudp"
)

// Route is one way to a server.
type Route = dialer.Route

// UDPRoutes returns routes to servers named "host:port", best first. Names are
// looked up at each call of the result; a name that is not found is an error
// only if no other is.
func UDPRoutes(addresses ...string) func(context.Context) ([]Route, error) {
	return dialer.UDP(nil, addresses...)
}

// Dialer opens sessions for coap.Transport: a socket, and over it DTLS, what stations prove
// themselves by, or nothing.
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

	once  sync.Once
	inner dialer.Dialer
	// slot is the place of a station's session in its store.
	slot dialer.Slot
}

func (d *Dialer) init() {
	d.once.Do(func() {
		d.inner.Routes, d.inner.Security, d.inner.Profile, d.inner.Log = d.Routes, d.Security, d.Profile, d.Log
		switch {
		case d.Station != nil:
			d.inner.Open = d.dialStation
		case d.Security == nil:
			d.inner.Open = dialPlain
		}
	})
}

func dialPlain(_ context.Context, r Route, pc net.PacketConn) (net.Conn, error) {
	return plainudp.Dial(pc, r.Peer), nil
}

// Renew has sessions that are opened from now on use these in place of Routes and Security.
// It is not for a Station, nor for a way without encryption.
func (d *Dialer) Renew(routes func(context.Context) ([]Route, error), security *dtls.Config) {
	d.init()
	d.inner.Renew(routes, security)
}

// Dial opens a session by the first route that leads to the server. It fits
// coap.Transport.Dial.
func (d *Dialer) Dial(ctx context.Context) (net.Conn, error) {
	d.init()
	return d.inner.Dial(ctx)
}

func (d *Dialer) log() *slog.Logger {
	if d.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return d.Log
}
