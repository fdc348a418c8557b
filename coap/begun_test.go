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

func TestBegunRequests(t *testing.T) {
	now := time.Unix(1e9, 0)
	one, two := endpoint.Fingerprint{1}, endpoint.Fingerprint{2}
	b := begunRequests{{fingerprint: one, at: now, earlier: true}}
	assert.False(t, b.add(one, now.Add(time.Minute), time.Hour), "begun in an earlier life")
	assert.True(t, b.add(two, now, time.Hour))
	assert.True(t, b.add(two, now, time.Hour), "in this life the message layer knows duplicates")
	assert.True(t, b.add(one, now.Add(2*time.Hour), time.Hour), "nobody repeats it any more")

	for i := range 3 * maxBegun {
		b.add(endpoint.Fingerprint{3, byte(i)}, now, time.Hour)
	}
	assert.Len(t, b, maxBegun)
	assert.Equal(t, endpoint.Fingerprint{3, byte(2 * maxBegun)}, b[0].fingerprint)
}

// A server whose clock was wrong until it was set, and which died in between, still
// knows what it had begun.
func TestBegunRequestsOutliveTheClock(t *testing.T) {
	run := &serving{Server: &Server{}, bounds: link.DefaultBounds(), log: slog.New(slog.DiscardHandler)}
	run.link = newServerLink(link.Default(), NewMapping(MappingConfig{}))
	near, far := net.Pipe()
	defer far.Close()
	defer near.Close()
	server := newServerSession(run, Peer{}, near)
	f := endpoint.Fingerprint{1}
	server.begun = begunRequests{{fingerprint: f, at: time.Unix(0, 0)}}
	again := newServerSession(run, Peer{}, near)
	require.NoError(t, again.decodeState(server.encodeState()))
	assert.False(t, again.firstTime(f))
	assert.True(t, again.firstTime(endpoint.Fingerprint{2}))
}
