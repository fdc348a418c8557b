package push

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
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/join"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/observe"
	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/fakehs"
	"github.com/coapgw/coapgw/internal/gateway"
	"github.com/coapgw/coapgw/internal/keys"
	"github.com/coapgw/coapgw/internal/linkemu"
)

var psk = keys.PSK{Identity: "ship", Key: []byte("0123456789abcdef")}

// format is that of the program, which takes a while to read.
var format = sync.OnceValues(func() (*wire2.Format, error) { return wire2.Shipped(2) })

// world is a homeserver, and a pair of which either end can be restarted.
type world struct {
	t       *testing.T
	profile link.Profile
	link    *linkemu.Link
	hs      *fakehs.Server
	// stored: connect has a store; durable: serve has one.
	stored, durable bool
	afloat, ashore  session.Memory
	// linkAway and homeAway: nothing gets through.
	linkAway, homeAway atomic.Bool

	// behind is what stands between the client's sockets and the link; nil for nothing.
	behind func(net.PacketConn) net.PacketConn
	// homeserver is what the server asks: hs, or what stands in front of it.
	homeserver http.Handler

	mu     sync.Mutex
	server *server
	client *client
	port   int
}

type server struct {
	*life
	stop func()
}

// client is what runs beside the Matrix client.
type client struct {
	*life
	transport *coap.Transport
	joined    *join.Transport
	syncer    *observe.Syncer
}

type options struct {
	profile         link.Profile
	link            linkemu.Config
	stored, durable bool
	behind          func(net.PacketConn) net.PacketConn
	// restless: the homeserver ends polls without news as soon as anything happens to others.
	restless bool
}

// inWorld runs f in virtual time.
func inWorld(t *testing.T, o options, f func(w *world)) {
	cryptotest.SetGlobalRandom(t, o.link.Seed+1)
	_, err := format() // outside the bubble
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		w := &world{
			t: t, profile: o.profile, link: linkemu.New(o.link), port: 40_000,
			hs:     fakehs.New(fakehs.Config{ServerName: "ship.example", Seed: o.link.Seed + 1}),
			stored: o.stored, durable: o.durable, behind: o.behind,
		}
		w.homeserver = w.hs
		if o.restless {
			w.homeserver = restless{w.hs}
		}
		w.startServer()
		w.startClient()
		f(w)
		w.client.close(t)
		w.server.stop()
		require.NoError(t, w.link.Close())
	})
}

func (w *world) version2(home func() string) *coap.Version2 {
	f, _ := format()
	return &coap.Version2{Format: f, Home: home}
}

func (w *world) startServer() {
	l := &life{}
	cfg := &dtls.Config{Keys: keys.PSKs{psk.Identity: psk.Key}.Lookup}
	if w.durable {
		cfg.Store = disk{&w.ashore, l}
	}
	handler := gateway.NewServe(gateway.ServeOptions{
		Homeserver: &url.URL{Scheme: "http", Host: "homeserver"},
		Transport:  uplink{w.homeserver, l, &w.homeAway},
	})
	station := &gateway.Station{
		Handler: handler, Security: cfg, Profile: link.Default(), Grace: 10 * time.Second,
		Version2: w.version2(func() string { return "ship.example" }),
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	pc := socket{w.link.Listen(), l, &w.linkAway}
	go func() { ended <- station.Run(ctx, pc) }()
	w.server = &server{l, func() {
		cancel()
		if err := <-ended; err != nil && !l.dead.Load() {
			w.t.Errorf("serve: %v", err)
		}
		handler.Close()
	}}
}

func (w *world) startClient() {
	c := &client{life: &life{}}
	security := &dtls.Config{Identity: psk.Identity, Key: psk.Key, SessionName: "home"}
	if w.stored {
		security.Store = disk{&w.afloat, c.life}
	}
	dialer := &gateway.Dialer{
		Security: security, Profile: w.profile,
		Routes: func(context.Context) ([]gateway.Route, error) {
			return []gateway.Route{{Peer: linkemu.FarAddr(), Open: func() (net.PacketConn, error) {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.port++
				pc := net.PacketConn(socket{w.link.Dial(ship(w.port)), c.life, &w.linkAway})
				if w.behind != nil {
					pc = w.behind(pc)
				}
				return pc, nil
			}}}, nil
		},
	}
	c.transport = &coap.Transport{Dial: dialer.Dial, Profile: w.profile, Version2: w.version2(nil)}
	c.joined = &join.Transport{Base: c.transport, Profile: w.profile}
	c.syncer = &observe.Syncer{Carry: c.joined.RoundTrip, Source: c.transport, Profile: w.profile}
	if w.stored {
		c.syncer.Store = disk{&w.afloat, c.life}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.client = c
}

func (c *client) close(t *testing.T) {
	require.NoError(t, c.syncer.Close())
	require.NoError(t, c.joined.Close())
	require.NoError(t, c.transport.Close())
}

func ship(port int) net.Addr { return &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: port} }

// restartServer ends the server, suddenly or not, and starts the next one.
func (w *world) restartServer(crash bool) {
	w.server.dead.Store(crash)
	w.server.stop()
	w.startServer()
}

func (w *world) restartClient(crash bool) {
	w.client.dead.Store(crash)
	w.client.close(w.t)
	w.client.dead.Store(true)
	w.startClient()
}

// RoundTrip is a request of the Matrix client to what runs beside it.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	c := w.client
	w.mu.Unlock()
	return c.syncer.RoundTrip(r)
}

// near is the homeserver for those who need no link.
func (w *world) near() http.RoundTripper { return uplink{w.hs, &life{}, new(atomic.Bool)} }
