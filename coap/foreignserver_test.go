package coap_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
)

// TestForeignServer: 256 and 257 until a request that carried them was answered,
// one session for each token and one for none; nothing but that is asked.
func TestForeignServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, rt := newPeer(t, plain)
		for _, token := range []string{"a", "a", "", "", "b", "a", "b"} {
			require.Equal(t, 200, status(t, rt, "GET", "/x", token, ""))
		}
		assert.Equal(t, []string{
			"0 0.01 /x token=a version=01 gateway=02 slot=-",
			"0 0.01 /x token=- version=- gateway=- slot=-",
			"1 0.01 /x token=- version=01 gateway=- slot=-",
			"1 0.01 /x token=- version=- gateway=- slot=-",
			"2 0.01 /x token=b version=01 gateway=- slot=-",
			"0 0.01 /x token=- version=- gateway=- slot=-",
			"2 0.01 /x token=- version=- gateway=- slot=-",
		}, p.take())
	})
}

// TestForeignServerOddBearer: a peer that knows no headers gets the token of a header that says
// it in another way, and no request without it.
func TestForeignServerOddBearer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, rt := newPeer(t, plain)
		for range 2 {
			r, err := http.NewRequestWithContext(t.Context(), "GET", "http://link/x", nil)
			require.NoError(t, err)
			r.Header.Set("Authorization", "bearer a")
			resp, err := rt.RoundTrip(r)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
		}
		assert.Equal(t, []string{
			"0 0.01  token=- version=01 gateway= slot=-", // who are you?
			"1 0.01 /x token=a version=01 gateway=- slot=-",
			"1 0.01 /x token=- version=- gateway=- slot=-",
		}, p.take())
	})
}

// TestForeignServerBusy: 5.03 is no answer, so that the token goes along again.
func TestForeignServerBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy := 2
		p, rt := newPeer(t, func(r *endpoint.Request) *endpoint.Response {
			if busy--; busy >= 0 {
				return &endpoint.Response{Code: endpoint.ServiceUnavailable}
			}
			return plain(r)
		})
		for _, want := range []int{503, 503, 200, 200} {
			require.Equal(t, want, status(t, rt, "GET", "/x", "a", ""))
		}
		assert.Equal(t, []string{
			"0 0.01 /x token=a version=01 gateway=02 slot=-",
			"0 0.01 /x token=a version=01 gateway=02 slot=-",
			"0 0.01 /x token=a version=01 gateway=02 slot=-",
			"0 0.01 /x token=- version=- gateway=- slot=-",
		}, p.take())
	})
}

// TestVersionRefused: a server that does not know option 257 gets the request again
// without; those at the same time as well.
func TestVersionRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		both := make(chan struct{})
		p, rt := newPeer(t, func(r *endpoint.Request) *endpoint.Response {
			if r.Options.Has(coap.OptionVersion) {
				<-both
				return &endpoint.Response{Code: endpoint.BadOption}
			}
			return plain(r)
		})
		var requests sync.WaitGroup
		for range 2 {
			requests.Go(func() { assert.Equal(t, 200, status(t, rt, "POST", "/x", "a", "{}")) })
		}
		synctest.Wait()
		close(both)
		requests.Wait()
		assert.Len(t, p.take(), 4)
		require.Equal(t, 200, status(t, rt, "GET", "/x", "a", ""))
		assert.Equal(t, []string{"0 0.01 /x token=- version=- gateway=- slot=-"}, p.take())
	})
}

// TestNotCarriedToForeign: what only a coapgw understands is asked for first, and
// then answered here.
func TestNotCarriedToForeign(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, rt := newPeer(t, plain)
		assert.Equal(t, 400, status(t, rt, "GET", "/x?q="+strings.Repeat("y", 5000), "", ""))
		assert.Equal(t, []string{"0 0.01  token=- version=01 gateway= slot=-"}, p.take(), "the probe alone")
		assert.Equal(t, 400, status(t, rt, "REPORT", "/x", "", ""))
		assert.Equal(t, 405, status(t, rt, "TRACE", "/x", "", ""))
		assert.Equal(t, 200, status(t, rt, "HEAD", "/x", "", ""))
		assert.Equal(t, []string{"0 0.01 /x token=- version=01 gateway=- slot=-"}, p.take())
	})
}
