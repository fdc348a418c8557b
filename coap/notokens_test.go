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

	r.Header["Authorization"] = []string{"", "Bearer secret"}
	_, err = p.RoundTrip(r)
	assert.Error(t, err, "whichever line of the header it is in")
	for _, m := range p.sent() {
		assert.NotContains(t, string(m.data), "secret")
	}

	v := newVersion2(t, shippedModel)
	for _, careless := range []*pair{
		newPairOf(t, &coap.Server{Handler: handler, NoTokens: true}, &coap.Transport{}),
		newPairOf(t, &coap.Server{Handler: handler, NoTokens: true, Version2: v}, &coap.Transport{Version2: v}),
	} {
		for _, secret := range []string{"Bearer secret", "bearer secret", "Basic secret"} {
			r.Header.Set("Authorization", secret)
			res, err := careless.RoundTrip(r)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			assert.NotEqual(t, http.StatusOK, res.StatusCode, secret)
		}
	}
	assert.EqualValues(t, 3, handled.Load(), "a request with a token is not executed")
}
