// Package virtual runs a pair over an emulated link in virtual time: connect, DTLS,
// serve and a homeserver, with randomness that comes from the link's seed, so that
// each packet repeats to the byte.
package virtual

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"testing/cryptotest"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/trace"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/gateway"
	"github.com/coapgw/coapgw/internal/keys"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// Config says what runs.
type Config struct {
	// Client is the client's profile. It tells it to the server.
	Client link.Profile
	// Server is what the server is configured with; the zero value means
	// link.Default.
	Server link.Profile
	// Link is the link between.
	Link linkemu.Config
	// Homeserver answers.
	Homeserver http.RoundTripper
	// Version2 makes, within virtual time, what both ends have of wire version 2; nil means
	// version 1 alone.
	Version2 func() *coap.Version2
	// Recorder receives the events of the server's sessions; nil discards them.
	Recorder trace.Recorder
}

// Pair is what runs.
type Pair struct {
	T         *testing.T
	Link      *linkemu.Link
	Transport *coap.Transport
	// Connect is the handler in front of Transport.
	Connect http.Handler

	// Retransmitted and GaveUp count CoAP messages, of both ends.
	Retransmitted, GaveUp atomic.Int64
	// Handshakes counts datagrams that belong to a DTLS handshake, Dials the sessions
	// that were opened.
	Handshakes, Dials atomic.Int64

	cfg      Config
	version2 *coap.Version2
	stop     func() // the server

	mu     sync.Mutex
	socket *linkemu.Conn // of the last session
}

var psk = keys.PSK{Identity: "ship", Key: []byte("0123456789abcdef")}

// Run runs f in virtual time, with a pair that ends when f returns.
func Run(t *testing.T, cfg Config, f func(*Pair)) {
	cryptotest.SetGlobalRandom(t, cfg.Link.Seed)
	synctest.Test(t, func(t *testing.T) {
		if cfg.Server.AckTimeout == 0 {
			cfg.Server = link.Default()
		}
		p := &Pair{T: t, cfg: cfg, Link: linkemu.New(cfg.Link)}
		defer p.Link.Close()
		p.Link.Tap(func(packet linkemu.Packet) {
			if isHandshake(packet.Payload) {
				p.Handshakes.Add(1)
			}
		})
		if cfg.Version2 != nil {
			p.version2 = cfg.Version2()
		}
		p.serve(dtls.Config{})
		defer func() { p.stop() }() // the one that runs by then
		p.Transport = &coap.Transport{Profile: cfg.Client, Dial: p.dial, Version2: p.version2, Recorder: p}
		defer p.Transport.Close()
		p.Connect = gateway.NewConnect(gateway.ConnectOptions{Transport: p.Transport})
		f(p)
	})
}

// serve opens the far side; it takes the address of the one before.
func (p *Pair) serve(cfg dtls.Config) {
	cfg.Profile, cfg.Keys = p.cfg.Server, keys.PSKs{psk.Identity: psk.Key}.Lookup
	l, err := dtls.Listen(p.Link.Listen(), cfg)
	require.NoError(p.T, err)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error)
	handler := gateway.NewServe(gateway.ServeOptions{
		Homeserver: &url.URL{Scheme: "http", Host: "homeserver"},
		Transport:  p.cfg.Homeserver,
	})
	server := &coap.Server{Handler: handler, Profile: p.cfg.Server, Version2: p.version2, Recorder: p.far()}
	go func() { served <- server.Serve(ctx, l) }()
	p.stop = func() {
		stop()
		assert.NoError(p.T, <-served)
		handler.Close()
	}
}

// Restart starts the far side over: it knows no session any more. What cfg says
// besides profile and keys holds from then on.
func (p *Pair) Restart(cfg dtls.Config) {
	p.stop()
	p.serve(cfg)
}

// dial opens a session from a port of its own.
func (p *Pair) dial(ctx context.Context) (net.Conn, error) {
	pc := p.Link.Dial(Ship(40_000 + int(p.Dials.Add(1))))
	p.mu.Lock()
	p.socket = pc
	p.mu.Unlock()
	return dtls.Dial(ctx, pc, linkemu.FarAddr(), dtls.Config{Profile: p.cfg.Client, Identity: psk.Identity, Key: psk.Key})
}

// Rebind gives the last session another address, as a NAT does that forgot its
// mapping.
func (p *Pair) Rebind(to net.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.socket.Rebind(to)
}

// Ship is an address at the constrained side.
func Ship(port int) net.Addr { return &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: port} }

// Record implements trace.Recorder.
func (p *Pair) Record(e trace.Event) {
	switch e.Kind {
	case trace.Retransmitted:
		p.Retransmitted.Add(1)
	case trace.GaveUp:
		p.GaveUp.Add(1)
	}
}

// far records the events of the server's sessions.
func (p *Pair) far() trace.Recorder {
	if p.cfg.Recorder == nil {
		return p
	}
	return both{p, p.cfg.Recorder}
}

type both struct{ a, b trace.Recorder }

// Record implements trace.Recorder.
func (r both) Record(e trace.Event) {
	r.a.Record(e)
	r.b.Record(e)
}

// isHandshake reports whether a datagram begins with a record that only a handshake
// has: change_cipher_spec or handshake (RFC 5246 §6.2.1).
func isHandshake(datagram []byte) bool {
	return len(datagram) > 0 && (datagram[0] == 20 || datagram[0] == 22)
}
