package footprint

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// taken is what a run of a program took.
type taken struct {
	started time.Duration // until it takes requests
	idle    memory        // then, before the first
	used    memory        // at most, of each part
}

// gateway is a connect that runs.
type gateway struct {
	*process
	client *user
	page   string // URL of the status page
}

func (w *world) connect(t *testing.T, a target, file, state string) *gateway {
	t.Helper()
	p := start(t, a.command(t, file, "connect", "--pairing", "@"+w.pairing, "--listen", "127.0.0.1:0",
		"--status-listen", "127.0.0.1:0", "--state", state))
	return &gateway{process: p, client: &user{t: t, base: "http://" + p.await("listening on http://")}}
}

// handshakes are those of its life, and the sessions that it took up without one.
func (g *gateway) handshakes() (whole, resumed int) {
	g.t.Helper()
	resp, err := http.Get(g.page + "status.json")
	require.NoError(g.t, err)
	defer resp.Body.Close()
	var v struct {
		Link struct{ Handshakes, Resumed int }
	}
	require.NoError(g.t, json.NewDecoder(resp.Body).Decode(&v))
	return v.Link.Handshakes, v.Link.Resumed
}

// converse runs connect through what a client of Matrix does: logs in, has a first sync, sends,
// waits for what is pushed; then connect is started again and goes on without a handshake.
func (w *world) converse(t *testing.T, a target, file string) (took taken) {
	t.Helper()
	state := filepath.Join(t.TempDir(), "state")
	g := w.connect(t, a, file, state)
	took.started = time.Since(g.began)
	g.page = g.await("status page\" url=")
	var err error
	took.idle, err = g.memory(a)
	require.NoError(t, err)
	most := g.watch(a)

	c := g.client
	c.call("POST", "login", map[string]any{"type": "m.login.password", "identifier": map[string]string{"type": "m.id.user", "user": "alice"}, "password": password}, c)
	first, err := c.sync(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, first.Rooms.Join, rooms)
	room := w.rooms[rooms-1]
	require.NotEmpty(t, first.texts(room))
	run := filepath.Base(t.Name()) + fmt.Sprint(time.Now().UnixNano()) // the world has seen others
	for n := range history {
		c.say(room, fmt.Sprint(run, n), fmt.Sprint("From the boat, ", run, n))
	}
	said := w.bob.messages(room)
	require.Contains(t, said, fmt.Sprint("From the boat, ", run, history-1))
	next := w.pushed(t, c, first.Next, room, "Ashore "+run)
	whole, resumed := g.handshakes()
	assert.Equal(t, []int{1, 0}, []int{whole, resumed}, "handshakes and sessions taken up")
	took.used = most()
	g.stop()

	again := w.connect(t, a, file, state)
	again.page = again.await("status page\" url=")
	most = again.watch(a)
	again.client.Token = c.Token
	w.pushed(t, again.client, next, room, "Again "+run)
	again.client.say(room, run+"again", "Back again, "+run)
	require.Contains(t, w.bob.messages(room), "Back again, "+run)
	whole, resumed = again.handshakes()
	assert.Equal(t, []int{0, 1}, []int{whole, resumed}, "handshakes and sessions taken up")
	took.used = took.used.most(most()).most(took.idle)
	again.stop()
	return took
}

// pushed waits with /sync until a text that bob says meanwhile is there, and returns the
// point up to which all is known.
func (w *world) pushed(t *testing.T, c *user, since, room, text string) (next string) {
	t.Helper()
	type result struct {
		synced
		err error
	}
	results, said := make(chan result, 1), false
	deadline := time.After(patience)
	for {
		go func() {
			s, err := c.sync(t.Context(), since)
			results <- result{s, err}
		}()
		if !said {
			w.bob.say(room, url.PathEscape(text), text)
			said = true
		}
		select {
		case r := <-results:
			require.NoError(t, r.err)
			since = r.Next
			for _, got := range r.texts(room) {
				if got == text {
					return since
				}
			}
		case <-deadline:
			require.FailNow(t, "nothing is pushed")
		}
	}
}

// messages are the latest texts of a room.
func (u *user) messages(room string) (all []string) {
	u.t.Helper()
	var answer struct {
		Chunk []struct {
			Type    string
			Content struct{ Body string }
		}
	}
	u.call("GET", "rooms/"+url.PathEscape(room)+"/messages?dir=b&limit=100", nil, &answer)
	for _, e := range answer.Chunk {
		if e.Type == "m.room.message" {
			all = append(all, e.Content.Body)
		}
	}
	return all
}
