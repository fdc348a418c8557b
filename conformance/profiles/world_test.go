package profiles

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

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

var psk = keys.PSK{Identity: "ship", Key: []byte("0123456789abcdef")}

// world is a homeserver, a pair, and the link between.
type world struct {
	t          *testing.T
	profile    link.Profile
	link       *linkemu.Link
	homeserver *homeserver
	connect    http.Handler
	dials      atomic.Int32

	retransmitted atomic.Int64 // CoAP messages, of both ends
	handshake     atomic.Int64 // datagrams that belong to a DTLS handshake
}

// inWorld runs f with a pair whose ends both use profile p over the link. What
// cryptography and message layer draw comes from the link's seed.
func inWorld(t *testing.T, p link.Profile, l linkemu.Config, f func(*world)) {
	cryptotest.SetGlobalRandom(t, l.Seed)
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, profile: p, homeserver: newHomeserver(t), link: linkemu.New(l)}
		defer w.link.Close()
		w.link.Tap(func(p linkemu.Packet) {
			if isHandshake(p.Payload) {
				w.handshake.Add(1)
			}
		})
		defer w.serve()()
		transport := &coap.Transport{Profile: p, Dial: w.dial, Recorder: w}
		defer transport.Close()
		w.connect = gateway.NewConnect(gateway.ConnectOptions{Transport: transport})
		f(w)
	})
}

// serve opens the far side.
func (w *world) serve() (stop func()) {
	l, err := dtls.Listen(w.link.Listen(), dtls.Config{Profile: w.profile, Keys: keys.PSKs{psk.Identity: psk.Key}.Lookup})
	require.NoError(w.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error)
	handler := gateway.NewServe(gateway.ServeOptions{
		Homeserver: &url.URL{Scheme: "http", Host: "homeserver"},
		Transport:  w.homeserver,
	})
	server := &coap.Server{Handler: handler, Profile: w.profile, Recorder: w}
	go func() { served <- server.Serve(ctx, l) }()
	return func() {
		cancel()
		assert.NoError(w.t, <-served)
		handler.Close()
	}
}

// dial opens a session from a port of its own.
func (w *world) dial(ctx context.Context) (net.Conn, error) {
	local := &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 40_000 + int(w.dials.Add(1))}
	return dtls.Dial(ctx, w.link.Dial(local), linkemu.FarAddr(), dtls.Config{Profile: w.profile, Identity: psk.Identity, Key: psk.Key})
}

// Record implements trace.Recorder.
func (w *world) Record(e trace.Event) {
	if e.Kind == trace.Retransmitted {
		w.retransmitted.Add(1)
	}
}

// settle waits, in virtual time, until nothing is sent any more.
func (w *world) settle() { time.Sleep(w.profile.MaxTransmitWait()) }

// isHandshake reports whether a datagram begins with a record that only a
// handshake has: change_cipher_spec or handshake (RFC 5246 §6.2.1).
func isHandshake(datagram []byte) bool {
	return len(datagram) > 0 && (datagram[0] == 20 || datagram[0] == 22)
}
