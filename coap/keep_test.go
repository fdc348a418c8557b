package coap

import (
	"log/slog"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
)

// Stored state comes from a disk: whatever it is, an end neither panics nor takes
// half of it, and what it has taken it writes again as it was.
func FuzzState(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x02\x0f\x01\x00\x3c\x00\x02\x01\x03abc"))
	f.Add([]byte("\x02\x07\x01\x0d\x00\x01\x01\x05token12345678"))
	f.Fuzz(func(t *testing.T, kept []byte) {
		near, far := net.Pipe()
		defer far.Close()
		conn := endpoint.New(near, endpoint.Config{Profile: link.Default()})
		defer conn.Wait()
		defer conn.Close()
		client := newSession(conn, brief{near}, link.Default(), slog.New(slog.DiscardHandler))
		if client.restore(kept) == nil && client.kind == PeerGateway {
			again := newSession(conn, brief{near}, link.Default(), slog.New(slog.DiscardHandler))
			require.NoError(t, again.restore(client.encodeState()))
			assert.Equal(t, client.slots, again.slots)
			assert.Equal(t, client.theirs, again.theirs)
		} else {
			assert.Equal(t, PeerUnknown, client.kind)
			assert.Empty(t, client.slots)
		}

		run := &serving{Server: &Server{}, bounds: link.DefaultBounds(), log: slog.New(slog.DiscardHandler)}
		run.link = newServerLink(link.Default(), NewMapping(MappingConfig{}))
		server := newServerSession(run, Peer{}, near)
		if server.decodeState(kept) == nil {
			again := newServerSession(run, Peer{}, near)
			require.NoError(t, again.decodeState(server.encodeState()))
			assert.Equal(t, len(server.slots.byName), len(again.slots.byName))
			require.Equal(t, len(server.begun), len(again.begun))
			for i, r := range server.begun {
				assert.Equal(t, r.fingerprint, again.begun[i].fingerprint)
			}
			assert.Equal(t, server.link.Load().wire, again.link.Load().wire)
		} else {
			assert.Empty(t, server.slots)
			assert.False(t, server.gateway)
		}
	})
}
