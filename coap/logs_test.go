package coap_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/pipe"
)

// TestTargetIsNotLogged: the query of a request may hold an access token, and the
// log says nothing of it even when the request cannot be read.
func TestTargetIsNotLogged(t *testing.T) {
	var log bytes.Buffer
	l := pipe.Listen(nil)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error)
	server := &coap.Server{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	go func() { served <- server.Serve(ctx, l) }()
	nc, err := l.Dial(ctx)
	require.NoError(t, err)
	c := endpoint.New(nc, endpoint.Config{Profile: link.Default()})
	target := "/%zz?access_token=secret"
	resp, err := c.Do(ctx, &endpoint.Request{
		Code:    endpoint.FETCH,
		Options: endpoint.Options(nil).AddUint(coap.OptionGateway, 2).Add(coap.OptionEnvelope, nil),
		Body:    bytes.NewReader(append([]byte{0x81, 0x78, byte(len(target))}, target...)), // a CBOR array of one text string
		Size:    int64(3 + len(target)),
	})
	require.NoError(t, err)
	assert.Equal(t, endpoint.BadRequest, resp.Code)
	require.NoError(t, c.Close())
	stop()
	require.NoError(t, <-served)
	assert.Contains(t, log.String(), "request refused")
	assert.NotContains(t, log.String(), "secret")
}
