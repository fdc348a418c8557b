package fakehs

import (
	"encoding/json"
	"maps"
	"slices"
	"sort"
	"time"
)

const (
	roomVersion = "11"
	typeMember  = "m.room.member"
	typePower   = "m.room.power_levels"
)

// room is a conversation. Its events are ordered; its state is the last event for each type and key.
type room struct {
	id        string
	events    []*event
	byID      map[string]*event
	state     map[stateID]*event
	typing    map[string]time.Time // when each typing user stops
	typed     int64                // position of the last change of typing
	receipts  map[receiptKey]receipt
	listed    bool // in the public directory
	forgotten map[string]bool
}

type stateID struct{ typ, key string }

// event is a room event. Only redaction changes one.
type event struct {
	id, typ, sender string
	pos             int64
	ts              int64 // milliseconds
	stateKey        *string
	content         json.RawMessage
	redacts         string
	redactedBy      *event
	prev            *event // the state that this event replaced
	device          *device
	txn             string // transaction id, shown only to device
}

// eventView is an event as clients see it.
type eventView struct {
	Content  json.RawMessage `json:"content"`
	ID       string          `json:"event_id"`
	Time     int64           `json:"origin_server_ts"`
	Redacts  string          `json:"redacts,omitempty"`
	Room     string          `json:"room_id,omitempty"`
	Sender   string          `json:"sender"`
	StateKey *string         `json:"state_key,omitempty"`
	Type     string          `json:"type"`
	Unsigned object          `json:"unsigned,omitempty"`
}

// view renders an event for a device. room is empty inside a sync answer, which names the room elsewhere.
func (s *Server) view(e *event, d *device, room string) eventView {
	unsigned := object{"age": max(s.millis()-e.ts, 0)}
	if e.txn != "" && e.device == d {
		unsigned["transaction_id"] = e.txn
	}
	if e.prev != nil {
		unsigned["prev_content"], unsigned["replaces_state"] = e.prev.content, e.prev.id
	}
	if e.redactedBy != nil {
		unsigned["redacted_because"] = s.view(e.redactedBy, d, room)
	}
	return eventView{e.content, e.id, e.ts, e.redacts, room, e.sender, e.stateKey, e.typ, unsigned}
}

func (s *Server) views(events []*event, d *device, room string) []eventView {
	out := make([]eventView, len(events))
	for i, e := range events {
		out[i] = s.view(e, d, room)
	}
	return out
}

// append adds an event that was already allowed.
func (s *Server) append(r *room, e event) *event {
	s.now.events++
	e.pos, e.id, e.ts = s.now.events, s.ids.event(), s.millis()
	added := &e
	if e.stateKey != nil {
		id := stateID{e.typ, *e.stateKey}
		added.prev = r.state[id]
		r.state[id] = added
		if e.typ == typeMember {
			delete(r.forgotten, *e.stateKey) // an invitation brings a forgotten room back
		}
	}
	r.events = append(r.events, added)
	r.byID[e.id] = added
	s.wake()
	return added
}

// after returns the events later than a position.
func (r *room) after(pos int64) []*event {
	return r.events[sort.Search(len(r.events), func(i int) bool { return r.events[i].pos > pos }):]
}

// membership reads a member event; nil means "leave".
func (e *event) membership() string {
	if e == nil {
		return "leave"
	}
	var c struct {
		Membership string `json:"membership"`
	}
	_ = json.Unmarshal(e.content, &c) // anything odd gives "", which no rule accepts
	return c.Membership
}

func (r *room) member(userID string) *event { return r.state[stateID{typeMember, userID}] }

func (r *room) joined(userID string) bool { return r.member(userID).membership() == "join" }

// members lists the users with one of the memberships, sorted.
func (r *room) members(memberships ...string) []string {
	var out []string
	for id, e := range r.state {
		if id.typ == typeMember && slices.Contains(memberships, e.membership()) {
			out = append(out, id.key)
		}
	}
	slices.Sort(out)
	return out
}

// text reads a string out of a state event with an empty key.
func (r *room) text(typ, field string) string {
	var fields map[string]json.RawMessage
	var text string
	if e := r.state[stateID{typ, ""}]; e != nil {
		_ = json.Unmarshal(e.content, &fields) // always an object
		_ = json.Unmarshal(fields[field], &text)
	}
	return text
}

// inOrder sorts events by position.
func inOrder(events func(func(*event) bool)) []*event {
	return slices.SortedFunc(events, func(a, b *event) int { return int(a.pos - b.pos) })
}

// readable says up to which position a user may read: everything while joined, and up to the own departure afterwards.
// The whole history before joining is visible, as with the usual history visibility "shared".
func (r *room) readable(userID string) (until int64, ok bool) {
	e := r.member(userID)
	if e.membership() == "join" {
		return 1<<63 - 1, true
	}
	for past := e; past != nil; past = past.prev {
		if past.membership() == "join" {
			return e.pos, true
		}
	}
	return 0, false
}

// roomsOf lists the rooms where the user has that membership, sorted by id.
func (s *Server) roomsOf(u *user, membership string) []*room {
	var out []*room
	for _, id := range slices.Sorted(maps.Keys(s.rooms)) {
		if r := s.rooms[id]; r.member(u.id) != nil && r.member(u.id).membership() == membership {
			out = append(out, r)
		}
	}
	return out
}

// joinedRoom finds a room that the caller is in.
func (s *Server) joinedRoom(q *request) (*room, error) {
	r := s.rooms[q.args[0]]
	if r == nil || !r.joined(q.user.id) {
		return nil, forbidden("you are not in that room")
	}
	return r, nil
}

// readableRoom finds a room that the caller may read, and up to where.
func (s *Server) readableRoom(q *request) (*room, int64, error) {
	if r := s.rooms[q.args[0]]; r != nil {
		if until, ok := r.readable(q.user.id); ok {
			return r, until, nil
		}
	}
	return nil, 0, forbidden("you are not in that room")
}
