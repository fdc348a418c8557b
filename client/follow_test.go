package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/client"
	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/internal/fakehs"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// heard is what a follower of a room was told.
type heard struct {
	mu     sync.Mutex
	events []client.Event
	// then, if there is one, is what the follower does with an event.
	then  func(client.Event) error
	ended chan error
}

// follow follows a room until ctx ends.
func follow(ctx context.Context, c *client.Client, s client.Stream, then func(client.Event) error) *heard {
	h := &heard{then: then, ended: make(chan error, 1)}
	go func() {
		h.ended <- c.Follow(ctx, s, func(e client.Event) error {
			h.mu.Lock()
			h.events = append(h.events, e)
			h.mu.Unlock()
			if h.then != nil {
				return h.then(e)
			}
			return nil
		})
	}()
	return h
}

// texts are the fields of the events.
func (h *heard) texts() (all []string) {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.events {
		switch {
		case e.Err != nil:
			all = append(all, "trouble")
		case e.Gap:
			all = append(all, fmt.Sprint("gap of ", e.Skipped))
		default:
			all = append(all, string(e.Fields))
		}
	}
	return all
}

// inRoom is alice, who follows a room, and bob, who speaks in it over another client.
type inRoom struct {
	*world
	c, other   *client.Client
	alice, bob *user
	room       string // escaped
}

func (w *inRoom) stream() client.Stream {
	id, _ := url.PathUnescape(w.room)
	return client.Stream{Room: id, Token: w.alice.token}
}

func withRoom(t *testing.T, f func(t *testing.T, w *inRoom)) {
	synctest.Test(t, func(t *testing.T) {
		w := &inRoom{world: newWorld(t)}
		w.c, w.other = w.open(client.Options{}), w.open(client.Options{})
		w.alice, w.bob = signUp(t, w.c, "alice"), signUp(t, w.other, "bob")
		w.room = w.alice.createRoom()
		code, _ := ask(t, w.other, http.MethodPost, "v3/join/"+w.room, w.bob.token, "{}")
		require.Equal(t, http.StatusOK, code)
		f(t, w)
	})
}

const (
	one   = `{"sender":"bob","body":"one"}`
	two   = `{"sender":"bob","body":"two"}`
	three = `{"sender":"bob","body":"three"}`
)

// TestFollow: each event is told once, and nothing crosses the link where there is none.
func TestFollow(t *testing.T) {
	withRoom(t, func(t *testing.T, w *inRoom) {
		w.bob.say(w.room, "before")
		ctx, end := context.WithCancel(t.Context())
		defer end()
		h := follow(ctx, w.c, w.stream(), nil)
		assert.Empty(t, h.texts())
		w.bob.say(w.room, "one")
		w.bob.say(w.room, "two")
		time.Sleep(2 * time.Second)
		assert.Equal(t, []string{one, two}, h.texts())
		before := w.c.Status()
		time.Sleep(10 * time.Minute)
		assert.Equal(t, before.Sent, w.c.Status().Sent)
		time.Sleep(time.Hour)
		assert.EqualValues(t, before.Sent.Datagrams+4, w.c.Status().Sent.Datagrams, "a registration each quarter of an hour")
		w.bob.say(w.room, "three")
		time.Sleep(2 * time.Second)
		assert.Equal(t, []string{one, two, three}, h.texts())
		end()
		require.ErrorIs(t, <-h.ended, context.Canceled)
		synctest.Wait()

		// The server was told of the end: it may be followed as often as one likes.
		for range 40 {
			ctx, end := context.WithCancel(t.Context())
			h := follow(ctx, w.c, w.stream(), nil)
			time.Sleep(time.Second)
			assert.Empty(t, h.texts())
			end()
			require.ErrorIs(t, <-h.ended, context.Canceled)
			time.Sleep(time.Second)
		}
	})
}

