package matrix

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"maunium.net/go/mautrix"

	"github.com/coapgw/coapgw/conformance/recorder"
)

// step is a request of alice that the suites of bytes know by name.
type step func(name string, req recorder.Request) recorder.Response

// script is a homeserver's side of the operations: it brings the homeserver to
// where each request gets the answer that its name promises.
type script struct {
	t      *testing.T
	ctx    context.Context
	base   string // of the homeserver itself
	aboard step
	said   map[string][]json.RawMessage // bodies of the corpus by kind

	alice, bob, carol person
	filter, since     string // of alice
	txn               int
}

// person is a logged-in user.
type person struct{ name, id, token, device string }

// newScript registers the people. Their names are all of the same length, and
// alice, bob and carol themselves if plain is set.
func newScript(ctx context.Context, t *testing.T, base string, plain bool, aboard step) *script {
	s := &script{t: t, ctx: ctx, base: base, aboard: aboard, said: readCorpus(t)}
	register := func(name string) person {
		if !plain { // the homeserver is shared with other scenarios
			name = strings.ToLower(rand.Text())[:len(name)]
		}
		return s.register(name)
	}
	s.alice, s.bob, s.carol = register("alice"), register("bob"), register("carol")
	s.filter = s.newFilter(s.alice, `{"room":{"timeline":{"limit":20}}}`)
	return s
}

// request is what a client sends, with the headers that mautrix sets.
func request(p person, method, uri, body string) recorder.Request {
	r := recorder.Request{Method: method, URI: uri, Header: http.Header{"User-Agent": {mautrix.DefaultUserAgent}}, Body: []byte(body)}
	if p.token != "" {
		r.Header.Set("Authorization", "Bearer "+p.token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

const v3 = "/_matrix/client/v3"

// ashore sends a request to the homeserver itself.
func (s *script) ashore(p person, method, uri, body string) map[string]any {
	s.t.Helper()
	resp, err := recorder.Do(s.ctx, http.DefaultTransport, s.base, request(p, method, uri, body))
	require.NoError(s.t, err)
	require.Equal(s.t, 200, resp.Status, "%s %s: %s", method, uri, resp.Body)
	return object(s.t, resp.Body)
}

// do lets alice send a request over the link.
func (s *script) do(name string, status int, method, uri, body string) map[string]any {
	s.t.Helper()
	p := s.alice
	if name == "login" || name == "versions" {
		p = person{}
	}
	resp := s.aboard(name, request(p, method, uri, body))
	require.Equal(s.t, status, resp.Status, "%s: %s", name, resp.Body)
	return object(s.t, resp.Body)
}

func object(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var m map[string]any
	require.NoError(t, json.Unmarshal(body, &m), "%s", body)
	return m
}

const scriptPassword = "this is fine"

func (s *script) register(name string) person {
	a := s.ashore(person{}, "POST", v3+"/register", fmt.Sprintf(`{"username":%q,"password":%q,"auth":{"type":"m.login.dummy"},"initial_device_display_name":"Element"}`, name, scriptPassword))
	p := person{name, a["user_id"].(string), a["access_token"].(string), a["device_id"].(string)}
	s.ashore(p, "PUT", v3+"/profile/"+p.id+"/displayname", fmt.Sprintf(`{"displayname":%q}`, strings.ToUpper(name[:1])+name[1:]))
	return p
}

// inRoom is the path of something in a room.
func inRoom(id, rest string) string { return v3 + "/rooms/" + url.PathEscape(id) + rest }

// message is the path of a new event. Transaction ids are as matrix-js-sdk makes them: of
// the time, and a number that is always of the same length here.
func (s *script) message(roomID, kind string) string {
	s.txn++
	return inRoom(roomID, fmt.Sprintf("/send/%s/m%d.%d", kind, time.Now().UnixMilli(), 10+s.txn%90))
}

func (s *script) newRoom(p person, name string) string {
	return s.ashore(p, "POST", v3+"/createRoom", fmt.Sprintf(`{"name":%q,"preset":"public_chat","topic":"Everything about %s"}`, name, name))["room_id"].(string)
}

// newFilter stores a filter for /sync and returns its id.
func (s *script) newFilter(p person, filter string) string {
	return s.ashore(p, "POST", v3+"/user/"+p.id+"/filter", filter)["filter_id"].(string)
}

func (s *script) say(p person, roomID, kind, body string) string {
	return s.ashore(p, "PUT", s.message(roomID, kind), body)["event_id"].(string)
}

func (s *script) join(p person, roomID string) {
	s.ashore(p, "POST", v3+"/join/"+url.PathEscape(roomID), "{}")
}
