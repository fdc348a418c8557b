package coap

import (
	"context"
	"encoding/binary"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/pipe"
)

// TestMarksAreShared: the sessions of one identity share what they may remember against
// repetition; those of another one are not concerned.
func TestMarksAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		profile := link.Default()
		run := &serving{
			Server: &Server{Handler: http.NotFoundHandler()}, bounds: link.DefaultBounds(), log: slog.New(slog.DiscardHandler),
			link:     newServerLink(profile, NewMapping(MappingConfig{Profile: profile, Side: endpoint.SideFar})),
			sessions: make(map[*endpoint.Conn]*serverSession), conversions: newConversions(), quotas: quotas{limit: 1},
		}
		run.life, run.end = context.WithCancel(t.Context())
		var ended sync.WaitGroup
		open := func(identity string) *pipe.Conn {
			client, server := pipe.New(nil)
			run.start(whose{server, identity}, &ended)
			return client
		}
		// ask makes the i-th request of a session.
		ask := func(c *pipe.Conn, i int) endpoint.Code {
			m := &endpoint.Message{Type: endpoint.Confirmable, Code: endpoint.GET, MessageID: uint16(i), Token: binary.BigEndian.AppendUint16(nil, uint16(i))}
			data, err := endpoint.AppendMessage(nil, m)
			require.NoError(t, err)
			_, err = c.Write(data)
			require.NoError(t, err)
			var answer [2048]byte
			n, err := c.Read(answer[:])
			require.NoError(t, err)
			got, err := endpoint.ParseMessage(answer[:n])
			require.NoError(t, err)
			return got.Code
		}
		first, second, other := open("boat"), open("boat"), open("house")
		fill := func(c *pipe.Conn) (served int) {
			for ask(c, served) == endpoint.NotFound {
				served++
			}
			return served
		}
		served := fill(first)
		assert.Greater(t, served, 1000, "what is its own")
		assert.Less(t, served, 5000, "and no more")
		assert.Equal(t, endpoint.ServiceUnavailable, ask(first, 10000))
		assert.Equal(t, served, fill(second), "the same, in spite of the other one")
		assert.Equal(t, endpoint.NotFound, ask(other, 0))
		assert.Len(t, run.quotas.byIdentity, 2)
		assert.Positive(t, run.quotas.byIdentity["boat"].Used())
		assert.Zero(t, run.quotas.byIdentity["house"].Used())
		for _, c := range []*pipe.Conn{first, second, other} {
			require.NoError(t, c.Close())
		}
		run.end()
		run.closeAll()
		ended.Wait()
		assert.Empty(t, run.quotas.byIdentity)
	})
}

// whose is a connection of which it is known whose it is.
type whose struct {
	*pipe.Conn
	identity string
}

// PeerIdentity is what dtls.Conn has.
func (n whose) PeerIdentity() string { return n.identity }
