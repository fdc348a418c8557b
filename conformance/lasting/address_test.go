package lasting

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// TestSleep: a client that says nothing for twelve hours, moves to another port or
// address meanwhile, or starts again on its old port, goes on with its next request.
func TestSleep(t *testing.T) {
	for name, wake := range map[string]func(w *world){
		"same address":             func(*world) {},
		"another port":             (*world).rebind,
		"another address":          func(w *world) { w.client.socket.Rebind(w.stranger.LocalAddr()) },
		"client again, same port":  func(w *world) { w.restart("client", false) },
		"crashed, same port":       func(w *world) { w.restart("client", true) },
		"server again":             func(w *world) { w.restart("server", false) },
		"server crashed":           func(w *world) { w.restart("server", true) },
		"all crashed, other port":  func(w *world) { w.fixed = false; w.restart("both", true) },
		"server again, other port": func(w *world) { w.restart("server", false); w.rebind() },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, linkemu.Config{}, func(w *world) {
				w.fixed = true
				w.must("GET", "alice")
				w.must("POST", "bob")
				w.numbers.datagrams()
				for range 3 {
					time.Sleep(12 * time.Hour)
					wake(w)
					assert.Empty(w.t, w.numbers.datagrams(), "sleep is silent")
					assert.Equal(w.t, 100*time.Millisecond, w.must("POST", "alice").took)
					w.must("GET", "bob")
					w.numbers.datagrams()
				}
				assert.Equal(w.t, 1, w.numbers.handshakes())
				assert.Empty(w.t, w.faults())
			})
		})
	}
}

// TestStoredRoute: a client that was started again goes on by the address where it found
// its server, though its names have another one first.
func TestStoredRoute(t *testing.T) {
	inWorld(t, linkemu.Config{}, func(w *world) {
		w.detour = true
		w.must("GET", "alice")
		shaken := w.numbers.handshakes()
		for _, ends := range []string{"client", "both"} {
			w.restart(ends, true)
			assert.Equal(w.t, 100*time.Millisecond, w.must("POST", "alice").took)
		}
		assert.Equal(w.t, shaken, w.numbers.handshakes())
	})
}

// TestManyAddresses moves a client 10,000 times. Nothing of its earlier addresses stays.
func TestManyAddresses(t *testing.T) {
	const moves = 10_000
	inWorld(t, linkemu.Config{}, func(w *world) {
		var before uint64
		for n := range moves {
			w.rebind()
			w.must("GET", "alice")
			w.numbers.reset()
			w.homeserver.reset()
			if n == moves/10 {
				time.Sleep(time.Hour) // the message layer remembers messages for minutes
				before = live()
			}
		}
		time.Sleep(time.Hour)
		after := live()
		t.Logf("%d bytes live after %d addresses, %d after %d", before, moves/10, after, moves)
		assert.Less(w.t, int64(after)-int64(before), int64(90_000), "less than 10 bytes an address")
	})
}

// live is the memory of live objects.
func live() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestIdleSessionsRest: beyond the bound the session idle for longest goes to the store,
// and its client does not notice.
func TestIdleSessionsRest(t *testing.T) {
	const most, clients = 4, 12
	inWorldWith(t, linkemu.Config{}, dtls.Config{}, most, func(w *world) {
		var all []*client
		for range clients {
			c := w.newClient(&session.Memory{})
			defer c.Close()
			all = append(all, c)
		}
		for round := range 4 {
			for i, c := range all {
				_, o := w.askBy(c, "PUT", fmt.Sprint("user", i), 0)
				assert.NoError(w.t, o.err)
				assert.Equal(w.t, 200, o.status)
				if round > 0 {
					assert.Equal(w.t, 100*time.Millisecond, o.took)
				}
			}
			if round == 2 {
				w.restart("server", true)
			}
		}
		assert.Equal(w.t, clients, w.numbers.handshakes())
		assert.Empty(w.t, w.faults())
	})
}
