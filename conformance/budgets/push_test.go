package budgets

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/conformance/operations"
)

// observe measures what an open observation of /sync costs while the exchanges of
// an operation happen at the homeserver. That they cross the link as often as news
// come is the caller's to know.
func observe(t *testing.T, s setting, op operations.Operation, quiet operations.Exchange, news int) (c cost) {
	first := quiet
	first.Hold = 0
	homeserver := &stream{next: append([]operations.Exchange{first}, append(op.Exchanges, quiet)...)}
	inWorld(t, s, homeserver, func(w *world) {
		conn, err := w.dial(w.t.Context())
		require.NoError(w.t, err)
		peer := endpoint.New(conn, endpoint.Config{
			Profile: s.profile, Side: endpoint.SideConstrained, Overhead: conn.(interface{ Overhead() int }).Overhead(),
		})
		var delivered atomic.Int32
		o, err := peer.Observe(w.t.Context(), registration(w.t, s, op.Exchanges[0]), func(resp *endpoint.Response) error {
			delivered.Add(1)
			_, err := io.Copy(io.Discard, resp.Body)
			return err
		})
		require.NoError(w.t, err)
		w.count.reset()
		for _, e := range op.Exchanges {
			time.Sleep(e.Hold) // virtual
		}
		w.settle()
		c = w.count.read()
		assert.EqualValues(w.t, 1+news, delivered.Load())
		require.NoError(w.t, o.Cancel(w.t.Context()))
		require.NoError(w.t, peer.Close())
		peer.Wait()
	})
	return c
}

// registration is the request of an exchange as an observer of MSC3079 sends it.
func registration(t *testing.T, s setting, e operations.Exchange) *endpoint.Request {
	u, err := url.ParseRequestURI(e.Request.URI)
	require.NoError(t, err)
	r := (&http.Request{Method: e.Request.Method, URL: u, Header: make(http.Header), Body: http.NoBody}).WithContext(context.Background())
	kind := coap.PeerGateway
	if s.foreign {
		kind = coap.PeerForeign
	}
	req, err := coap.NewMapping(coap.MappingConfig{Profile: s.profile}).EncodeRequest(r, kind)
	require.NoError(t, err)
	token := strings.TrimPrefix(e.Request.Header.Get("Authorization"), "Bearer ")
	req.Options = req.Options.AddString(coap.OptionAccessToken, token).AddUint(coap.OptionVersion, 1)
	if !s.foreign {
		req.Options = req.Options.AddUint(coap.OptionGateway, 1)
	}
	return req
}

// measurePush measures an operation that is pushed.
func measurePush(t *testing.T, s setting, op operations.Operation) cost {
	all, err := operations.All()
	require.NoError(t, err)
	for _, other := range all {
		if other.Name == "idle" {
			news := 0
			if !bytes.Equal(op.Exchanges[0].Response.Body, other.Exchanges[0].Response.Body) {
				news = len(op.Exchanges)
			}
			return observe(t, s, op, other.Exchanges[0], news)
		}
	}
	require.FailNow(t, "no operation is idle")
	return cost{}
}
