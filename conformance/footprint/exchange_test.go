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

	"github.com/coapgw/coapgw/conformance/people"
	"github.com/coapgw/coapgw/conformance/process"
)

// taken is what a run of a program took.
type taken struct {
	started time.Duration // until it takes requests
	idle    memory        // then, before the first
	used    memory        // at most, of each part
}

// gateway is a connect that runs.
type gateway struct {
	*running
	client *user
	page   string // URL of the status page
}

func (w *world) connect(t *testing.T, a target, file, state string) *gateway {
	t.Helper()
	p := start(t, a.command(t, file, "connect", "--pairing", "@"+w.pairing, "--listen", "127.0.0.1:0",
		"--status-listen", "127.0.0.1:0", "--state", state))
	page := p.Await("status page\" url=") // which it says first
	return &gateway{running: p, page: page, client: &user{&people.Person{Base: "http://" + p.Await("listening on http://")}, t}}
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
	took.started = time.Since(g.Began)
	var err error
	took.idle, err = g.memory(a)
	require.NoError(t, err)
	most := g.watch(a)

	c := g.client
	c.Person, err = people.LogIn(t.Context(), c.Base, nil, "alice")
	require.NoError(t, err)
	first, err := c.Sync(t.Context(), "", "", poll)
	require.NoError(t, err)
	require.Len(t, first.Rooms.Join, rooms)
	room := w.rooms[rooms-1]
	require.NotEmpty(t, first.Texts(room))
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

// poll is how long a /sync waits for news.
const poll = time.Minute

// pushed waits with /sync until a text that bob says meanwhile is there, and returns the
// point up to which all is known.
func (w *world) pushed(t *testing.T, c *user, since, room, text string) (next string) {
	t.Helper()
	type result struct {
		people.Sync
		err error
	}
	results, said := make(chan result, 1), false
	deadline := time.After(process.Patience)
	for {
		go func() {
			s, err := c.Sync(t.Context(), since, "", poll)
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
			for _, got := range r.Texts(room) {
				if got == text {
					return since
				}
			}
		case <-deadline:
			require.FailNow(t, "nothing is pushed")
		}
	}
}
