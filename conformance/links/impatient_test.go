package links

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/join"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/inprocess"
	"github.com/coapgw/coapgw/internal/gateway"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// impatient is how long HTTP clients commonly wait, and hasty less than any answer
// takes on the slowest links.
const (
	impatient = 30 * time.Second
	hasty     = 10 * time.Second
)

// inImpatientWorld runs f with a pair over the link of a profile, without loss, where w.Connect
// finishes what clients give up on.
func inImpatientWorld(t *testing.T, name string, f func(*world)) {
	p, ok := link.ByName(name)
	require.True(t, ok)
	l := linkemu.FromProfile(p, 1)
	l.Up.Burst, l.Down.Burst = link.GilbertElliott{}, link.GilbertElliott{}
	inWorld(t, p, l, func(w *world) {
		joined := &join.Transport{Base: w.Transport, Profile: p}
		defer func() { assert.NoError(w.T, joined.Close()) }()
		w.Connect = gateway.NewConnect(gateway.ConnectOptions{Transport: joined})
		f(w)
	})
}

// try sends a request and waits so long for the answer.
func (c *client) try(patience time.Duration, method, target, body string) (status int, answer string, answered bool) {
	ctx, cancel := context.WithTimeout(c.w.T.Context(), patience)
	defer cancel()
	answers := httptest.NewRecorder()
	c.w.Connect.ServeHTTP(answers, inprocess.NewRequest(ctx, method, target, c.token, body))
	return answers.Code, answers.Body.String(), ctx.Err() == nil
}

// insist sends a request again and again, with the pauses of common clients, until it
// is answered 200.
func (c *client) insist(patience time.Duration, method, target, body string) (answer string, tries int) {
	c.w.T.Helper()
	pause := 2 * time.Second
	for tries = 1; ; tries++ {
		status, answer, answered := c.try(patience, method, target, body)
		if answered {
			require.Equal(c.w.T, http.StatusOK, status, answer)
			return answer, tries
		}
		require.Less(c.w.T, tries, 50)
		time.Sleep(pause) // virtual
		pause = min(2*pause, 30*time.Second)
	}
}

// TestImpatientClient: a client that waits half as long as a message takes gets
// everything that it asks for, and each of its requests crosses the link once.
func TestImpatientClient(t *testing.T) {
	for name, patience := range map[string]time.Duration{"hf-s5066-75": impatient, "fosdem-100bps": hasty, "iridium-sbd": hasty} {
		t.Run(name, func(t *testing.T) {
			inImpatientWorld(t, name, func(w *world) {
				room := w.ashore("bob").room()
				w.ashore("alice")
				alice := w.aboard()
				before := w.homeserver.requests.Load()
				_, tries := alice.insist(patience, "GET", "/_matrix/client/versions", "")
				require.Greater(w.T, tries, 2, "the link is slow")
				require.EqualValues(w.T, 1, w.homeserver.requests.Load()-before)
				require.EqualValues(w.T, 1, w.Dials.Load())
				alice.login("alice")
				alice.do("POST", r0+"/join/"+room, "{}")

				before, link := w.homeserver.requests.Load(), w.Link.Stats()
				answer, tries := alice.insist(patience, "PUT", sendTarget(room, 1), textMessage("hello world"))
				assert.Greater(w.T, tries, 1)
				assert.EqualValues(w.T, 1, w.homeserver.requests.Load()-before)
				assert.EqualValues(w.T, 1, w.Link.Stats().Up.Datagrams-link.Up.Datagrams)
				assert.EqualValues(w.T, 1, w.Link.Stats().Down.Datagrams-link.Down.Datagrams)
				assert.Equal(w.T, w.homeserver.answer(), answer)

				before = w.homeserver.requests.Load()
				first, _ := alice.insist(patience, "GET", r0+"/sync", "")
				assert.EqualValues(w.T, 1, w.homeserver.requests.Load()-before)
				assert.Equal(w.T, w.homeserver.answer(), first)
				assert.Equal(w.T, 1, strings.Count(first, "hello world"))
				assert.Contains(w.T, first, field(alice, answer, "event_id"))
				assert.Zero(w.T, w.sentTwice())
			})
		})
	}
}

// TestImpatientPost: a POST that is repeated goes twice, and so does a PUT that sets
// a value.
func TestImpatientPost(t *testing.T) {
	inImpatientWorld(t, "hf-s5066-75", func(w *world) {
		w.ashore("alice")
		alice := w.aboard()
		alice.login("alice")
		for target, body := range map[string]string{
			"POST " + r0 + "/createRoom":                              "{}",
			"PUT " + r0 + "/profile/" + alice.userID + "/displayname": `{"displayname":"Alice"}`,
		} {
			method, target, _ := strings.Cut(target, " ")
			before := w.homeserver.requests.Load()
			_, _, answered := alice.try(hasty, method, target, body)
			require.False(w.T, answered)
			alice.do(method, target, body)
			assert.EqualValues(w.T, 2, w.homeserver.requests.Load()-before, target)
		}
	})
}

// TestImpatientUsers: two users who ask the same at the same time, and give up, each
// find their own answer.
func TestImpatientUsers(t *testing.T) {
	inImpatientWorld(t, "hf-s5066-75", func(w *world) {
		users := []*client{w.aboard(), w.aboard()}
		for i, name := range []string{"alice", "bob"} {
			w.ashore(name)
			users[i].login(name)
		}
		answers := make([]chan string, len(users))
		for i, c := range users {
			answers[i] = make(chan string, 1)
			go func() {
				answer, _ := c.insist(impatient, "GET", r0+"/account/whoami", "")
				answers[i] <- answer
			}()
		}
		for i, c := range users {
			assert.Equal(w.T, c.userID, field(c, <-answers[i], "user_id"))
		}
	})
}

// TestImpatientPoll: a long-poll that a client gave up on brings the next message all
// the same, and the poll after it goes on from there.
func TestImpatientPoll(t *testing.T) {
	inImpatientWorld(t, "hf-s5066-75", func(w *world) {
		bob := w.ashore("bob")
		room := bob.room()
		w.ashore("alice")
		alice := w.aboard()
		alice.login("alice")
		alice.do("POST", r0+"/join/"+room, "{}")
		since := field(alice, alice.do("GET", r0+"/sync", ""), "next_batch")
		defer bob.sendAfter(time.Minute, room, "ahoy")()
		before := w.homeserver.requests.Load()
		answer, tries := alice.insist(impatient, "GET", r0+"/sync?timeout=600000&since="+since, "")
		assert.Greater(w.T, tries, 2)
		assert.EqualValues(w.T, 1, w.homeserver.requests.Load()-before)
		assert.Contains(w.T, answer, "ahoy")
		assert.NotContains(w.T, alice.do("GET", r0+"/sync?timeout=0&since="+field(alice, answer, "next_batch"), ""), "ahoy")
	})
}
