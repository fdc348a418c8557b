package links

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/inprocess"
)

const (
	r0 = "/_matrix/client/r0"
	// syncHundred is an initial sync with the last hundred events of each room.
	syncHundred = r0 + "/sync?filter=%7B%22room%22:%7B%22timeline%22:%7B%22limit%22:100%7D%7D%7D"
)

// client is a Matrix client: over the link, or at the homeserver itself.
type client struct {
	w      *world
	via    http.RoundTripper
	token  string
	userID string
}

// aboard is a client behind the link, not logged in.
func (w *world) aboard() *client { return &client{w: w, via: inprocess.Transport{Handler: w.Connect}} }

// ashore is a user registered at the homeserver, without the link.
func (w *world) ashore(name string) *client {
	c := &client{w: w, via: inprocess.Transport{Handler: w.homeserver.Handler}}
	c.take(c.do("POST", r0+"/register", `{"username":"`+name+`","password":"secret","auth":{"type":"m.login.dummy"}}`))
	return c
}

// request sends a request and returns the answer as far as it came.
func (c *client) request(method, target, body string) (status int, answer string, err error) {
	resp, err := c.via.RoundTrip(inprocess.NewRequest(c.w.T.Context(), method, target, c.token, body))
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// do sends a request that must be answered 200.
func (c *client) do(method, target, body string) string {
	c.w.T.Helper()
	status, answer, err := c.request(method, target, body)
	require.NoError(c.w.T, err, "%s %s", method, target)
	require.Equal(c.w.T, http.StatusOK, status, "%s %s: %s", method, target, answer)
	return answer
}

// take becomes the user that a login or a registration made.
func (c *client) take(answer string) {
	c.token, c.userID = field(c, answer, "access_token"), field(c, answer, "user_id")
}

// login logs in a user that ashore has registered.
func (c *client) login(name string) {
	c.take(c.do("POST", r0+"/login", `{"type":"m.login.password","identifier":{"type":"m.id.user","user":"`+name+`"},"password":"secret"}`))
}

// room makes a public room.
func (c *client) room() string {
	return field(c, c.do("POST", r0+"/createRoom", `{"preset":"public_chat"}`), "room_id")
}

// send sends a text message and returns its event id.
func (c *client) send(room string, txn int, text string) string {
	return field(c, c.do("PUT", sendTarget(room, txn), textMessage(text)), "event_id")
}

// sendAfter sends a text message at a later time. The function that it returns
// must be called before the world ends; it waits for a message under way.
func (c *client) sendAfter(d time.Duration, room, text string) (stop func()) {
	answered := make(chan struct{})
	t := time.AfterFunc(d, func() {
		defer close(answered)
		status, answer, err := c.request("PUT", sendTarget(room, 1_000_000), textMessage(text))
		if assert.NoError(c.w.T, err) {
			assert.Equal(c.w.T, http.StatusOK, status, answer)
		}
	})
	return func() {
		if !t.Stop() {
			<-answered
		}
	}
}

func sendTarget(room string, txn int) string {
	return fmt.Sprintf("%s/rooms/%s/send/m.room.message/%d", r0, room, txn)
}

func textMessage(text string) string { return fmt.Sprintf(`{"msgtype":"m.text","body":%q}`, text) }

// field reads a string of a JSON object.
func field(c *client, object, name string) string {
	c.w.T.Helper()
	var m map[string]json.RawMessage
	require.NoError(c.w.T, json.Unmarshal([]byte(object), &m))
	var s string
	require.NoError(c.w.T, json.Unmarshal(m[name], &s), "%s in %s", name, object)
	return s
}
