package lasting

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// maxRecords is how many records one session may send in either direction.
const maxRecords = 1 << 23

// TestRecordLimit: a session whose numbers run out at either end gives way to another
// one, and its users notice a handshake at most.
func TestRecordLimit(t *testing.T) {
	for _, ends := range []string{"client", "server"} {
		t.Run(ends, func(t *testing.T) {
			inWorld(t, linkemu.Config{}, func(w *world) {
				w.must("GET", "alice")
				w.client.kill()
				w.server.kill()
				store := &w.afloat
				if ends == "server" {
					store = w.ashore
				}
				spend(w, store, maxRecords-3)
				w.restart("both", true)
				for range 10 {
					begun := time.Now()
					w.eventually("alice")
					assert.LessOrEqual(w.t, time.Since(begun), 3*w.profile.MaxTransmitWait()+w.profile.HandshakeTimeout)
				}
				w.must("POST", "bob")
				assert.Equal(w.t, 2, w.numbers.handshakes())
				assert.Empty(w.t, w.faults())
			})
		})
	}
}

// spend sets the next number to send in the stored counters: after a version of one
// byte, a tag of eight and the incarnation.
func spend(w *world, store *session.Memory, next uint64) {
	keys, err := store.Keys("dtls/")
	require.NoError(w.t, err)
	done := false
	for _, k := range keys {
		if len(k) < len("/counters") || k[len(k)-len("/counters"):] != "/counters" {
			continue
		}
		b, err := store.Load(k)
		require.NoError(w.t, err)
		binary.BigEndian.PutUint64(b[13:], next)
		require.NoError(w.t, store.Commit(map[string][]byte{k: b}))
		done = true
	}
	require.True(w.t, done)
}

// TestMoreUsersThanSlots: a server remembers 256 tokens of a session. A user whose slot
// was forgotten tells his token again, also after a restart.
func TestMoreUsersThanSlots(t *testing.T) {
	inWorld(t, linkemu.Config{}, func(w *world) {
		tokens := crew(300)
		for round, ends := range []string{"", "server", "both"} {
			if ends != "" {
				w.restart(ends, round == 1)
			}
			for _, token := range tokens {
				w.must("GET", token)
			}
		}
		assert.Equal(w.t, 1, w.numbers.handshakes())
		assert.Empty(w.t, w.faults())
	})
}

// TestStopOfManySessions: a server with many sessions stops in a few writes of its disk,
// even while requests are under way.
func TestStopOfManySessions(t *testing.T) {
	const clients, slow = 200, 10 * time.Millisecond
	inWorldWith(t, linkemu.Config{}, dtls.Config{}, 0, func(w *world) {
		w.serverSlow, w.grace = slow, time.Second
		w.restart("server", false)
		var all []*client
		for i := range clients {
			c := w.newClient(&session.Memory{})
			defer c.Close()
			_, o := w.askBy(c, http.MethodGet, fmt.Sprint("user", i), 0)
			require.NoError(w.t, o.err)
			all = append(all, c)
		}
		go w.askBy(all[0], http.MethodGet, "user0", time.Minute)
		time.Sleep(5 * time.Second)
		begun := time.Now()
		w.server.stop()
		assert.LessOrEqual(w.t, time.Since(begun), w.grace+10*slow)
		w.startServer()
		for i, c := range all[1:] {
			_, o := w.askBy(c, http.MethodPut, fmt.Sprint("user", i+1), 0)
			assert.Equal(w.t, http.StatusOK, o.status)
		}
		assert.Equal(w.t, clients, w.numbers.handshakes())
		assert.Empty(w.t, w.faults())
	})
}
