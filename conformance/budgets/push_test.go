package budgets

import (
	"bytes"
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

// measurePush returns what an operation costs on an open observation of /sync
// (RFC 7641), the registration left out. The homeserver answers the far gateway's
// polls by the exchanges of the operation, and has nothing new before and after.
func measurePush(t *testing.T, s setting, op operations.Operation) (c cost) {
	quiet := idle(t)
	news := 0
	for _, e := range op.Exchanges {
		if !bytes.Equal(e.Response.Body, quiet.Response.Body) {
			news++
		}
	}
	first := quiet
	first.Hold = 0
	before := []operations.Exchange{first}
	if s.version == "2" {
		before = append(warmup(t, s, op), first)
	}
	homeserver := &stream{next: append(before, append(op.Exchanges, quiet)...)}
	inWorld(t, s, homeserver, func(w *world) {
		conn, err := w.dialer().Dial(w.t.Context())
		require.NoError(w.t, err)
		peer := endpoint.New(conn, endpoint.Config{
			Profile: s.profile, Side: endpoint.SideConstrained, Overhead: conn.(interface{ Overhead() int }).Overhead(),
		})
		var delivered atomic.Int32
		request, read := registration(w.t, s, quiet), discard
		if s.version == "2" {
			request, read = w.registration2(peer, before)
		}
		o, err := peer.Observe(w.t.Context(), request, func(resp *endpoint.Response) error {
			delivered.Add(1)
			return read(resp)
		})
		require.NoError(w.t, err)
		w.count.reset()
		for _, e := range op.Exchanges {
			time.Sleep(e.Hold) // virtual
		}
		w.settle()
		c = w.count.read()
		assert.EqualValues(w.t, 1+news, delivered.Load(), "the answer to the registration, and each piece of news")
		require.NoError(w.t, o.Cancel(w.t.Context()))
		require.NoError(w.t, peer.Close())
		peer.Wait()
	})
	return c
}

// discard reads a response of version 1.
func discard(resp *endpoint.Response) error {
	_, err := io.Copy(io.Discard, resp.Body)
	return err
}

// idle is a long-poll that brings nothing.
func idle(t *testing.T) operations.Exchange { return operation(t, "idle").Exchanges[0] }

// registration is the request of an exchange as an observer sends it who has sent
// no other before.
func registration(t *testing.T, s setting, e operations.Exchange) *endpoint.Request {
	u, err := url.ParseRequestURI(e.Request.URI)
	require.NoError(t, err)
	kind := coap.PeerGateway
	if s.foreign {
		kind = coap.PeerForeign
	}
	r := &http.Request{Method: e.Request.Method, URL: u, Header: make(http.Header), Body: http.NoBody}
	req, err := coap.NewMapping(coap.MappingConfig{Profile: s.profile}).EncodeRequest(r, kind)
	require.NoError(t, err)
	token := strings.TrimPrefix(e.Request.Header.Get("Authorization"), "Bearer ")
	req.Options = req.Options.AddString(coap.OptionAccessToken, token).AddUint(coap.OptionVersion, 1)
	if !s.foreign {
		req.Options = req.Options.AddUint(coap.OptionGateway, 1)
	}
	return req
}
