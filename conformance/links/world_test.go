package links

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/trace"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/fakehs"
	"github.com/coapgw/coapgw/internal/gateway"
	"github.com/coapgw/coapgw/internal/keys"
	"github.com/coapgw/coapgw/internal/linkemu"
)

var psk = keys.PSK{Identity: "ship", Key: []byte("0123456789abcdef")}

// world is a homeserver, a pair, and the link between.
type world struct {
	t          *testing.T
	profile    link.Profile
	link       *linkemu.Link
	homeserver *recorder
	transport  *coap.Transport
	connect    http.Handler // in front of transport
	stopServer func()

	events     events
	handshakes atomic.Int32 // datagrams with a handshake record
	dials      atomic.Int32

	mu     sync.Mutex
	socket *linkemu.Conn // of the last session
}

// inWorld runs f with a pair whose ends both use profile p over the link.
func inWorld(t *testing.T, p link.Profile, l linkemu.Config, f func(*world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{
			t: t, profile: p, link: linkemu.New(l),
			homeserver: &recorder{Handler: fakehs.New(fakehs.Config{ServerName: "ship.example", Seed: 1})},
		}
		defer w.link.Close()
		w.link.Tap(func(p linkemu.Packet) {
			if isHandshake(p.Payload) {
				w.handshakes.Add(1)
			}
		})
		w.startServer(dtls.Config{})
		defer func() { w.stopServer() }() // the one that runs by then
		w.transport = &coap.Transport{Profile: p, Dial: w.dial, Recorder: &w.events}
		defer w.transport.Close()
		w.connect = gateway.NewConnect(gateway.ConnectOptions{Transport: w.transport})
		f(w)
		s := w.link.Stats()
		assert.Zero(t, s.Up.Violations+s.Down.Violations, "datagrams over the MTU")
	})
}

// startServer opens the far side; it takes the address of the one before.
func (w *world) startServer(cfg dtls.Config) {
	cfg.Profile, cfg.Keys = w.profile, keys.PSKs{psk.Identity: psk.Key}.Lookup
	l, err := dtls.Listen(w.link.Listen(), cfg)
	require.NoError(w.t, err)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error)
	serve := gateway.NewServe(gateway.ServeOptions{
		Homeserver: &url.URL{Scheme: "http", Host: "homeserver"},
		Transport:  direct{w.homeserver},
	})
	server := &coap.Server{Handler: serve, Profile: w.profile, Recorder: &w.events}
	go func() { served <- server.Serve(ctx, l) }()
	w.stopServer = func() {
		stop()
		assert.NoError(w.t, <-served)
		serve.Close()
	}
}

// restartServer starts the far side over: it knows no session any more.
func (w *world) restartServer(cfg dtls.Config) {
	w.stopServer()
	w.startServer(cfg)
}

// dial opens a session from a port of its own.
func (w *world) dial(ctx context.Context) (net.Conn, error) {
	pc := w.link.Dial(ship(40_000 + int(w.dials.Add(1))))
	w.mu.Lock()
	w.socket = pc
	w.mu.Unlock()
	return dtls.Dial(ctx, pc, linkemu.FarAddr(), dtls.Config{Profile: w.profile, Identity: psk.Identity, Key: psk.Key})
}

// rebind gives the session another address, as a NAT does that forgot its mapping.
func (w *world) rebind(to net.Addr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.socket.Rebind(to)
}

// ship is an address at the constrained side.
func ship(port int) net.Addr { return &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: port} }

// isHandshake reports whether a datagram begins with a handshake record (RFC 6347
// §4.1).
func isHandshake(datagram []byte) bool { return len(datagram) > 0 && datagram[0] == 22 }

// events counts what happened on all sessions of a pair.
type events struct{ retransmitted, gaveUp atomic.Int32 }

// Record implements trace.Recorder.
func (e *events) Record(ev trace.Event) {
	switch ev.Kind {
	case trace.Retransmitted:
		e.retransmitted.Add(1)
	case trace.GaveUp:
		e.gaveUp.Add(1)
	}
}

// recorder keeps the last answer of a handler and counts its requests.
type recorder struct {
	http.Handler
	requests atomic.Int32
	mu       sync.Mutex
	last     []byte
}

// ServeHTTP implements http.Handler.
func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.requests.Add(1)
	answer := httptest.NewRecorder()
	r.Handler.ServeHTTP(answer, req)
	r.mu.Lock()
	r.last = bytes.Clone(answer.Body.Bytes())
	r.mu.Unlock()
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

func (r *recorder) answer() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.last)
}
