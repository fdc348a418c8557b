package push

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// within is how much later than the link needs for it a message may be there.
const within = 1.1

// need is what a link without a queue needs for a datagram.
func need(p link.Profile, payload int, up bool) time.Duration {
	d := p.OneWayDelay + p.Airtime(payload, up)
	if p.HalfDuplex {
		d += p.Turnaround + p.Preamble
	}
	return d
}

// packets are those of a link since it was last looked at.
type packets struct {
	mu  sync.Mutex
	all []linkemu.Packet
}

func watch(l *linkemu.Link) *packets {
	p := &packets{}
	l.Tap(func(packet linkemu.Packet) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.all = append(p.all, packet)
	})
	return p
}

func (p *packets) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = nil
}

// first returns the first packet in a direction.
func (p *packets) first(t *testing.T, up bool) linkemu.Packet {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, packet := range p.all {
		if packet.Up == up {
			return packet
		}
	}
	require.Fail(t, "no packet", "up: %v", up)
	return linkemu.Packet{}
}

// arrival is a message that a client was told of.
type arrival struct {
	text string
	at   time.Time
}

// listen has a client poll, as clients do, until over is closed.
func (u *user) listen(over <-chan struct{}) <-chan arrival {
	heard := make(chan arrival, 100)
	go func() {
		defer close(heard)
		for known := len(u.seen); ; {
			select {
			case <-over:
				return
			default:
			}
			if u.sync(30*time.Second, false) != http.StatusOK {
				time.Sleep(time.Second)
			}
			for _, text := range u.seen[known:] {
				heard <- arrival{text, time.Now()}
			}
			known = len(u.seen)
		}
	}()
	return heard
}

// warm are the messages before the measured one: both ends of a session learn what is said
// again and again.
const warm = 3

// encrypted is as long as what clients encrypt, and says as little to who has no key. It is
// longer than a block of many links, and not than two.
const encrypted = "AwgAEpABCiB3e2N8bW5PnLIjfRYvKQ1eHGdcV0sPzT4XkMbU9aZ8yJ7rDhFwLqS5tNxOEuAg6vC2pB+mR/iW3lQHoKfYdXsEbjGaTUZnM0cVyqO1PpLwIhDx9uS8rJt7eFkNg4v6BzYmA5iCR2oXQKWlEd3ZHsGb0jVyTfPqUcMxLhNrDwaOv1IeStgJ8k9uBpXzF7n4YmQoC6iR5AlKdW2EZs3GHbVj0TyfPqUc"

// TestLatency: on a link without loss and with empty queues, a message is at the client's
// poll after what the link needs for its datagram, from the moment it is at the homeserver;
// and after what both links need where the sender is behind another one.
func TestLatency(t *testing.T) {
	for _, p := range link.Profiles() {
		if p.ContactPeriod > 0 {
			continue // closed for most of the time
		}
		t.Run(p.Name, func(t *testing.T) {
			inWorld(t, options{profile: p, link: clean(p), durable: true}, func(w *world) {
				measureLatency(t, w, p, 20*time.Minute)
			})
		})
	}
}

// TestLatencyRestless: so it is in front of a homeserver that ends polls whenever anything
// happens to others, which happens twice a second.
func TestLatencyRestless(t *testing.T) {
	for _, name := range []string{"leo-broadband", "geo-vsat", "certus100"} {
		t.Run(name, func(t *testing.T) {
			p, ok := link.ByName(name)
			require.True(t, ok)
			inWorld(t, options{profile: p, link: clean(p), durable: true, restless: true}, func(w *world) {
				over := make(chan struct{})
				var others sync.WaitGroup
				others.Go(func() { w.otherRoom(over, 500*time.Millisecond) })
				measureLatency(t, w, p, 100*time.Second)
				close(over)
				others.Wait()
			})
		})
	}
}

// restless is a homeserver that holds no poll for long.
type restless struct{ http.Handler }

// ServeHTTP implements http.Handler.
func (h restless) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if query := r.URL.Query(); query.Get("timeout") > "0" && strings.HasSuffix(r.URL.Path, "/sync") {
		query.Set("timeout", "520") // longer than it takes until the next thing happens
		r = r.Clone(r.Context())
		r.URL.RawQuery = query.Encode()
	}
	h.Handler.ServeHTTP(w, r)
}

// measureLatency has users write with so much time between that everything has come to rest.
func measureLatency(t *testing.T, w *world, p link.Profile, rest time.Duration) {
	other := w.beside(p)
	alice, bob := w.newUser("alice", w.near()), w.newUser("bob", w)
	carol := w.newUser("carol", other) // behind a link of her own
	alice.patience, bob.patience, carol.patience = 12*time.Hour, 12*time.Hour, 12*time.Hour
	room := w.room(alice, bob)
	near := *carol
	near.rt = w.near()
	direct := *bob
	direct.rt = w.near()
	direct.must("POST", "rooms/"+room+"/invite", object{"user_id": carol.id}, nil)
	near.must("POST", "rooms/"+room+"/join", object{}, nil)
	for range 4 {
		require.Equal(t, http.StatusOK, bob.sync(0, false))
	}
	down, up := watch(w.link), watch(other.link)
	over := make(chan struct{})
	heard := bob.listen(over)

	// say sends a message and returns how long it took to bob's poll.
	say := func(from *user, n int, more string) time.Duration {
		time.Sleep(rest)
		down.forget()
		up.forget()
		text, begun := fmt.Sprintf("Anchored at %d m%s", n, more), time.Now()
		require.True(t, from.send(room, text, n))
		got := <-heard
		require.Equal(t, text, got.text)
		return got.at.Sub(begun)
	}
	n := 0
	for _, from := range []*user{alice, carol} {
		for range warm {
			say(from, n, "")
			n++
		}
		took := say(from, n, "")
		n++
		last := down.first(t, false)
		needed := need(p, len(last.Payload), false)
		if from == carol {
			needed += need(p, len(up.first(t, true).Payload), true)
		}
		t.Logf("from %s: %v, of which the last link %v with %d B; the links need %v: %.2f", from.name, took,
			last.Arrives.Sub(last.Sent), len(last.Payload), needed, float64(took)/float64(needed))
		assert.LessOrEqual(t, float64(took), within*float64(needed), "from %s: %v, where the links need %v", from.name, took, needed)
	}
	if p.BlockSize >= 256 {
		took := say(alice, n, encrypted)
		needed := need(p, len(down.first(t, false).Payload), false)
		t.Logf("as long as encrypted: %v, the link needs %v for %d B", took, needed, len(down.first(t, false).Payload))
		assert.LessOrEqual(t, float64(took), within*float64(needed), "as long as encrypted: %v, where the link needs %v", took, needed)
	}
	close(over)
	for range heard { // until it has listened to the end
	}
	assert.Empty(t, bob.wrong)
	other.client.close(t)
	other.server.stop()
	require.NoError(t, other.link.Close())
}

// beside is a world at the same homeserver, over a link of its own.
func (w *world) beside(p link.Profile) *world {
	other := &world{t: w.t, profile: p, link: linkemu.New(clean(p)), port: 45_000, hs: w.hs, homeserver: w.homeserver, durable: w.durable}
	other.startServer()
	other.startClient()
	return other
}
