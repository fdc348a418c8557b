package profiles

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/trace"
	"github.com/coapgw/coapgw/conformance/virtual"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// TestLearntIsAsGoodAsConfigured: where a server learns the link from its client, the
// same datagrams cross it at the same times as with one that was configured by hand.
// Where several messages may be under way, two of a moment go in any order, so that
// their lengths alone repeat, and those on a link without luck.
func TestLearntIsAsGoodAsConfigured(t *testing.T) {
	for _, p := range link.Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			if p.NStart == 1 {
				learnt, configured := packets(t, p, link.Default(), 1), packets(t, p, p, 1)
				require.Greater(t, len(learnt), 30)
				assert.True(t, slices.Equal(configured, learnt))
				return
			}
			learnt, configured := packets(t, p, link.Default(), lossless), packets(t, p, p, lossless)
			require.Greater(t, len(learnt), 30)
			assert.Equal(t, lengths(configured), lengths(learnt))
		})
	}
}

// packet is a datagram on the link.
type packet struct {
	up      bool
	payload string
	sent    time.Duration
	verdict linkemu.Verdict
}

// packets are those of a session with the luck of a seed.
func packets(t *testing.T, p, server link.Profile, seed uint64) (seen []packet) {
	hs := newHomeserver(t)
	cfg := virtual.Config{Client: p, Server: server, Link: linkOf(p, seed), Homeserver: hs}
	virtual.Run(t, cfg, func(pair *virtual.Pair) {
		var mu sync.Mutex
		begun := time.Now()
		pair.Link.Tap(func(p linkemu.Packet) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, packet{p.Up, string(p.Payload), p.Sent.Sub(begun), p.Verdict})
		})
		w := &world{pair, p, hs}
		s := w.newSession()
		require.NoError(pair.T, s.live(false))
		w.settle()
	})
	return seen
}

// lengths are those of all packets, negative for what goes down.
func lengths(packets []packet) (all []int) {
	for _, p := range packets {
		n := len(p.payload)
		if !p.up {
			n = -n
		}
		all = append(all, n)
	}
	slices.Sort(all)
	return all
}

// TestServerKeepsNStart: answers that take their time are messages of the server's
// own. When several are ready at once at 75 bit/s, one is under way at a time, and
// none is sent twice: the server, which knows nothing of the link but what the client
// told it, goes by its NSTART and its timers.
func TestServerKeepsNStart(t *testing.T) {
	p, ok := link.ByName("hf-s5066-75")
	require.True(t, ok)
	const polls = 3
	far := new(confirmables)
	cfg := virtual.Config{Client: p, Link: linkOf(p, lossless), Recorder: far, Homeserver: &atOnce{wait: time.Hour}}
	virtual.Run(t, cfg, func(pair *virtual.Pair) {
		var all sync.WaitGroup
		defer all.Wait()
		for range polls {
			all.Go(func() {
				r, err := http.NewRequestWithContext(pair.T.Context(), "GET", "coap://far/_matrix/client/versions", nil)
				if !assert.NoError(pair.T, err) {
					return
				}
				resp, err := pair.Transport.RoundTrip(r)
				if assert.NoError(pair.T, err) {
					assert.NoError(pair.T, resp.Body.Close())
				}
			})
		}
		all.Wait()
		time.Sleep(p.MaxTransmitWait())
		assert.Zero(pair.T, pair.Retransmitted.Load())
		assert.Equal(pair.T, polls, far.sent)
		assert.Equal(pair.T, p.NStart, far.most)
	})
}

// atOnce is a homeserver that answers everything at the same moment, that long after
// the first request.
type atOnce struct {
	wait time.Duration
	once sync.Once
	when time.Time
}

// RoundTrip implements http.RoundTripper.
func (h *atOnce) RoundTrip(r *http.Request) (*http.Response, error) {
	h.once.Do(func() { h.when = time.Now().Add(h.wait) })
	select {
	case <-time.After(time.Until(h.when)): // virtual
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// confirmables counts the confirmable messages of an endpoint and how many were
// unacknowledged at once.
type confirmables struct {
	mu         sync.Mutex
	open       map[uint16]bool
	sent, most int
}

// Types of messages (RFC 7252 §3).
const (
	con = 0
	ack = 2
)

// Record implements trace.Recorder.
func (c *confirmables) Record(e trace.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = make(map[uint16]bool)
	}
	switch {
	case e.Kind == trace.Sent && e.Type == con:
		c.open[e.MessageID] = true
		c.sent++
		c.most = max(c.most, len(c.open))
	case e.Kind == trace.Received && e.Type == ack:
		delete(c.open, e.MessageID)
	}
}
