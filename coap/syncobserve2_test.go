package coap_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/cborcodec/dialect"
	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
)

// observer2 is a client of version 2 that observes /sync.
type observer2 struct {
	t      *testing.T
	conn   *endpoint.Conn
	client *wire2.Client
	mu     sync.Mutex
	seen   []string
	sizes  []int
}

// agree makes the first request, of version 1, with an offer.
func (o *observer2) agree(v *coap.Version2) {
	id := v.Format.ID()
	first := registration("s0")
	first.Options = first.Options.Remove(endpoint.URIQuery).AddString(endpoint.URIQuery, "timeout=0").
		Add(coap.OptionGateway, []byte{2}).Add(coap.OptionOffer, append([]byte{10}, id[:]...))
	resp, err := o.conn.Do(o.t.Context(), first)
	require.NoError(o.t, err)
	require.True(o.t, resp.Options.Has(coap.OptionOffer))
	o.client = v.Format.NewClient(wire2.Terms{Home: "example.org", Size: 1024, Policy: coder.Server.Policy()})
}

// request is a GET of /sync from since, and reads what comes in answer.
func (o *observer2) request(since string) (*endpoint.Request, func(*endpoint.Response) error) {
	payload, x, err := o.client.Request(nil, &dialect.Request{Method: "GET", Target: "/_matrix/client/v3/sync?since=" + since + "&timeout=0"}, time.Now())
	require.NoError(o.t, err)
	return &endpoint.Request{Code: endpoint.FETCH, Body: bytes.NewReader(payload), Size: int64(len(payload))}, func(resp *endpoint.Response) error {
		data, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		status := http.StatusOK
		if resp.Code == endpoint.Unauthorized {
			status = http.StatusUnauthorized
		}
		json, _, err := x.Response(nil, data, status)
		if err != nil {
			return err
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		o.seen = append(o.seen, string(json))
		o.sizes = append(o.sizes, len(data))
		return nil
	}
}

// TestObservedSync2: notifications of version 2 go on from one another.
func TestObservedSync2(t *testing.T) {
	script := &syncScript{answers: map[string][]syncAnswer{
		"":         {{0, 200, nothing("s1_0_0_1", "50")}},
		"s1_0_0_1": {{0, 200, oneMessage("s1_0_0_1", "one")}, {0, 200, oneMessage("s2_0_0_1", "one")}},
		"s2_0_0_1": {{5 * time.Second, 200, nothing("s3_0_0_1", "50")}, {time.Second, 200, nothing("s3_0_0_1", "50")}},
		"s3_0_0_1": {{time.Second, 200, oneMessage("s4_0_0_1", "two")}},
		"s4_0_0_1": {{time.Second, 200, nothing("s5_0_0_1", "49")}},
		"s5_0_0_1": {{time.Second, 200, oneMessage("s6_0_0_1", "three")}},
		"s6_0_0_1": {{time.Second, 401, `{"errcode":"M_UNKNOWN_TOKEN","error":"gone"}`}},
	}}
	synctest.Test(t, func(t *testing.T) {
		v := newVersion2(t, shippedModel)
		l := newPipeListener(nil)
		ctx, stop := context.WithCancel(context.Background())
		served := make(chan error)
		go func() { served <- (&coap.Server{Handler: script, Version2: v}).Serve(ctx, l) }()
		nc, err := l.Dial(ctx)
		require.NoError(t, err)
		o := &observer2{t: t, conn: endpoint.New(nc, endpoint.Config{Profile: link.Default()})}
		o.agree(v)
		req, read := o.request("s1_0_0_1")
		resp, err := o.conn.Do(t.Context(), req)
		require.NoError(t, err)
		require.NoError(t, read(resp))
		req, read = o.request("s1_0_0_1")
		observation, err := o.conn.Observe(t.Context(), req, read)
		require.NoError(t, err)
		<-observation.Done()
		assert.Equal(t, []string{
			oneMessage("s1_0_0_1", "one"), oneMessage("s2_0_0_1", "one"), nothing("s3_0_0_1", "50"), oneMessage("s4_0_0_1", "two"),
			nothing("s5_0_0_1", "49"), oneMessage("s6_0_0_1", "three"), `{"errcode":"M_UNKNOWN_TOKEN","error":"gone"}`,
		}, o.seen)
		assert.Less(t, o.sizes[3], 20, "a notification refers to what the client has")
		require.NoError(t, o.conn.Close())
		stop()
		require.NoError(t, <-served)
	})
}
