package lasting

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/coapgw/coapgw/internal/linkemu"
)

// TestAdmittedBeforeStop: a server is stopped while a request has arrived and waits for
// the store. It is served, since its client will not repeat it.
func TestAdmittedBeforeStop(t *testing.T) {
	for _, method := range []string{http.MethodPost, http.MethodPut} {
		inWorld(t, linkemu.Config{}, func(w *world) {
			w.serverSlow, w.grace = 2*time.Second, 30*time.Second
			w.restartServer(false)
			w.must("GET", "alice")
			type made struct {
				name string
				outcome
			}
			answered := make(chan made, 1)
			go func() {
				name, o := w.ask(method, "alice", 0)
				answered <- made{name, o}
			}()
			time.Sleep(100 * time.Millisecond) // it has arrived, 50 ms ago
			assert.Empty(w.t, answered)
			w.restartServer(false)
			m := <-answered
			assert.NoError(w.t, m.err)
			assert.Equal(w.t, http.StatusOK, m.status, method)
			assert.Equal(w.t, 1, w.homeserver.times(m.name))
			assert.Equal(w.t, 1, w.numbers.handshakes())
			assert.Empty(w.t, w.numbers.faults())
			assert.Empty(w.t, w.faults())
		})
	}
}

// TestLongPollOverManyRestarts: a poll waits through more restarts than an exchange has
// tries.
func TestLongPollOverManyRestarts(t *testing.T) {
	const holds, restarts = time.Minute, 10
	inWorld(t, linkemu.Config{}, func(w *world) {
		w.grace = 10 * time.Second
		w.restartServer(false) // with that grace
		w.must("GET", "alice")
		answered := w.poll("poll", holds)
		for range restarts {
			time.Sleep(20 * time.Second)
			assert.Empty(w.t, answered)
			w.restartServer(false)
		}
		o := <-answered
		assert.NoError(w.t, o.err)
		assert.Equal(w.t, http.StatusOK, o.status)
		assert.Equal(w.t, 1+restarts, w.homeserver.times("poll"))
		assert.Equal(w.t, 1, w.numbers.handshakes())
		assert.Empty(w.t, w.faults())
	})
}
