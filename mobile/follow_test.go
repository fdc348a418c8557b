package mobile

import (
	"net/http"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// roomHears remembers what it was told of a room.
type roomHears struct {
	mu     sync.Mutex
	events []string
	ended  string
}

// RoomEvent implements RoomListener.
func (h *roomHears) RoomEvent(e *RoomEvent) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, string(e.Fields())+e.Trouble)
}

// RoomEnded implements RoomListener.
func (h *roomHears) RoomEnded(problem string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = problem
}

func (h *roomHears) told() (events []string, ended string) {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.events, h.ended
}

// TestFollow: a room is told over sleep, until Stop or Close.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		alice, bob := w.person("alice"), w.person("bob")
		room := w.room(alice, bob)
		g := w.gateway(t.TempDir())
		target := "/~/" + url.PathEscape(room) + "?f=body"
		var h, other roomHears
		f, err := g.Follow(target, alice.token, &h)
		require.NoError(t, err)
		time.Sleep(2 * time.Second) // until it is registered
		said := func(txn string) {
			w.near(http.MethodPut, sendPath(room, txn), bob.token, text(txn), nil)
			time.Sleep(2 * time.Second)
		}
		said("one")
		require.NoError(t, g.Suspend(1000))
		said("two")
		require.NoError(t, g.Resume())
		said("three")
		events, ended := h.told()
		assert.Equal(t, []string{`{"body":"one"}`, `{"body":"two"}`, `{"body":"three"}`}, events)
		assert.Empty(t, ended)
		f.Stop()
		_, ended = h.told()
		assert.Contains(t, ended, ErrorCancelled+": ")

		refused := &roomHears{}
		_, err = g.Follow("/~/%21none:h", alice.token, refused)
		require.NoError(t, err)
		time.Sleep(time.Second)
		_, ended = refused.told()
		assert.Contains(t, ended, ErrorRequest+": ")

		_, err = g.Follow(target, alice.token, &other)
		require.NoError(t, err)
		synctest.Wait()
		require.NoError(t, g.Close())
		_, ended = other.told()
		assert.Contains(t, ended, ErrorClosed+": ")
		_, err = g.Follow(target, alice.token, &other)
		assert.ErrorContains(t, err, ErrorClosed+": ")
		_, err = g.Follow("/_matrix/client/v3/sync", "", &other)
		assert.ErrorContains(t, err, ErrorRequest+": ")
		_, err = g.Follow(target, "", nil)
		assert.ErrorContains(t, err, ErrorRequest+": ")
	})
}
