package integrity

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRouse: a server that was restarted speaks first, to those of its stations for whom it
// has something, where they were when that was stored.
func TestRouse(t *testing.T) {
	for _, crash := range []bool{false, true} {
		server, cfg := lasting()
		in(t, server, func(t *testing.T, w *world) {
			client, s := w.connect(cfg)
			other := cfg
			other.Station, other.Store = server.Stations[0], &disk{}
			silent, err := w.dial("198.51.100.8:40001", other)
			require.NoError(t, err)
			n := w.say(silent, "before")
			require.NoError(t, s.SaveState([]byte("expects something")))
			require.NoError(t, n.SaveState([]byte("nothing")))
			w.restart(crash)
			var asked []string
			w.listener.Rouse(func(state []byte) bool {
				asked = append(asked, string(state))
				return string(state) == "expects something"
			})
			c, err := w.listener.Accept()
			require.NoError(t, err)
			s = c.(*Conn)
			assert.EqualValues(t, 1, s.Incarnation())
			assert.Equal(t, clientAddress, s.RemoteAddr().String())
			carries(t, s, client, "unasked")
			synctest.Wait()
			assert.ElementsMatch(t, []string{"expects something", "nothing"}, asked)
			assert.Equal(t, 1, w.listener.Stats().Stored, "the other one rests")
			carries(t, client, s, "after")
			n = w.say(silent, "after")
			assert.EqualValues(t, 1, n.Incarnation())
		})
	}
}

// A station that moves is called where it was when the layer above stored its state, and one
// that speaks while it is being roused has one session.
func TestRouseFollows(t *testing.T) {
	server, cfg := lasting()
	in(t, server, func(t *testing.T, w *world) {
		client, s := w.connect(cfg)
		require.NoError(t, client.Suspend())
		client = w.resume("198.51.100.9:40002", cfg)
		carries(t, client, s, "from elsewhere")
		require.NoError(t, s.SaveState([]byte("observes")))
		w.restart(true)
		_, err := client.Write([]byte("at the same time"))
		require.NoError(t, err)
		time.Sleep(50 * time.Millisecond) // it arrives now
		w.listener.Rouse(func([]byte) bool { return true })
		c, err := w.listener.Accept()
		require.NoError(t, err)
		s = c.(*Conn)
		assert.Equal(t, "at the same time", hear(t, s))
		assert.Equal(t, "198.51.100.9:40002", s.RemoteAddr().String())
		carries(t, s, client, "answer")
		synctest.Wait()
		assert.Equal(t, Stats{Sessions: 1}, w.listener.Stats())
	})
}
