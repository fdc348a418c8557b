package lasting

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// TestReplayAfterCrash: who recorded a request cannot have it executed again by waiting
// until the server has died, whatever its method was, unless it changes nothing.
func TestReplayAfterCrash(t *testing.T) {
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch} {
		t.Run(method, func(t *testing.T) {
			inWorld(t, linkemu.Config{}, func(w *world) {
				w.must("GET", "alice")
				var recorded []linkemu.Packet
				w.link.Tap(func(p linkemu.Packet) {
					if p.Up && len(recorded) == 0 {
						recorded = append(recorded, p)
					}
				})
				name, o := w.ask(method, "alice", 0)
				assert.Equal(w.t, http.StatusOK, o.status)
				assert.Equal(w.t, 1, w.homeserver.times(name))
				time.Sleep(time.Minute)
				w.restart("server", true)
				w.replay(recorded[0].Payload, ship(666), linkemu.FarAddr())
				time.Sleep(time.Minute)
				assert.Equal(w.t, 1, w.homeserver.times(name), "executed again")
				w.must("GET", "alice")
				w.replay(recorded[0].Payload, ship(666), linkemu.FarAddr())
				time.Sleep(time.Minute)
				assert.Equal(w.t, 1, w.homeserver.times(name), "executed again")
				assert.Empty(w.t, w.faults())
			})
		})
	}
}

// TestStorePutBack is why a copy of a store must never be put back: the session goes on
// with numbers that were used. It also shows that the suite would notice.
func TestStorePutBack(t *testing.T) {
	inWorld(t, linkemu.Config{}, func(w *world) {
		w.must("GET", "alice")
		w.restart("client", true)
		w.must("GET", "alice")
		copied := snapshot(&w.afloat)
		w.restart("client", true)
		w.must("GET", "alice")
		w.client.kill()
		putBack(&w.afloat, copied)
		w.restartClient(true)
		_, _ = w.ask("PUT", "alice", 0)
		assert.NotEmpty(w.t, w.numbers.faults())
	})
}

func snapshot(m *session.Memory) map[string][]byte {
	all := make(map[string][]byte)
	keys, _ := m.Keys("") // a Memory has no errors
	for _, k := range keys {
		all[k], _ = m.Load(k)
	}
	return all
}

func putBack(m *session.Memory, all map[string][]byte) {
	keys, _ := m.Keys("")
	changes := make(map[string][]byte)
	for _, k := range keys {
		changes[k] = nil
	}
	for k, v := range all {
		changes[k] = v
	}
	_ = m.Commit(changes)
}
