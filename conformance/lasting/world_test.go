package lasting

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/gateway"
	"github.com/coapgw/coapgw/internal/keys"
	"github.com/coapgw/coapgw/internal/linkemu"
)

var psk = keys.PSK{Identity: "ship", Key: []byte("0123456789abcdef")}

// world is a pair of which either end can be restarted, with the disks that outlive
// its processes.
type world struct {
	t          *testing.T
	profile    link.Profile
	link       *linkemu.Link
	numbers    *numbers
	homeserver *homeserver
	// security is what a server is told beside keys and store.
	security    dtls.Config
	maxSessions int
	// grace is what requests under way get when the server stops.
	grace  time.Duration
	afloat session.Memory // the client's store
	ashore *session.Memory

	copies   *copies       // nil for none
	stranger *linkemu.Conn // somebody else's socket at the constrained side

	server *server
	mu     sync.Mutex
	far    *linkemu.Conn // the server's socket
	client *client
	port   int
	// slow is how long the client's disk takes for a write.
	slow time.Duration
	// serverSlow is that of the server's disk.
	serverSlow time.Duration
	// detour has the client find an address first at which nobody is.
	detour bool
	// fixed has each life of the client use the same port.
	fixed bool
	calls int
	wrong []string
}

// server and client are processes.
type server struct {
	*life
	stop func()
}

type client struct {
	*life
	*coap.Transport
	socket *linkemu.Conn
	dials  int
}

// inWorld runs f with a pair over a link of 50 ms, in virtual time.
func inWorld(t *testing.T, cfg linkemu.Config, f func(w *world)) {
	inWorldWith(t, cfg, dtls.Config{}, 0, f)
}

func inWorldWith(t *testing.T, cfg linkemu.Config, security dtls.Config, maxSessions int, f func(w *world)) {
	cryptotest.SetGlobalRandom(t, cfg.Seed+1)
	if cfg.Up.Delay == 0 {
		cfg.Up.Delay, cfg.Down.Delay = 50*time.Millisecond, 50*time.Millisecond
	}
	synctest.Test(t, func(t *testing.T) {
		w := &world{
			t: t, profile: link.Default(), link: linkemu.New(cfg), numbers: newNumbers(),
			homeserver: &homeserver{done: make(map[string]int), callers: make(map[string]string)},
			security:   security, maxSessions: maxSessions, ashore: &session.Memory{}, port: 40_000,
		}
		w.link.Tap(w.numbers.watch)
		w.stranger = w.link.Dial(&net.UDPAddr{IP: net.IPv4(203, 0, 113, 9), Port: 9})
		w.startServer()
		w.startClient()
		defer w.link.Close()
		defer func() { w.server.stop() }()
		defer func() { _ = w.client.Close() }()
		f(w)
	})
}

func (w *world) startServer() {
	l := &life{}
	cfg := w.security
	cfg.Keys, cfg.Store = keys.PSKs{psk.Identity: psk.Key}.Lookup, disk{w.ashore, l, w.serverSlow}
	handler := gateway.NewServe(gateway.ServeOptions{
		Homeserver: &url.URL{Scheme: "http", Host: "homeserver"},
		Transport:  uplink{w.homeserver, l},
	})
	station := &gateway.Station{Handler: handler, Security: &cfg, Profile: w.profile, MaxSessions: w.maxSessions, Grace: w.grace}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	pc := socket{w.link.Listen(), l, w}
	w.mu.Lock()
	w.far = pc.Conn
	w.mu.Unlock()
	go func() { ended <- station.Run(ctx, pc) }()
	w.server = &server{l, func() {
		cancel()
		if err := <-ended; err != nil && !l.over() {
			w.fault("serve: %v", err)
		}
		handler.Close()
	}}
}

// newClient starts a client whose sessions are in a store.
func (w *world) newClient(store *session.Memory) *client {
	c := &client{life: &life{}}
	dialer := &gateway.Dialer{
		Security: &dtls.Config{Identity: psk.Identity, Key: psk.Key, Store: disk{store, c.life, w.slow}, SessionName: "home"},
		Profile:  w.profile,
		Routes: func(context.Context) ([]gateway.Route, error) {
			open := func() (net.PacketConn, error) {
				w.mu.Lock()
				defer w.mu.Unlock()
				if c.dials++; !w.fixed {
					w.port++
				}
				c.socket = w.link.Dial(ship(w.port))
				return socket{c.socket, c.life, w}, nil
			}
			routes := []gateway.Route{{Peer: linkemu.FarAddr(), Open: open}}
			if w.detour {
				routes = append([]gateway.Route{{Peer: ship(1), Open: open}}, routes...)
			}
			return routes, nil
		},
	}
	c.Transport = &coap.Transport{Dial: dialer.Dial, Profile: w.profile}
	return c
}

