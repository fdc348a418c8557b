package matrix

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// crew is how many people are in the largest room.
	crew = 48
	// roomCount is how many rooms the initial sync has, perRoom how many messages
	// were written in each, and writers by how many people.
	roomCount, perRoom, writers = 10, 22, 6
)

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
	s.do("to-device", 200, "PUT", v3+"/sendToDevice/m.room.encrypted/m1795328233053.3",
		fmt.Sprintf(`{"messages":{%q:{%q:%s}}}`, s.bob.id, s.bob.device, s.roomKey()))
}

// chat is two people who write to each other.
func (s *script) chat() {
	created := s.do("create", 200, "POST", v3+"/createRoom", fmt.Sprintf(
		`{"name":"Ship's mess","preset":"private_chat","is_direct":true,"invite":[%q],"initial_state":[{"type":"m.room.guest_access","state_key":"","content":{"guest_access":"can_join"}}]}`, s.bob.id))
	mess := created["room_id"].(string)
	s.join(s.bob, mess)
	dinghy := s.newRoom(s.bob, "Dinghy")
	s.do("join", 200, "POST", inRoom(dinghy, "/join"), "{}")
	s.since = s.quiet("")

	s.do("send", 200, "PUT", s.message(mess, "m.room.message"), `{"msgtype":"m.text","body":"hello world"}`)
	s.poll("echo", s.alice.id, "hello world")
	said := s.say(s.bob, mess, "m.room.message", `{"msgtype":"m.text","body":"hello world"}`)
	s.poll("sync", s.bob.id, "notification_count:1")
	s.do("encrypted", 200, "PUT", s.message(mess, "m.room.encrypted"), fmt.Sprintf(
		`{"algorithm":"m.megolm.v1.aes-sha2","ciphertext":"%s","device_id":%q,"sender_key":"bzzgCRmS8Z7hVGGu5sGniY4V57m/I1Xf0Ukp6qqv2Lk","session_id":"GWyls8V9iH1Hb8M4ElOQ9+b0Ww6t4mpitFl3NUPSNls"}`,
		s.ciphertext(300), s.alice.device))
	s.do("reaction", 200, "PUT", s.message(mess, "m.reaction"), fmt.Sprintf(`{"m.relates_to":{"event_id":%q,"key":"👍","rel_type":"m.annotation"}}`, said))
	s.do("receipt", 200, "POST", inRoom(mess, "/receipt/m.read/"+url.PathEscape(said)), "{}")
	s.do("typing", 200, "PUT", inRoom(mess, "/typing/"+s.alice.id), `{"typing":true,"timeout":30000}`)
	s.do("presence", 200, "PUT", v3+"/presence/"+s.alice.id+"/status", `{"presence":"online"}`)
	_, local, _ := strings.Cut(s.alice.id, ":")
	s.do("not-found", 404, "GET", v3+"/directory/room/"+url.PathEscape("#nowhere:"+local), "")
}

// syncURI is a long-poll of alice.
func (s *script) syncURI(since string, timeout time.Duration) string {
	return fmt.Sprintf("%s/sync?filter=%s&since=%s&timeout=%d", v3, s.filter, since, timeout.Milliseconds())
}

// rest is how long the homeserver has to be silent to have nothing more to say.
const rest = 300 * time.Millisecond

// poll lets alice sync once the homeserver has an answer that holds all texts and
// no longer grows: its parts come to it one after the other.
func (s *script) poll(name string, texts ...string) {
	s.t.Helper()
	for settled := false; !settled; { // as long as the scenario has time
		answer := s.ashore(s.alice, "GET", s.syncURI(s.since, time.Second), "")
		next := answer["next_batch"].(string)
		settled = s.quiet(next) == next
		for _, text := range texts {
			settled = settled && strings.Contains(fmt.Sprint(answer), text)
		}
	}
	s.since = s.do(name, 200, "GET", s.syncURI(s.since, 30*time.Second), "")["next_batch"].(string)
	s.since = s.quiet(s.since)
}

// quiet follows alice's stream until nothing comes any more.
func (s *script) quiet(since string) string {
	s.t.Helper()
	if since == "" {
		since = s.ashore(s.alice, "GET", v3+"/sync?timeout=0", "")["next_batch"].(string)
	}
	for {
		next := s.ashore(s.alice, "GET", s.syncURI(since, rest), "")["next_batch"].(string)
		if next == since {
			return since
		}
		since = next
	}
}

// hears waits until a number is the latest that was said in somebody's rooms: the homeserver
// answers a send before readers see the event.
func (s *script) hears(p person, number int) {
	s.t.Helper()
	latest := v3 + "/sync?timeout=0&filter=" + url.QueryEscape(`{"room":{"timeline":{"limit":1}}}`)
	for !strings.Contains(fmt.Sprint(s.ashore(p, "GET", latest, "")), fmt.Sprintf("[body:%d ", number)) { // as long as the scenario has time
	}
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
	lazy := s.newFilter(s.carol, `{"room":{"state":{"lazy_load_members":true},"timeline":{"limit":20,"unread_thread_notifications":true}}}`)
	full := s.newFilter(s.carol, `{"room":{"timeline":{"limit":20}}}`)
	alice, filter := s.alice, s.filter
	s.alice, s.filter = s.carol, full
	defer func() { s.alice, s.filter = alice, filter }()
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
	since := s.quiet("")
	s.do("initial", 200, "GET", v3+"/sync?filter="+full+"&timeout=0", "")
	s.do("initial-lazy", 200, "GET", v3+"/sync?filter="+lazy+"&timeout=0", "")
	s.do("members", 200, "GET", inRoom(first, "/members?at="+since+"&not_membership=leave"), "")
	s.do("history", 200, "GET", inRoom(first, "/messages?dir=b&limit=20&from="+since), "")
}
