package fakehs

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const v3 = "/_matrix/client/v3"

// client is a Matrix client without a network.
type client struct {
	t      testing.TB
	server *Server
	token  string
	id     string
	device string
	since  string
}

// reply is a decoded JSON answer.
type reply map[string]any

func (c *client) raw(ctx context.Context, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	w := httptest.NewRecorder()
	c.server.ServeHTTP(w, r)
	return w
}

// do sends a request and wants that status. Paths without "/_matrix" are below v3.
func (c *client) do(status int, method, path, body string) reply {
	c.t.Helper()
	if !strings.HasPrefix(path, "/_matrix") && !strings.HasPrefix(path, "/.well-known") {
		path = v3 + path
	}
	w := c.raw(c.t.Context(), method, path, body)
	require.Equal(c.t, status, w.Code, "%s %s: %s", method, path, w.Body)
	require.Equal(c.t, "application/json", w.Header().Get("Content-Type"))
	require.Equal(c.t, "*", w.Header().Get("Access-Control-Allow-Origin"))
	var out any
	require.NoError(c.t, json.Unmarshal(w.Body.Bytes(), &out))
	if list, ok := out.([]any); ok {
		return reply{"list": list}
	}
	return out.(map[string]any)
}

// fails wants an error response.
func (c *client) fails(status int, code, method, path, body string) {
	c.t.Helper()
	require.Equal(c.t, code, c.do(status, method, path, body)["errcode"])
}

// sync continues from the last sync.
func (c *client) sync(query string) reply {
	c.t.Helper()
	if c.since != "" {
		query += "&since=" + c.since
	}
	out := c.do(200, "GET", "/sync?"+query, "")
	c.since = out["next_batch"].(string)
	return out
}

// at walks down a reply; a missing part gives nil.
func (r reply) at(path ...string) any {
	var v any = map[string]any(r)
	for _, p := range path {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	return v
}

func (r reply) list(path ...string) []any {
	l, _ := r.at(path...).([]any)
	return l
}

// bodies are the message texts of a list of events.
func bodies(events []any) (out []string) {
	for _, e := range events {
		if b, ok := reply(e.(map[string]any)).at("content", "body").(string); ok {
			out = append(out, b)
		}
	}
	return out
}

func newServer() *Server { return New(Config{ServerName: "hs.example", Seed: 1}) }

func newUser(t testing.TB, s *Server, name string) *client {
	c := &client{t: t, server: s}
	out := c.do(200, "POST", "/register", `{"username":"`+name+`","password":"pw","auth":{"type":"m.login.dummy"}}`)
	c.id, c.token, c.device = out["user_id"].(string), out["access_token"].(string), out["device_id"].(string)
	return c
}

// anotherDevice logs the same user in again.
func (c *client) anotherDevice() *client {
	d := &client{t: c.t, server: c.server}
	out := d.do(200, "POST", "/login", `{"type":"m.login.password","identifier":{"type":"m.id.user","user":"`+c.id+`"},"password":"pw"}`)
	d.id, d.token, d.device = c.id, out["access_token"].(string), out["device_id"].(string)
	return d
}

// twoInRoom makes a room with two members.
func twoInRoom(t testing.TB) (alice, bob *client, room string) {
	s := newServer()
	alice, bob = newUser(t, s, "alice"), newUser(t, s, "bob")
	room = alice.do(200, "POST", "/createRoom", `{"invite":["`+bob.id+`"],"name":"Two"}`)["room_id"].(string)
	bob.do(200, "POST", "/rooms/"+room+"/join", "{}")
	return alice, bob, room
}

func (c *client) send(room, txn, text string) string {
	c.t.Helper()
	out := c.do(200, http.MethodPut, "/rooms/"+room+"/send/m.room.message/"+txn, `{"msgtype":"m.text","body":"`+text+`"}`)
	return out["event_id"].(string)
}
