package coap_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
)

// TestMalformedOptionsAreRefused: a critical option of illegal length, or a second
// one, is answered 4.02 and the request is not executed (RFC 7252 §5.4.3, §5.4.5).
func TestMalformedOptionsAreRefused(t *testing.T) {
	executed := 0
	c := newServer(t, &coap.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		executed++
		_, _ = io.WriteString(w, r.Method+" "+r.Header.Get("Authorization"))
	})})
	ask := func(opts endpoint.Options) (endpoint.Code, string) {
		resp, err := c.Do(t.Context(), &endpoint.Request{Code: endpoint.POST, Options: opts.AddString(endpoint.URIPath, "x")})
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.Code, string(body)
	}
	gateway := func() endpoint.Options {
		return endpoint.Options{}.AddString(coap.OptionAccessToken, "tok").AddUint(coap.OptionGateway, 2)
	}
	for name, opts := range map[string]endpoint.Options{
		"version too long": gateway().Add(coap.OptionVersion, []byte{0, 1}),
		"slot too long":    gateway().Add(coap.OptionSlot, []byte{0, 0, 1}),
		"slot twice":       gateway().AddUint(coap.OptionSlot, 1).AddUint(coap.OptionSlot, 2),
		"method empty":     gateway().Add(coap.OptionMethod, nil),
		"method too long":  gateway().AddString(coap.OptionMethod, "AAAAAAAAAAAAAAAAA"),
		"envelope value":   gateway().Add(coap.OptionEnvelope, []byte{1}),
	} {
		code, _ := ask(opts)
		assert.Equal(t, endpoint.BadOption, code, name)
	}
	assert.Zero(t, executed)
	// An empty token is no token: it takes nothing from a foreign client.
	_, body := ask(endpoint.Options{}.AddString(coap.OptionAccessToken, "sticky"))
	assert.Equal(t, "POST Bearer sticky", body)
	_, body = ask(endpoint.Options{}.Add(coap.OptionAccessToken, nil))
	assert.Equal(t, "POST Bearer sticky", body)
}

// TestMessageLayerSpeaksMatrix: what the peer's message layer refuses reaches the
// client as a Matrix error, and an empty answer of the homeserver stays empty.
func TestMessageLayerSpeaksMatrix(t *testing.T) {
	for code, want := range map[endpoint.Code]string{
		endpoint.ServiceUnavailable:    `{"errcode":"M_UNKNOWN","error":"the gateway at the other end is busy"}`,
		endpoint.RequestEntityTooLarge: `{"errcode":"M_TOO_LARGE","error":"the request is larger than the gateway at the other end takes"}`,
	} {
		_, transport := newPeer(t, func(*endpoint.Request) *endpoint.Response {
			return &endpoint.Response{Code: code, Options: endpoint.Options{}.AddUint(coap.OptionGateway, 2)}
		})
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://link/x", nil)
		require.NoError(t, err)
		resp, err := transport.RoundTrip(r)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, want, string(body))
		assert.Equal(t, "application/json", resp.Header.Get("Content-Type"))
	}
	for _, status := range []int{http.StatusServiceUnavailable, http.StatusRequestEntityTooLarge} {
		p := newPair(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		resp, body := p.do(t, "GET", "/x", "", "", "")
		assert.Equal(t, status, resp.StatusCode)
		assert.Empty(t, body)
	}
}
