package push

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// ipHead is what IPv4 and UDP add to each datagram, in bytes.
const ipHead = 28

// bill counts what crosses a link, in whole packets.
type bill struct{ bytes, datagrams int }

// meter adds up a bill.
type meter struct {
	mu    sync.Mutex
	total bill
}

func (m *meter) take(p linkemu.Packet) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.total.bytes += len(p.Payload) + ipHead
	m.total.datagrams++
}

func (m *meter) read() bill {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.total
}

// TestCosts: what each step of an observation takes, up and down together, at most.
func TestCosts(t *testing.T) {
	p := link.Default()
	cfg := linkemu.FromProfile(p, 3)
	cfg.Up.Loss, cfg.Down.Loss = 0, 0
	inWorld(t, options{profile: p, link: cfg, stored: true, durable: true}, func(w *world) {
		var m meter
		w.link.Tap(m.take)
		alice, bob := w.newUser("alice", w.near()), w.newUser("bob", w)
		room := w.room(alice, bob)
		step := func(name string, most bill, f func()) {
			time.Sleep(time.Minute)
			before := m.read()
			f()
			time.Sleep(time.Minute)
			got := m.read()
			got.bytes, got.datagrams = got.bytes-before.bytes, got.datagrams-before.datagrams
			t.Logf("%s: %d bytes in %d datagrams", name, got.bytes, got.datagrams)
			assert.LessOrEqual(t, got.bytes, most.bytes, name)
			assert.LessOrEqual(t, got.datagrams, most.datagrams, name)
		}
		poll := func() { require.Equal(t, http.StatusOK, bob.sync(30*time.Second, false)) }
		poll() // the first sync
		require.True(t, alice.send(room, "first", 0))
		poll()
		poll() // what the first one brought besides
		step("a poll without news", bill{}, poll)
		step("a message", bill{220, 2}, func() { alice.send(room, "hello world", 1); poll() })
		step("another message", bill{220, 2}, func() { alice.send(room, "and another", 2); poll() })
		step("a restart of the server: the word, and another registration", bill{300, 4}, func() {
			w.restartServer(false)
			poll()
		})
		step("an hour without news", bill{}, func() {
			for range 120 {
				poll()
			}
		})
		assert.Equal(t, []string{"first", "hello world", "and another"}, bob.seen)
	})
}
