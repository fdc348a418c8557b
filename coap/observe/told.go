package observe

import (
	"bytes"
	"encoding/json"
	"sync"

	"github.com/coapgw/coapgw/cborcodec"
)

// Told is what an observer was told of things that homeservers say again although they have
// not changed: Dendrite repeats that nobody types, with the unread counts of the room, in
// answer to every poll once a typing notification has expired. The zero value knows nothing,
// and takes nothing for a repetition. Its methods may be called from any goroutine.
type Told struct {
	mu    sync.Mutex
	facts Facts
}

// Facts are what an answer to /sync says of such things, by room and kind.
type Facts map[fact]string

type fact struct{ room, kind string }

// maxFacts bounds what is remembered: what was forgotten is told again.
const maxFacts = 4096

// Repeats reports whether an answer to /sync says nothing that the observer was not told
// already, and what it says. Besides it may repeat what every answer does (countKeys), which
// is compared elsewhere.
func (t *Told) Repeats(body []byte) (said Facts, repeats bool) {
	members, err := cborcodec.JSONMembers(body)
	if err != nil {
		return nil, false
	}
	delete(members, "next_batch")
	for _, name := range countKeys() {
		delete(members, name)
	}
	r := reading{said: make(Facts), nothingElse: true}
	for name, value := range members {
		switch {
		case hollow(value):
		case name == "rooms":
			r.rooms(value)
		default:
			r.nothingElse = false
		}
	}
	if !r.nothingElse {
		return r.said, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for f, value := range r.said {
		if known, ok := t.facts[f]; !ok || known != value {
			return r.said, false
		}
	}
	return r.said, true
}

// Learn notes that the observer was told something.
func (t *Told) Learn(said Facts) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.facts == nil || len(t.facts)+len(said) > maxFacts {
		t.facts = make(Facts)
	}
	for f, value := range said {
		if len(t.facts) < maxFacts {
			t.facts[f] = value
		}
	}
}

// reading is an answer that is being read.
type reading struct {
	said Facts
	// nothingElse: it says nothing but what is in said.
	nothingElse bool
}

// object reads an object; what is none is something else.
func (r *reading) object(value []byte) map[string][]byte {
	members, err := cborcodec.JSONMembers(value)
	if err != nil {
		r.nothingElse = false
	}
	return members
}

func (r *reading) rooms(value json.RawMessage) {
	for membership, rooms := range r.object(value) {
		switch {
		case hollow(rooms):
		case membership != "join":
			r.nothingElse = false
		default:
			for id, room := range r.object(rooms) {
				r.room(id, room)
			}
		}
	}
}

// room reads one that the user is in (CS API, "Joined Room").
func (r *reading) room(id string, value json.RawMessage) {
	for name, value := range r.object(value) {
		switch {
		case name == "unread_notifications" || name == "unread_thread_notifications":
			r.say(fact{id, name}, value)
		case hollow(value):
		case name == "ephemeral":
			r.events(value, func(event json.RawMessage) bool { return r.typing(id, event) })
		case name == "timeline":
			r.timeline(value)
		default:
			r.nothingElse = false
		}
	}
}

// timeline reads one that may be empty, with the token of what lies before it.
func (r *reading) timeline(value json.RawMessage) {
	for name, value := range r.object(value) {
		if name != "prev_batch" && string(value) != "false" && !hollow(value) {
			r.nothingElse = false
		}
	}
}

// events reads a list of them, each of which must be understood.
func (r *reading) events(value json.RawMessage, understood func(event json.RawMessage) bool) {
	for name, value := range r.object(value) {
		var events []json.RawMessage
		if name != "events" || json.Unmarshal(value, &events) != nil {
			r.nothingElse = r.nothingElse && hollow(value)
			continue
		}
		for _, event := range events {
			r.nothingElse = understood(event) && r.nothingElse
		}
	}
}

// typing notes who types in a room (CS API, "Typing Notifications"); it reports whether the
// event says just that.
func (r *reading) typing(room string, event json.RawMessage) bool {
	var e struct {
		Type    string
		Content json.RawMessage
	}
	if json.Unmarshal(event, &e) != nil || e.Type != "m.typing" || len(e.Content) == 0 {
		return false
	}
	r.say(fact{room, e.Type}, e.Content)
	return true
}

// say notes a fact. What is said twice in one answer is no repetition.
func (r *reading) say(f fact, value json.RawMessage) {
	var text bytes.Buffer
	if _, twice := r.said[f]; twice || json.Compact(&text, value) != nil {
		r.nothingElse = false
		return
	}
	r.said[f] = text.String()
}
