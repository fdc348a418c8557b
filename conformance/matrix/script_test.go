package matrix

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"maunium.net/go/mautrix"

	"github.com/coapgw/coapgw/conformance/recorder"
)

const (
	// corpus is a recorded session whose texts and keys the script uses.
	corpus = "../../testdata/corpus/sessions/s0.jsonl"
	// crew is how many people are in the largest room.
	crew = 48
	// roomCount is how many rooms the initial sync has, perRoom how many messages
	// were written in each, and writers by how many people.
	roomCount, perRoom, writers = 10, 22, 6
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
	since             string // of alice
	txn               int
}

// person is a logged-in user.
type person struct{ name, id, token, device string }

// newScript registers the people. Their names are all of the same length, and
// alice, bob and carol themselves if plain is set.
func newScript(ctx context.Context, t *testing.T, base string, plain bool, aboard step) *script {
	s := &script{t: t, ctx: ctx, base: base, aboard: aboard, said: readCorpus(t)}
	for p, name := range map[*person]string{&s.alice: "alice", &s.bob: "bob", &s.carol: "carol"} {
		if !plain { // the homeserver is shared with other scenarios
			name = strings.ToLower(rand.Text())[:len(name)]
		}
		*p = s.register(name)
	}
	return s
}

// readCorpus reads the request bodies of a recorded session.
func readCorpus(t *testing.T) map[string][]json.RawMessage {
	f, err := os.Open(corpus)
	require.NoError(t, err)
	defer f.Close()
	said := make(map[string][]json.RawMessage)
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var line struct {
			Kind string
			Req  json.RawMessage
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line))
		said[line.Kind] = append(said[line.Kind], line.Req)
	}
	require.NoError(t, lines.Err())
	return said
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

// room is the path of something in a room.
func room(id, rest string) string { return v3 + "/rooms/" + url.PathEscape(id) + rest }

// message is the path of a new event. Transaction ids have the length that clients
// give them.
func (s *script) message(room_, kind string) string {
	s.txn++
	return room(room_, fmt.Sprintf("/send/%s/m1795328232857.%02d", kind, s.txn%100))
}

func (s *script) newRoom(p person, name string) string {
	return s.ashore(p, "POST", v3+"/createRoom", fmt.Sprintf(`{"name":%q,"preset":"public_chat","topic":"Everything about %s"}`, name, name))["room_id"].(string)
}

func (s *script) say(p person, roomID, kind, body string) string {
	return s.ashore(p, "PUT", s.message(roomID, kind), body)["event_id"].(string)
}

func (s *script) join(p person, roomID string) {
	s.ashore(p, "POST", v3+"/join/"+url.PathEscape(roomID), "{}")
}

// first is what a new client does: the connection is new to "versions".
func (s *script) first() {
	s.do("versions", 200, "GET", "/_matrix/client/versions", "")
	s.do("whoami", 200, "GET", v3+"/account/whoami", "")
	a := s.do("login", 200, "POST", v3+"/login", fmt.Sprintf(
		`{"type":"m.login.password","identifier":{"type":"m.id.user","user":%q},"password":%q,"initial_device_display_name":"Element"}`, s.alice.name, scriptPassword))
	require.Equal(s.t, s.alice.id, a["user_id"])
	s.do("push", 200, "GET", v3+"/pushrules/", "")
}

// keys uploads the keys of alice and bob, and uses them.
func (s *script) keys() {
	upload := func(p person) string { return s.told(p, slices.MaxFunc(s.said["keys_upload"], longer)) }
	s.do("keys", 200, "POST", v3+"/keys/upload", upload(s.alice))
	s.ashore(s.bob, "POST", v3+"/keys/upload", upload(s.bob))
	s.do("query", 200, "POST", v3+"/keys/query", fmt.Sprintf(`{"device_keys":{%q:[]},"timeout":10000}`, s.bob.id))
	var keys struct {
		Messages map[string]map[string]json.RawMessage
	}
	require.NoError(s.t, json.Unmarshal(s.said["to_device"][0], &keys))
	for _, devices := range keys.Messages {
		for _, key := range devices { // all of the same length
			s.do("to-device", 200, "PUT", v3+"/sendToDevice/m.room.encrypted/m1795328233053.3",
				fmt.Sprintf(`{"messages":{%q:{%q:%s}}}`, s.bob.id, s.bob.device, key))
			return
		}
	}
}

