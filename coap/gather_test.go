package coap_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/pipe"
)

// TestHalfOpenUploadsAreBounded: bodies that must be whole before they are
// converted share one bound.
func TestHalfOpenUploadsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := pipe.Listen(nil)
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error)
		h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
		go func() { served <- (&coap.Server{Handler: h, MaxBody: 20 << 10}).Serve(ctx, l) }()
		nc, err := l.Dial(ctx)
		require.NoError(t, err)
		c := endpoint.New(nc, endpoint.Config{Profile: link.Default()})
		upload := func(path string, body io.Reader) endpoint.Code {
			resp, err := c.Do(ctx, &endpoint.Request{Code: endpoint.POST, Size: -1, Body: body, Options: endpoint.Options(nil).
				AddString(endpoint.URIPath, "_matrix").AddString(endpoint.URIPath, path).AddUint(endpoint.ContentFormat, 60).AddUint(coap.OptionVersion, 1)})
			if !assert.NoError(t, err) {
				return endpoint.Empty
			}
			return resp.Code
		}
		// A text string of 14 kB.
		whole := append([]byte{0x79, 14 << 2, 0}, bytes.Repeat([]byte("x"), 14<<10)...)
		half, more := io.Pipe()
		first := make(chan endpoint.Code, 1)
		go func() { first <- upload("a", io.MultiReader(bytes.NewReader(whole[:13<<10]), half)) }()
		time.Sleep(time.Second) // virtual
		assert.Equal(t, endpoint.ServiceUnavailable, upload("b", bytes.NewReader(whole)))
		_, err = more.Write(whole[13<<10:])
		require.NoError(t, err)
		require.NoError(t, more.Close())
		assert.Equal(t, endpoint.NotFound, <-first)
		assert.Equal(t, endpoint.NotFound, upload("b", bytes.NewReader(whole)), "there is room again")
		require.NoError(t, c.Close())
		stop()
		require.NoError(t, <-served)
	})
}