// TestFollowAsks: what a Stream asks for is what is told.
func TestFollowAsks(t *testing.T) {
	withRoom(t, func(t *testing.T, w *inRoom) {
		long := strings.Repeat("!", 600)
		for _, text := range []string{"one", "two"} {
			w.bob.say(w.room, text)
		}
		s := w.stream()
		s.Fields, s.Last, s.Others, s.Size = []string{"event_id", "body"}, 1, true, 60
		ctx, end := context.WithCancel(t.Context())
		h := follow(ctx, w.c, s, nil)
		w.alice.say(w.room, "mine")
		w.bob.say(w.room, long)
		time.Sleep(5 * time.Second)
		end()
		<-h.ended
		texts := h.texts()
		require.Len(t, texts, 2)
		assert.Regexp(t, `^\{"event_id":"\$[^"]+","body":"two"\}$`, texts[0])
		assert.Regexp(t, `^\{"event_id":"\$[^"]+","body":"!+"\}$`, texts[1])
		assert.False(t, h.events[0].Cut)
		assert.True(t, h.events[1].Cut)
		assert.Equal(t, len(long), h.events[1].Missing+strings.Count(texts[1], "!"))

		s = w.stream()
		s.Resume, s.After = true, h.events[0].Mark
		h = follow(t.Context(), w.c, s, func(client.Event) error { return errEnough })
		require.ErrorIs(t, <-h.ended, errEnough)
		assert.Equal(t, []string{`{"sender":"alice","body":"mine"}`}, h.texts())
	})
}

var errEnough = errors.New("enough")

// TestFollowSleeps: who sleeps is told afterwards what came meanwhile, without a handshake,
// and hears of no trouble. It makes no difference whether anything was told before.
func TestFollowSleeps(t *testing.T) {
	withRoom(t, func(t *testing.T, w *inRoom) {
		h := follow(t.Context(), w.c, w.stream(), nil)
		synctest.Wait()
		for _, text := range []string{"one", "two"} {
			require.NoError(t, w.c.Suspend())
			w.bob.say(w.room, text)
			before := w.c.Status()
			time.Sleep(time.Hour)
			assert.Equal(t, before, w.c.Status(), "nothing crosses the link in sleep")
			w.c.Resume()
			time.Sleep(time.Second)
		}
		assert.Equal(t, []string{one, two}, h.texts())
		assert.EqualValues(t, 1, w.c.Status().Handshakes)

		require.NoError(t, w.c.Suspend())
		ctx, end := context.WithTimeout(t.Context(), time.Minute)
		defer end()
		require.ErrorIs(t, w.c.Follow(ctx, w.stream(), nil), context.DeadlineExceeded)
		require.NoError(t, w.c.Close())
		require.ErrorIs(t, <-h.ended, client.ErrClosed)
		require.ErrorIs(t, w.c.Follow(t.Context(), w.stream(), nil), client.ErrClosed)
	})
}

// TestFollowRestart: a server that has forgotten the stream is told what to go on from, at once.
func TestFollowRestart(t *testing.T) {
	withRoom(t, func(t *testing.T, w *inRoom) {
		h := follow(t.Context(), w.c, w.stream(), nil)
		synctest.Wait()
		w.bob.say(w.room, "one")
		time.Sleep(time.Second)
		w.restart()
		w.bob.say(w.room, "two")
		time.Sleep(10 * time.Second)
		w.bob.say(w.room, "three")
		time.Sleep(2 * time.Second)
		assert.Equal(t, []string{one, two, three}, h.texts())
		require.NoError(t, w.c.Close())
		require.ErrorIs(t, <-h.ended, client.ErrClosed)
	})
}

// TestFollowSlowly: who takes his time is told everything, or how much was skipped.
func TestFollowSlowly(t *testing.T) {
	withRoom(t, func(t *testing.T, w *inRoom) {
		held := make(chan struct{})
		h := follow(t.Context(), w.c, w.stream(), func(client.Event) error {
			<-held
			return nil
		})
		synctest.Wait()
		const said = 75
		var all []string
		for n := range said {
			text := fmt.Sprint("m", n)
			w.bob.say(w.room, text)
			all = append(all, `{"sender":"bob","body":"`+text+`"}`)
		}
		time.Sleep(10 * time.Minute)
		assert.Len(t, h.texts(), 1)
		close(held)
		time.Sleep(10 * time.Minute)
		assert.Equal(t, all, h.texts())
		require.NoError(t, w.c.Close())
		require.ErrorIs(t, <-h.ended, client.ErrClosed)
	})
}

// TestFollowHeldUp: a server that was heard of meanwhile is not asked again after what hear
// took long over.
func TestFollowHeldUp(t *testing.T) {
	withRoom(t, func(t *testing.T, w *inRoom) {
		h := follow(t.Context(), w.c, w.stream(), func(client.Event) error {
			time.Sleep(time.Hour)
			return nil
		})
		synctest.Wait()
		for _, text := range []string{"one", "two", "three"} {
			w.bob.say(w.room, text)
		}
		time.Sleep(time.Minute)
		before := w.c.Status().Sent
		time.Sleep(3 * time.Hour)
		assert.Equal(t, []string{one, two, three}, h.texts())
		assert.Equal(t, before, w.c.Status().Sent)
		require.NoError(t, w.c.Close())
		require.ErrorIs(t, <-h.ended, client.ErrClosed)
	})
}

