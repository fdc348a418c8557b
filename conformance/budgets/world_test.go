package budgets

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/gateway"
	"github.com/coapgw/coapgw/internal/keys"
	"github.com/coapgw/coapgw/internal/linkemu"
)

const (
	// seed is that of the link and of all randomness: packets repeat to the byte.
	seed = 1
	// fastRate (bit/s) and fastDelay (one way) are those of the default link, which is
	// the one that conformance/https measures on.
	fastRate  = 10e6
	fastDelay = 20 * time.Millisecond
)

var psk = keys.PSK{Identity: "ship", Key: []byte("0123456789abcdef")}

// setting is under which circumstances an operation is measured.
type setting struct {
	// version is that of the wire format.
	version string
	// foreign hides from each end that the other is a coapgw.
	foreign bool
	// profile is that of both ends and, unless it is the default, of the link.
	profile link.Profile
}

// world is a pair, the link between and a homeserver behind.
type world struct {
	t       *testing.T
	setting setting
	link    *linkemu.Link
	count   *counter
	dials   int
	// version2 is what both ends have of wire version 2, nil for nothing.
	version2 *coap.Version2
	// near and far are what the two ends keep over a restart.
	near, far session.Memory
}

// inWorld runs f with a pair in front of the homeserver.
func inWorld(t *testing.T, s setting, homeserver http.RoundTripper, f func(*world)) {
	cryptotest.SetGlobalRandom(t, seed)
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, setting: s, count: new(counter), link: linkemu.New(s.link())}
		defer w.link.Close()
		w.link.Tap(w.count.packet)
		w.version2 = s.version2(t)
		defer w.serve(homeserver)()
		f(w)
	})
}

// homeName is the homeserver of the recordings.
const homeName = "localhost"

// model is unpacked once; a format belongs to one bubble of virtual time.
var model = sync.OnceValues(coder.Shipped)

// version2 is what both ends have of wire version 2, nil for nothing.
func (s setting) version2(t *testing.T) *coap.Version2 {
	if s.version != "2" {
		return nil
	}
	m, err := model()
	require.NoError(t, err)
	return &coap.Version2{Format: wire2.NewFormat(m, 2), Home: func() string { return homeName }}
}

// link is the setting's link, without loss and jitter.
func (s setting) link() linkemu.Config {
	if s.profile == link.Default() {
		d := linkemu.Direction{Rate: fastRate, Delay: fastDelay}
		return linkemu.Config{Up: d, Down: d, Overhead: ipUDP}
	}
	l := linkemu.FromProfile(s.profile, seed)
	for _, d := range []*linkemu.Direction{&l.Up, &l.Down} {
		d.Burst, d.Jitter = link.GilbertElliott{}, 0
	}
	return l
}

// serve opens the far side.
func (w *world) serve(homeserver http.RoundTripper) (stop func()) {
	l, err := dtls.Listen(w.link.Listen(), dtls.Config{
		Profile: w.setting.profile, Keys: keys.PSKs{psk.Identity: psk.Key}.Lookup, Store: &w.far,
	})
	require.NoError(w.t, err)
	handler := gateway.NewServe(gateway.ServeOptions{
		Homeserver: &url.URL{Scheme: "http", Host: "homeserver"},
		Transport:  homeserver,
	})
	var listener net.Listener = l
	if w.setting.foreign {
		listener = foreignListener{l}
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error)
	server := &coap.Server{Handler: handler, Profile: w.setting.profile, Version2: w.version2}
	go func() { served <- server.Serve(ctx, listener) }()
	return func() {
		cancel()
		assert.NoError(w.t, <-served)
		handler.Close()
	}
}

// client opens the near side: it goes on with the session that an earlier one has
// kept, or has one of its own to come.
func (w *world) client() (_ http.Handler, stop func() error) {
	transport := &coap.Transport{Profile: w.setting.profile, Dial: w.dialer().Dial, Version2: w.version2}
	return gateway.NewConnect(gateway.ConnectOptions{Transport: transport}), transport.Close
}

func (w *world) dialer() *gateway.Dialer {
	return &gateway.Dialer{
		Routes:   w.routes,
		Profile:  w.setting.profile,
		Security: &dtls.Config{Identity: psk.Identity, Key: psk.Key, Store: &w.near, SessionName: "gw"},
	}
}

// routes leads over the link, each time from a port of its own.
func (w *world) routes(context.Context) ([]gateway.Route, error) {
	return []gateway.Route{{Peer: linkemu.FarAddr(), Open: func() (net.PacketConn, error) {
		w.dials++
		return w.link.Dial(&net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 40_000 + w.dials}), nil
	}}}, nil
}

// settle waits, in virtual time, until whatever was held back has left.
func (w *world) settle() { time.Sleep(w.setting.profile.MaxTransmitWait()) }
