// Package fidelity shows that a pair changes nothing: what the homeserver got is
// what the client sent, and back. A recorder stands on both sides of a whole pair,
// connect's handler and DTLS included, over an emulated link in virtual time.
package fidelity

import (
	"context"
	"flag"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/recorder"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/gateway"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// wireVersion is the highest version that pairs speak: the suite runs once with each.
var wireVersion = flag.Int("wire-version", 2, "highest version of the wire format")

// version2 is what both ends have of wire version 2, nil for nothing.
func version2(t *testing.T) *coap.Version2 {
	t.Helper()
	if *wireVersion < 2 {
		return nil
	}
	m, err := model()
	require.NoError(t, err)
	return &coap.Version2{Format: wire2.NewFormat(m, 2), Home: func() string { return "example.org" }}
}

// model is unpacked once; a format belongs to one bubble of virtual time.
var model = sync.OnceValues(coder.Shipped)

// virtually runs f in virtual time.
func virtually(t *testing.T, f func(t *testing.T)) { synctest.Test(t, f) }

// pair is connect and serve with a link between them.
type pair struct {
	client     http.RoundTripper
	homeserver *recorder.Recorder
}

// newPair returns a pair in front of a homeserver that answers so.
func newPair(t *testing.T, answer recorder.Answer) *pair {
	t.Helper()
	rec := recorder.New(recorder.Scripted(answer))
	connect := gateway.NewConnect(gateway.ConnectOptions{Transport: newTransport(t, rec)})
	return &pair{client: inProcess{connect}, homeserver: rec}
}

// newTransport returns a Transport to a Server with that handler: all of a pair
// but its HTTP ends.
func newTransport(t *testing.T, h http.Handler) *coap.Transport {
	t.Helper()
	return newTransportOver(t, link.Default(), h)
}

// newTransportOver is newTransport for a link, which both ends know.
func newTransportOver(t *testing.T, profile link.Profile, h http.Handler) *coap.Transport {
	t.Helper()
	emulated := linkemu.New(linkemu.Config{})
	secret := []byte("0123456789abcdef")
	listener, err := dtls.Listen(emulated.Listen(), dtls.Config{
		Profile: profile, Keys: func(string) ([]byte, bool) { return secret, true },
	})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error)
	version2 := version2(t)
	go func() {
		served <- (&coap.Server{Handler: h, Version2: version2, Profile: profile}).Serve(ctx, listener)
	}()

	var mu sync.Mutex
	port := 1024
	transport := &coap.Transport{Version2: version2, Profile: profile, Dial: func(ctx context.Context) (net.Conn, error) {
		mu.Lock()
		port++
		from := &net.UDPAddr{IP: net.IPv4(192, 0, 2, 2), Port: port}
		mu.Unlock()
		return dtls.Dial(ctx, emulated.Dial(from), linkemu.FarAddr(), dtls.Config{
			Profile: profile, Identity: "client", Key: secret,
		})
	}}
	t.Cleanup(func() {
		assert.NoError(t, transport.Close())
		stop()
		assert.NoError(t, <-served)
		assert.NoError(t, emulated.Close())
	})
	return transport
}

// connectTo returns connect's handler with a link that cannot be dialled.
func connectTo(t *testing.T, dial func() error) http.RoundTripper {
	transport := &coap.Transport{Dial: func(context.Context) (net.Conn, error) { return nil, dial() }}
	t.Cleanup(func() { assert.NoError(t, transport.Close()) })
	return inProcess{gateway.NewConnect(gateway.ConnectOptions{Transport: transport})}
}

// exchange sends a request through the pair and returns the answer, and what the
// homeserver saw.
func (p *pair) exchange(t testing.TB, req recorder.Request) (got recorder.Response, seen []recorder.Exchange) {
	t.Helper()
	got, err := recorder.Do(t.Context(), p.client, "http://localhost", req)
	require.NoError(t, err, "%s %s", req.Method, req.URI)
	return got, p.homeserver.Take()
}

// requireFaithful sends a request and requires that it arrives as it was sent, and
// its response as the homeserver made it.
func (p *pair) requireFaithful(t testing.TB, req recorder.Request) recorder.Response {
	t.Helper()
	got, seen := p.exchange(t, req)
	require.Len(t, seen, 1, "%s %s", req.Method, req.URI)
	require.NoError(t, seen[0].Err)
	requireSame(t, recorder.CompareRequests(withoutIdleType(req), seen[0].Request), req)
	sent := seen[0].Response
	if req.Method == http.MethodHead {
		sent.Body = nil
	}
	requireSame(t, recorder.CompareResponses(sent, got), req)
	return got
}

// requireSame requires equality down to the spelling of numbers and the order of
// members.
func requireSame(t tester, d recorder.Diff, req recorder.Request) {
	t.Helper()
	require.NoError(t, d.Err(), "%s %s", req.Method, req.URI)
	require.Empty(t, d.Reordered, "%s %s", req.Method, req.URI)
	require.Empty(t, d.Respelled, "%s %s", req.Method, req.URI)
}

// withoutIdleType is the request without a Content-Type that has no content to
// speak of: clients send it with every GET, and it does not travel.
func withoutIdleType(req recorder.Request) recorder.Request {
	if len(req.Body) == 0 {
		req.Header = req.Header.Clone()
		req.Header.Del("Content-Type")
	}
	return req
}

// inProcess hands requests to a handler as an HTTP server would.
type inProcess struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	target := r.URL.RequestURI()
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, err
	}
	in := r.Clone(r.Context())
	in.URL, in.RequestURI, in.RemoteAddr = u, target, "127.0.0.1:1"
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, in)
	return w.Result(), nil
}
