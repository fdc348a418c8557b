package mobile

import (
	"net/http"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hears remembers what it was told.
type hears struct {
	mu     sync.Mutex
	states []string
}

// StateChanged implements Listener.
func (h *hears) StateChanged(state string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.states = append(h.states, state)
}

// take returns what it was told since the last time.
func (h *hears) take() []string {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	states := h.states
	h.states = nil
	return states
}

func TestListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		finish := make(chan struct{})
		w.front = func(rw http.ResponseWriter, r *http.Request) bool {
			<-finish
			return false
		}
		bob := w.person("bob")
		g := w.gateway("")
		h := &hears{}
		g.SetListener(h)
		assert.Equal(t, []string{StateIdle}, h.take())
		asked := begin(g, newRequest("GET", "account/whoami", bob.token, nil))
		assert.Equal(t, []string{StateConnecting}, h.take())
		close(finish)
		require.NoError(t, (<-asked).err)
		assert.Equal(t, []string{StateConnected}, h.take())
		require.EqualValues(t, http.StatusOK, ask(t, g, "GET", "account/whoami", bob.token, nil, nil))
		assert.Empty(t, h.take(), "no change")

		require.NoError(t, g.Suspend(0))
		assert.Equal(t, []string{StateSuspended}, h.take())
		require.NoError(t, g.Resume())
		assert.Equal(t, []string{StateIdle}, h.take())
		require.EqualValues(t, http.StatusOK, ask(t, g, "GET", "account/whoami", bob.token, nil, nil))
		states := h.take()
		assert.Equal(t, StateConnected, states[len(states)-1])

		w.last().away.Store(true)
		_, err := g.Request(newRequest("GET", "account/whoami", bob.token, nil))
		assert.ErrorContains(t, err, ErrorTimeout+": ")
		assert.Equal(t, []string{StateUnreachable}, h.take())
		g.NetworkChanged()
		assert.Equal(t, []string{StateIdle}, h.take())
		require.EqualValues(t, http.StatusOK, ask(t, g, "GET", "account/whoami", bob.token, nil, nil))
		states = h.take()
		assert.Equal(t, StateConnected, states[len(states)-1])

		other := &hears{}
		g.SetListener(other)
		assert.Equal(t, []string{StateConnected}, other.take())
		require.NoError(t, g.Suspend(0))
		assert.Equal(t, []string{StateSuspended}, other.take())
		assert.Empty(t, h.take(), "nobody listens there")
		require.NoError(t, g.Close())
		assert.Equal(t, []string{StateClosed}, other.states, "before Close returns")
		assert.Empty(t, goroutines())
	})
}
