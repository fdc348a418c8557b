package coap_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
)

// TestHalfOpenUploadsAreBounded: bodies that must be whole before they are
// converted share one bound.
func TestHalfOpenUploadsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
		c := newServer(t, &coap.Server{Handler: h, MaxBody: 20 << 10})
		upload := func(path string, body io.Reader) endpoint.Code {
			resp, err := c.Do(t.Context(), &endpoint.Request{Code: endpoint.POST, Size: -1, Body: body, Options: endpoint.Options(nil).
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
		_, err := more.Write(whole[13<<10:])
		require.NoError(t, err)
		require.NoError(t, more.Close())
		assert.Equal(t, endpoint.NotFound, <-first)
		assert.Equal(t, endpoint.NotFound, upload("b", bytes.NewReader(whole)), "there is room again")
	})
}
