package coap

import (
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
)

// TestWayIsKept: what was learnt of the way to the server is known in the next life.
func TestWayIsKept(t *testing.T) {
	life := func() *session {
		near, far := net.Pipe()
		t.Cleanup(func() { _ = far.Close() })
		conn := endpoint.New(near, endpoint.Config{Profile: link.Default()})
		t.Cleanup(func() {
			_ = conn.Close()
			conn.Wait()
		})
		return newSession(conn, brief{near}, link.Default(), slog.New(slog.DiscardHandler))
	}
	learnt := endpoint.Mapping{Lasts: 5 * time.Minute, Dies: 350 * time.Second}
	first := life()
	first.adopt(PeerGateway)
	first.conn.SetMapping(learnt)
	first.lookBack()
	assert.True(t, first.memory.dirty)
	second := life()
	require.NoError(t, second.restore(first.encodeState()))
	assert.Equal(t, learnt, second.conn.Mapping())
	second.lookBack()
	assert.False(t, second.memory.dirty)
}
