package budgets

import (
	"bytes"
	"io"
	"net/http"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/cborcodec/dialect"
	"github.com/coapgw/coapgw/cborcodec/idtable"
	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/conformance/operations"
)

// registration2 makes all requests but the last as a client that observes would, and
// returns the last one as a registration, and what reads its responses.
func (w *world) registration2(peer *endpoint.Conn, before []operations.Exchange) (*endpoint.Request, func(*endpoint.Response) error) {
	// Its token defines the implied slot.
	one := before[0]
	one.Request.Header = before[len(before)-1].Request.Header
	first := registration(w.t, w.setting, one)
	id := w.version2.Format.ID()
	const entriesLog = 10 // of idtable.DefaultSize
	first.Options = first.Options.Add(coap.OptionOffer, append([]byte{entriesLog}, id[:]...))
	resp, err := peer.Do(w.t.Context(), first)
	require.NoError(w.t, err)
	require.True(w.t, resp.Options.Has(coap.OptionOffer), "version 2 is agreed on")
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(w.t, err)
	client := w.version2.Format.NewClient(wire2.Terms{Home: homeName, Size: idtable.DefaultSize, Policy: coder.Server.Policy()})
	for i, e := range before[1:] {
		payload, x, err := client.Request(nil, &dialect.Request{Method: e.Request.Method, Target: e.Request.URI, Body: jsonOf(e)}, time.Now())
		require.NoError(w.t, err)
		code := endpoint.FETCH
		if e.Request.Method == http.MethodPut {
			code = endpoint.PUT
		}
		req := &endpoint.Request{Code: code, Body: bytes.NewReader(payload), Size: int64(len(payload))}
		read := w.reader(x)
		if i == len(before)-2 {
			return req, read
		}
		resp, err := peer.Do(w.t.Context(), req)
		require.NoError(w.t, err)
		require.NoError(w.t, read(resp))
	}
	panic("no registration")
}

// jsonOf is the body of a request, nil for none.
func jsonOf(e operations.Exchange) []byte {
	if len(e.Request.Body) == 0 {
		return nil
	}
	return e.Request.Body
}

// reader reads what comes in answer to a request of version 2, whatever it is.
func (w *world) reader(x *wire2.Exchange) func(*endpoint.Response) error {
	return func(resp *endpoint.Response) error {
		payload, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		assert.False(w.t, resp.Options.Has(coap.OptionControl))
		_, _, err = x.Response(nil, payload, http.StatusOK)
		assert.NoError(w.t, err)
		return err
	}
}
