package coap_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
)

// TestEndedSessionMakesRoom: a session above the bound is closed, and one that has
// ended counts no more.
func TestEndedSessionMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener(nil)
		server := &coap.Server{Handler: http.NotFoundHandler(), MaxSessions: 1}
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error)
		go func() { served <- server.Serve(ctx, l) }()

		open := func() *pipeConn {
			_, c := newPipe(nil)
			l.conns <- c
			synctest.Wait()
			return c
		}
		first, second := open(), open()
		assert.False(t, first.closed())
		assert.True(t, second.closed())

		require.NoError(t, first.Close())
		synctest.Wait()
		third := open()
		assert.False(t, third.closed())

		stop()
		require.NoError(t, <-served)
		assert.True(t, third.closed())
	})
}

func (c *pipeConn) closed() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}
