package policy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestPause: while it lasts nothing that can be withheld crosses; then what still counts does.
func TestPause(t *testing.T) {
	b := &base{}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		prove(t, b, tr, "a", "b")
		tr.Pause(true)
		ask(t, tr, "PUT", typing, "a", `{"typing":true}`)
		ask(t, tr, "POST", receipt+"$1", "a", "{}")
		ask(t, tr, "POST", receipt+"$2", "a", "{}")
		ask(t, tr, "PUT", message, "a", `{"body":"x"}`)
		time.Sleep(time.Hour)
		assert.Equal(t, []string{"PUT " + message + ` {"body":"x"}`}, b.take(), "messages pass")
		assert.Equal(t, Counts{Paused: true, Dropped: 1, Merged: 1, Held: 1}, tr.Counts())
		prove(t, b, tr, "a", "b")
		tr.Pause(false)
		time.Sleep(time.Second)
		assert.Equal(t, []string{"POST " + receipt + "$2 {}"}, b.take(), "the last receipt")
		assert.Zero(t, tr.Counts().Held)
	})
}

// TestFlush: what waits goes at once, during a pause too.
func TestFlush(t *testing.T) {
	for _, paused := range []bool{false, true} {
		b := &base{}
		inWorld(t, b, func(t *testing.T, tr *Transport) {
			prove(t, b, tr, "a", "b")
			tr.Pause(paused)
			ask(t, tr, "POST", receipt+"$1", "a", "{}")
			ask(t, tr, "POST", receipt+"$1", "b", "{}")
			assert.Empty(t, b.take())
			tr.Flush(t.Context())
			assert.Len(t, b.take(), 2)
		})
	}
}

// TestPausedLogout: a logout is not held up by a pause, and what the user has read goes before it.
func TestPausedLogout(t *testing.T) {
	b := &base{}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		prove(t, b, tr, "a", "b")
		tr.Pause(true)
		ask(t, tr, "POST", receipt+"$0", "b", "{}")
		time.Sleep(time.Second)
		ask(t, tr, "POST", receipt+"$1", "a", "{}")
		ask(t, tr, "POST", v3+"logout", "a", "{}")
		assert.Equal(t, []string{"POST " + receipt + "$1 {}", "POST " + v3 + "logout {}"}, b.take())
	})
}