func (w *world) startClient() {
	c := w.newClient(&w.afloat)
	w.mu.Lock()
	w.client = c
	w.mu.Unlock()
}

func (w *world) transport() *coap.Transport {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.client.Transport
}

// rebind gives the client another address, as a NAT does that forgot its mapping.
func (w *world) rebind() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.client.socket != nil {
		w.port++
		w.client.socket.Rebind(ship(w.port))
	}
}

// restartServer ends the server and starts the next one.
func (w *world) restartServer(crash bool) {
	if crash {
		w.server.kill()
	}
	w.server.stop()
	w.startServer()
}

func (w *world) restartClient(crash bool) {
	if crash {
		w.client.kill()
	}
	_ = w.client.Close()
	w.client.kill()
	w.startClient()
}

// restart restarts the ends of that name, "server", "client" or "both".
func (w *world) restart(ends string, crash bool) {
	if ends == "both" && crash {
		w.server.kill()
	}
	if ends != "server" {
		w.restartClient(crash)
	}
	if ends != "client" {
		w.restartServer(crash)
	}
}

// disarm lets both ends live on.
func (w *world) disarm() {
	w.server.disarm()
	w.client.disarm()
}

// revive starts what has died at a commit.
func (w *world) revive() {
	if w.server.over() {
		w.restartServer(true)
	}
	if w.client.over() {
		w.restartClient(true)
	}
}

// outcome is what a user sees of a call.
type outcome struct {
	status int
	err    error
	took   time.Duration
}

// ask makes a call by the client of the moment, and holds its answer to it.
func (w *world) ask(method, token string, takes time.Duration) (string, outcome) {
	return w.askBy(w.transport(), method, token, takes)
}

func (w *world) askBy(t http.RoundTripper, method, token string, takes time.Duration) (string, outcome) {
	return w.make(t, call{method: method, token: token, takes: takes})
}

// make makes a call, which it names.
func (w *world) make(t http.RoundTripper, c call) (string, outcome) {
	w.mu.Lock()
	w.calls++
	c.name = fmt.Sprintf("c%06d", w.calls)
	w.mu.Unlock()
	method, token := c.method, c.token
	w.homeserver.expect(c)
	var body io.Reader
	if method != http.MethodGet && method != http.MethodDelete {
		body = strings.NewReader(content(c.name, c.size))
	}
	r, err := http.NewRequest(method, c.url(), body)
	if err != nil {
		return c.name, outcome{err: err}
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	begun := time.Now()
	resp, err := t.RoundTrip(r)
	o := outcome{err: err}
	if err == nil {
		var got []byte
		got, o.err = io.ReadAll(resp.Body)
		resp.Body.Close()
		o.status = resp.StatusCode
		if o.err == nil && o.status == http.StatusOK && string(got) != answer(c.name, token, c.size) {
			w.fault("%s %s was answered %s", method, answer(c.name, token, c.size), got)
		}
		if o.err == nil && o.status == http.StatusOK && w.homeserver.times(c.name) == 0 {
			w.fault("%s %s was answered and not executed", method, c.name)
		}
	}
	o.took = time.Since(begun)
	if n := w.homeserver.times(c.name); method == http.MethodPost && n > 1 {
		w.fault("POST %s was executed %d times", c.name, n)
	}
	return c.name, o
}

// must makes a call that has to succeed.
func (w *world) must(method, token string) outcome {
	w.t.Helper()
	_, o := w.ask(method, token, 0)
	require.NoError(w.t, o.err)
	require.Equal(w.t, http.StatusOK, o.status)
	return o
}

func (w *world) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

// faults returns everything that must not have happened.
func (w *world) faults() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append(append(append([]string(nil), w.wrong...), w.numbers.faults()...), w.homeserver.faults()...)
}

// ship is an address at the constrained side.
func ship(port int) net.Addr { return &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: port} }
