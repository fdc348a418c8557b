package dtls

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRouse: a server that was restarted speaks first, to those of its clients for whom it
// has something.
func TestRouse(t *testing.T) {
	for _, crash := range []bool{false, true} {
		server, cfg := lasting()
		in(t, 50*time.Millisecond, server, func(t *testing.T, w *world) {
			other := cfg
			other.Store, other.SessionName = &disk{}, "other"
			client, s := w.connect(clientAddress, cfg)
			carries(t, client, s, "before")
			silent, n := w.connect("198.51.100.8:40001", other)
			carries(t, silent, n, "before")
			require.NoError(t, s.SaveState([]byte("expects something")))
			require.NoError(t, n.SaveState([]byte("nothing")))
			w.restart(server, crash)
			var asked []string
			w.listener.Rouse(func(state []byte) bool {
				asked = append(asked, string(state))
				return string(state) == "expects something"
			})
			s = w.accept()
			assert.EqualValues(t, 1, s.Incarnation())
			_, err := s.Write([]byte("unasked"))
			require.NoError(t, err)
			buf := make([]byte, 100)
			size, err := client.Read(buf)
			require.NoError(t, err)
			assert.Equal(t, "unasked", string(buf[:size]))
			synctest.Wait()
			assert.ElementsMatch(t, []string{"expects something", "nothing"}, asked)
			assert.Equal(t, 1, w.listener.Stats().Stored, "the other one rests")
			carries(t, client, s, "after")
		})
	}
}