func longer(a, b json.RawMessage) int { return len(a) - len(b) }

// told is what somebody said in the corpus as if p had: with p's user and device.
func (s *script) told(p person, body json.RawMessage) string {
	said := object(s.t, body)["device_keys"].(map[string]any)
	text := strings.ReplaceAll(string(body), said["user_id"].(string), p.id)
	return strings.ReplaceAll(text, said["device_id"].(string), p.device)
}

// texts gives the messages of the corpus one after the other, each tenth of them
// encrypted.
func (s *script) texts() func() (kind, body string) {
	n := 0
	return func() (string, string) {
		n++
		if secret := s.said["send_encrypted"]; n%10 == 0 {
			return "m.room.encrypted", string(secret[n%len(secret)])
		}
		open := s.said["send_text"]
		return "m.room.message", string(open[n%len(open)])
	}
}

// chat is two people who write to each other.
func (s *script) chat() {
	created := s.do("create", 200, "POST", v3+"/createRoom", fmt.Sprintf(
		`{"name":"Ship's mess","preset":"private_chat","is_direct":true,"invite":[%q],"initial_state":[{"type":"m.room.guest_access","state_key":"","content":{"guest_access":"can_join"}}]}`, s.bob.id))
	mess := created["room_id"].(string)
	s.join(s.bob, mess)
	dinghy := s.newRoom(s.bob, "Dinghy")
	s.do("join", 200, "POST", room(dinghy, "/join"), "{}")
	for range 4 { // a filter of two digits would be none of the first clients'
		s.ashore(s.alice, "POST", v3+"/user/"+s.alice.id+"/filter", `{"room":{"timeline":{"limit":20}}}`)
	}
	s.since = s.quiet("")

	s.do("send", 200, "PUT", s.message(mess, "m.room.message"), `{"msgtype":"m.text","body":"hello world"}`)
	s.poll("echo", s.alice.id, "hello world")
	said := s.say(s.bob, mess, "m.room.message", `{"msgtype":"m.text","body":"hello world"}`)
	s.poll("sync", s.bob.id, "notification_count\":1")
	s.do("encrypted", 200, "PUT", s.message(mess, "m.room.encrypted"), fmt.Sprintf(
		`{"algorithm":"m.megolm.v1.aes-sha2","ciphertext":"%s","device_id":%q,"sender_key":"bzzgCRmS8Z7hVGGu5sGniY4V57m/I1Xf0Ukp6qqv2Lk","session_id":"GWyls8V9iH1Hb8M4ElOQ9+b0Ww6t4mpitFl3NUPSNls"}`,
		s.ciphertext(300), s.alice.device))
	s.do("reaction", 200, "PUT", s.message(mess, "m.reaction"), fmt.Sprintf(`{"m.relates_to":{"event_id":%q,"key":"👍","rel_type":"m.annotation"}}`, said))
	s.do("receipt", 200, "POST", room(mess, "/receipt/m.read/"+url.PathEscape(said)), "{}")
	s.do("typing", 200, "PUT", room(mess, "/typing/"+s.alice.id), `{"typing":true,"timeout":30000}`)
	s.do("presence", 200, "PUT", v3+"/presence/"+s.alice.id+"/status", `{"presence":"online"}`)
	_, local, _ := strings.Cut(s.alice.id, ":")
	s.do("not-found", 404, "GET", v3+"/directory/room/"+url.PathEscape("#nowhere:"+local), "")
}

