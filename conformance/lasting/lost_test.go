package lasting

import (
	"crypto/rand"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// resetKey outlives the server's store.
var resetKey = []byte("0123456789abcdef0123456789abcdef")

// resetSize is a DTLS record with nothing in it but the token.
const resetSize = headerSize + 16

// TestStoreLost takes the server's store away. Its client learns so from a datagram,
// and shakes hands after one exchange.
func TestStoreLost(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodPut} {
		t.Run(method, func(t *testing.T) {
			inWorldWith(t, linkemu.Config{}, dtls.Config{ResetKey: resetKey}, 0, func(w *world) {
				w.must("GET", "alice")
				w.restart("client", false) // the token is kept
				w.must("GET", "bob")
				w.lose()
				w.numbers.datagrams()
				assert.Less(w.t, w.must(method, "alice").took, time.Second)
				all := w.numbers.datagrams()
				assert.Equal(w.t, sent{up: false, size: resetSize}, all[1], "the second datagram is the reset")
				assert.LessOrEqual(w.t, all[1].size, all[0].size)
				assert.Equal(w.t, 2, w.numbers.handshakes())
				assert.Equal(w.t, 100*time.Millisecond, w.must("POST", "bob").took)
				w.restart("both", true) // the new session lasts as the old one did
				w.must("POST", "alice")
				assert.Equal(w.t, 2, w.numbers.handshakes())
				assert.Empty(w.t, w.faults())
			})
		})
	}
}

// TestPostOnLostSession: what must not be done twice is not repeated by itself, but its
// user learns at once.
func TestPostOnLostSession(t *testing.T) {
	inWorldWith(t, linkemu.Config{}, dtls.Config{ResetKey: resetKey}, 0, func(w *world) {
		w.must("GET", "alice")
		w.lose()
		name, o := w.ask("POST", "alice", 0)
		assert.Error(w.t, o.err)
		assert.Less(w.t, o.took, time.Second)
		assert.Zero(w.t, w.homeserver.times(name))
		w.must("POST", "alice")
		assert.Empty(w.t, w.faults())
	})
}

// TestStoreLostWithoutResetKey: the key was in the store. The client finds out by
// silence.
func TestStoreLostWithoutResetKey(t *testing.T) {
	inWorld(t, linkemu.Config{}, func(w *world) {
		w.must("GET", "alice")
		w.lose()
		begun := time.Now()
		w.eventually("alice")
		assert.LessOrEqual(w.t, time.Since(begun), 3*w.profile.MaxTransmitWait()+time.Second)
		assert.Empty(w.t, w.faults())
	})
}

// TestSessionAfterReset: while a slow disk still forgets the session that was lost, the
// next one is begun, and it lasts.
func TestSessionAfterReset(t *testing.T) {
	inWorldWith(t, linkemu.Config{}, dtls.Config{ResetKey: resetKey}, 0, func(w *world) {
		w.slow = 10 * time.Millisecond
		w.restart("client", true)
		for n := range 3 {
			w.must("GET", "alice")
			w.lose()
			w.must("GET", "alice")
			w.restart("client", true)
			w.must("POST", "alice")
			assert.Equal(w.t, n+2, w.numbers.handshakes())
		}
		assert.Empty(w.t, w.faults())
	})
}

// TestSessionAfterSilence: while others still wait on the session that was given up, the
// next one is begun, and it lasts.
func TestSessionAfterSilence(t *testing.T) {
	inWorld(t, linkemu.Config{}, func(w *world) {
		w.must("GET", "alice")
		w.lose()
		var calls sync.WaitGroup
		for n := range 12 {
			calls.Go(func() { w.ask("GET", crew(12)[n], 0) })
			time.Sleep(10 * time.Second)
		}
		calls.Wait()
		w.must("POST", "alice")
		shaken := w.numbers.handshakes()
		w.restart("client", true)
		w.must("POST", "alice")
		assert.Equal(w.t, shaken, w.numbers.handshakes())
		assert.Empty(w.t, w.faults())
	})
}

// lose has the server start over with an empty store.
func (w *world) lose() {
	w.server.kill()
	w.server.stop()
	w.ashore = &session.Memory{}
	w.startServer()
}

// TestStrangersCannotReset sends what looks like resets, forged at random and of another
// key, and a true one of another session, again and again.
func TestStrangersCannotReset(t *testing.T) {
	inWorldWith(t, linkemu.Config{}, dtls.Config{ResetKey: resetKey}, 0, func(w *world) {
		w.must("GET", "alice")
		var reset []byte
		w.link.Tap(func(p linkemu.Packet) {
			if !p.Up && len(p.Payload) == resetSize {
				reset = p.Payload
			}
		})
		w.lose()
		w.must("GET", "alice")
		assert.NotNil(w.t, reset, "the first session was reset")
		to := w.client.socket.LocalAddr()
		w.replay(reset, linkemu.FarAddr(), to)
		for range 1000 {
			forged := append([]byte(nil), reset...)
			rand.Read(forged[headerSize:])
			w.replay(forged, linkemu.FarAddr(), to)
		}
		time.Sleep(time.Second)
		assert.Equal(w.t, 100*time.Millisecond, w.must("POST", "alice").took)
		assert.Equal(w.t, 2, w.numbers.handshakes())
	})
}
