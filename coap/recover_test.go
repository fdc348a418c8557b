package coap_test

import (
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/trace"
)

// afraid panics over the first session.
type afraid struct{}

// Record implements trace.Recorder.
func (afraid) Record(e trace.Event) {
	if e.Session == 1 && e.Kind == trace.Received {
		panic("boom")
	}
}

// A panic over what a peer has sent ends its session; those of others go on.
func TestPanicEndsOneSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := serve(t, &coap.Server{Recover: true, Recorder: afraid{}, Handler: http.NotFoundHandler()}, nil)
		ask := func() error {
			nc, err := l.Dial(t.Context())
			require.NoError(t, err)
			c := endpoint.New(nc, endpoint.Config{Profile: link.Default()})
			defer c.Wait()
			defer c.Close()
			resp, err := c.Do(t.Context(), &endpoint.Request{Code: endpoint.GET})
			if err == nil {
				assert.Equal(t, endpoint.NotFound, resp.Code)
			}
			return err
		}
		require.Error(t, ask())
		require.NoError(t, ask())
	})
}