// ciphertext is so many bytes of a message that was encrypted.
func (s *script) ciphertext(size int) string {
	for _, body := range s.said["send_encrypted"] {
		if c := object(s.t, body)["ciphertext"].(string); len(c) >= size {
			return c[:size]
		}
	}
	require.FailNow(s.t, "no ciphertext of that size")
	return ""
}

// syncURI is a long-poll of alice.
func (s *script) syncURI(since string, timeout time.Duration) string {
	return fmt.Sprintf("%s/sync?filter=1&since=%s&timeout=%d", v3, since, timeout.Milliseconds())
}

const (
	settleTimeout = 20 * time.Second
	settlePoll    = 300 * time.Millisecond
)

// poll lets alice sync once the homeserver has an answer that holds all texts and
// no longer grows: its parts come to it one after the other.
func (s *script) poll(name string, texts ...string) {
	s.t.Helper()
	var before string
	require.Eventually(s.t, func() bool {
		resp, err := recorder.Do(s.ctx, http.DefaultTransport, s.base, request(s.alice, "GET", s.syncURI(s.since, 0), ""))
		if err != nil {
			return false
		}
		now := fmt.Sprint(object(s.t, resp.Body)["next_batch"])
		settled := now == before
		before = now
		for _, text := range texts {
			settled = settled && bytes.Contains(resp.Body, []byte(text))
		}
		return settled
	}, settleTimeout, settlePoll, name)
	s.since = s.do(name, 200, "GET", s.syncURI(s.since, 30*time.Second), "")["next_batch"].(string)
	s.since = s.quiet(s.since)
}

// quiet follows alice's stream until nothing comes any more.
func (s *script) quiet(since string) string {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		uri := s.syncURI(since, 0)
		if since == "" {
			uri = v3 + "/sync?timeout=0"
		}
		next := s.ashore(s.alice, "GET", uri, "")["next_batch"].(string)
		settled := next == since
		since = next
		return settled
	}, settleTimeout, settlePoll, "the stream comes to rest")
	return since
}

// idle is a long-poll that nothing answers before its timeout.
func (s *script) idle() {
	s.since = s.quiet(s.since)
	s.do("idle", 200, "GET", s.syncURI(s.since, 30*time.Second), "")
}

// large is what grows with rooms and people: carol's account has ten rooms, and
// alice looks at it as carol.
func (s *script) large() {
	people := []person{s.carol, s.bob}
	for n := range crew - len(people) {
		people = append(people, s.register(fmt.Sprintf("%s%02d", s.carol.name, n)))
	}
	alice := s.alice
	s.alice = s.carol
	defer func() { s.alice = alice }()
	next := s.texts()
	var first string
	for n := range roomCount {
		id := s.newRoom(s.carol, fmt.Sprintf("Deck %d", n))
		if n == 0 {
			first = id
		}
		in := people[:crew-3*n]
		for _, p := range in[1:] {
			s.join(p, id)
		}
		for m := range perRoom {
			kind, body := next()
			s.say(in[m%writers], id, kind, body)
		}
	}
	lazy := s.ashore(s.carol, "POST", v3+"/user/"+s.carol.id+"/filter", `{"room":{"state":{"lazy_load_members":true},"timeline":{"limit":20,"unread_thread_notifications":true}}}`)
	full := s.ashore(s.carol, "POST", v3+"/user/"+s.carol.id+"/filter", `{"room":{"timeline":{"limit":20}}}`)
	since := s.quiet("")
	s.do("initial", 200, "GET", fmt.Sprintf("%s/sync?filter=%s&timeout=0", v3, full["filter_id"]), "")
	s.do("initial-lazy", 200, "GET", fmt.Sprintf("%s/sync?filter=%s&timeout=0", v3, lazy["filter_id"]), "")
	s.do("members", 200, "GET", room(first, "/members?at="+since+"&not_membership=leave"), "")
	s.do("history", 200, "GET", room(first, "/messages?dir=b&limit=20&from="+since), "")
}