// TestFollowEndedAgain: a stream that is ended as soon as it is registered is tried more and
// more seldom, and as soon as ever once it has lasted.
func TestFollowEndedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		homeserver := fakehs.New(fakehs.Config{ServerName: "ship.example"})
		var broken atomic.Bool
		w := &inRoom{world: newWorldOf(t, linkemu.Config{Up: linkemu.Direction{Delay: 100 * time.Millisecond}}, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if broken.Load() && r.FormValue("since") != "" {
				rw.WriteHeader(http.StatusBadRequest)
				return
			}
			homeserver.ServeHTTP(rw, r)
		}))}
		w.c = w.open(client.Options{})
		w.alice = signUp(t, w.c, "alice")
		w.room = w.alice.createRoom()
		broken.Store(true)
		h := follow(t.Context(), w.c, w.stream(), nil)
		time.Sleep(time.Hour)
		tried := len(h.texts())
		assert.Greater(t, tried, 12, "every five minutes")
		assert.Less(t, tried, 40)
		broken.Store(false)
		time.Sleep(time.Hour)
		require.Len(t, h.texts(), tried)
		broken.Store(true)
		time.Sleep(3 * time.Minute)
		assert.Greater(t, len(h.texts()), tried+3, "within seconds")
		require.NoError(t, w.c.Close())
		require.ErrorIs(t, <-h.ended, client.ErrClosed)
	})
}

// TestFollowRefused: what will be refused again ends it.
func TestFollowRefused(t *testing.T) {
	withRoom(t, func(t *testing.T, w *inRoom) {
		status := func(s client.Stream) int {
			err := w.c.Follow(t.Context(), s, func(client.Event) error { return errEnough })
			var refusal *coap.Error
			require.ErrorAs(t, err, &refusal)
			return refusal.Status
		}
		s := w.stream()
		s.Token = "none"
		assert.Equal(t, http.StatusUnauthorized, status(s))
		s = w.stream()
		s.Room = "!none:ship.example"
		assert.Equal(t, http.StatusForbidden, status(s))
		s.Room = "#none:ship.example"
		assert.Equal(t, http.StatusNotFound, status(s))
		for _, s := range []client.Stream{
			{Room: "room"}, {Room: "!r:h", Size: 3}, {Room: "!r:h", Last: 99}, {Room: "!r:h", Last: 1, Resume: true},
			{Room: "!r:h", Fields: []string{""}}, {Room: "!r:h", Types: make([]string, 9)},
		} {
			assert.Error(t, w.c.Follow(t.Context(), s, nil), s)
		}

		h := follow(t.Context(), w.c, w.stream(), nil)
		synctest.Wait()
		ask(t, w.c, http.MethodPost, "v3/rooms/"+w.room+"/leave", w.alice.token, "{}")
		var refusal *coap.Error
		require.ErrorAs(t, <-h.ended, &refusal)
		assert.Equal(t, http.StatusForbidden, refusal.Status)
		assert.Empty(t, h.texts())
	})
}

func TestParseStream(t *testing.T) {
	s, err := client.ParseStream("/~/%23lab:example.org?n=3&f=sender,body,on&t=a&t=b.*&o=0&l=i&m=50")
	require.NoError(t, err)
	assert.Equal(t, client.Stream{
		Room: "#lab:example.org", Types: []string{"a", "b.*"}, Fields: []string{"sender", "body", "on"},
		Size: 50, Last: 3, Others: true, IDs: true,
	}, s)
	s, err = client.ParseStream("/~/!r:h?s=7")
	require.NoError(t, err)
	assert.Equal(t, client.Stream{Room: "!r:h", Types: []string{"m.room.message"}, Resume: true, After: 7}, s)
	for _, target := range []string{
		"/~", "/~/", "/~/room", "/~/!r:h/x", "/~/%zz", "/~/!r:h?k=0", "/~/!r:h?n=3&s=1", "/~/!r:h?x=1", "/~/!r:h?%zz",
		"/_matrix/client/v3/sync",
	} {
		_, err := client.ParseStream(target)
		assert.Error(t, err, target)
	}
	assert.True(t, client.IsStream("/~/x"))
	assert.False(t, client.IsStream("/_matrix/~/x"))
}
