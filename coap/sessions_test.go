package coap_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/conformance/pipe"
)

// TestEndedSessionMakesRoom: a session above the bound is closed, and one that has
// ended counts no more.
func TestEndedSessionMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := pipe.Listen(nil)
		server := &coap.Server{Handler: http.NotFoundHandler(), MaxSessions: 1}
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error)
		go func() { served <- server.Serve(ctx, l) }()

		open := func() *pipe.Conn {
			_, c := pipe.New(nil)
			require.NoError(t, l.Offer(ctx, c))
			synctest.Wait()
			return c
		}
		first, second := open(), open()
		assert.False(t, first.Closed())
		assert.True(t, second.Closed())

		require.NoError(t, first.Close())
		synctest.Wait()
		third := open()
		assert.False(t, third.Closed())

		stop()
		require.NoError(t, <-served)
		assert.True(t, third.Closed())
	})
}
