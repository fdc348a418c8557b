package coap_test

import (
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
)

// Where no access token may go over the link, none does, and requests do not pay for
// saying so.
func TestNoTokens(t *testing.T) {
	var handled atomic.Int32
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handled.Add(1)
		assert.Empty(t, r.Header.Get("Authorization"))
		_, _ = io.WriteString(w, "ok")
	})
	p := newPairOf(t, &coap.Server{Handler: handler, NoTokens: true}, &coap.Transport{NoTokens: true})
	for range 3 {
		res, body := p.do(t, http.MethodGet, "/x", "", "", "")
		assert.Equal(t, http.StatusOK, res.StatusCode)
		assert.Equal(t, "ok", body)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "coap://far/x", nil)
	require.NoError(t, err)
	for _, secret := range []string{"Bearer secret", "Basic secret"} {
		r.Header.Set("Authorization", secret)
		_, err = p.RoundTrip(r)
		var e *coap.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, http.StatusForbidden, e.Status)
	}
	for _, m := range p.sent() {
		parsed, err := endpoint.ParseMessage(m.data)
		require.NoError(t, err)
		assert.False(t, parsed.Options.Has(coap.OptionAccessToken) || parsed.Options.Has(coap.OptionSlot))
		assert.NotContains(t, string(m.data), "secret")
	}
	assert.EqualValues(t, 3, handled.Load())

	careless := newPairOf(t, &coap.Server{Handler: handler, NoTokens: true}, &coap.Transport{})
	res, _ := careless.do(t, http.MethodGet, "/x", "secret", "", "")
	assert.NotEqual(t, http.StatusOK, res.StatusCode)
	assert.EqualValues(t, 3, handled.Load(), "a request with a token is not executed")
}
