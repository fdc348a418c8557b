package stream

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Get asks the homeserver with the access token of the stream: a GET of an escaped path.
// The error says that there was no answer.
type Get func(ctx context.Context, path string, query url.Values) (status int, body []byte, err error)

const api = "/_matrix/client/v3/"

const (
	// batch is how many events of a timeline are asked for at once.
	batch = 32
	// page is that of the past, and maxPages how many pages are looked through: together
	// they make what docs/wire-v1.md says is counted.
	page     = 100
	maxPages = 20
	// pollTimeout is how long the homeserver is asked to hold a poll.
	pollTimeout = 30 * time.Second
	// answerTimeout is how long it may take to answer beyond that: one that has fallen silent
	// is asked again.
	answerTimeout = 2 * time.Minute
)

// whoAmI asks whose token it is.
func (s *Stream) whoAmI(ctx context.Context) error {
	var who struct {
		UserID string `json:"user_id"`
	}
	if err := s.read(ctx, "who the user is", "account/whoami", nil, &who); err != nil {
		return err
	}
	_, server, ok := strings.Cut(who.UserID, ":")
	if !ok || !isName(who.UserID) {
		return unreadable("who the user is")
	}
	s.user, s.server = who.UserID, server
	return nil
}

// findRoom makes an ID of an alias.
func (s *Stream) findRoom(ctx context.Context) error {
	s.room = s.ask.Room
	if s.room[0] == '!' {
		return nil
	}
	if !strings.Contains(s.room, ":") {
		s.room += ":" + s.server
	}
	var found struct {
		RoomID string `json:"room_id"`
	}
	if err := s.read(ctx, "the alias", "directory/room/"+url.PathEscape(s.room), nil, &found); err != nil {
		return err
	}
	if !isName(found.RoomID) {
		return unreadable("the alias")
	}
	s.room = found.RoomID
	return nil
}

// read reads an answer. Its error is an *Error, or that of Get.
func (s *Stream) read(ctx context.Context, what, path string, query url.Values, into any) error {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout+answerTimeout)
	defer cancel()
	status, body, err := s.get(ctx, api+path, query)
	switch {
	case err != nil:
		return err
	case status != statusOK:
		return answered(what, status)
	case json.Unmarshal(body, into) != nil:
		return unreadable(what)
	}
	return nil
}

// member fails with notInRoom if the user is not in the room.
func (s *Stream) member(ctx context.Context) error {
	var is struct {
		Membership string `json:"membership"`
	}
	err := s.read(ctx, "whether the user is in the room",
		"rooms/"+url.PathEscape(s.room)+"/state/m.room.member/"+url.PathEscape(s.user), nil, &is)
	var refusal *Error
	switch {
	case errors.As(err, &refusal) && (refusal.Status == statusForbidden || refusal.Status == statusNotFound):
		return notInRoom()
	case err == nil && is.Membership != "join":
		return notInRoom()
	}
	return err
}

// eventFilter is that part of a filter (CS API, "Filtering").
type eventFilter struct {
	Limit      int      `json:"limit,omitempty"`
	Types      []string `json:"types,omitempty"`
	NotTypes   []string `json:"not_types,omitempty"`
	NotSenders []string `json:"not_senders,omitempty"`
}

// nothing lets no event through.
var nothing = eventFilter{NotTypes: []string{"*"}}

// filter asks for the timeline of the room and for nothing else. Members are in it, for in
// their events some homeservers tell that the user is one no more. What the user has sent
// is left out here and not by the homeserver, for the same reason.
func (s *Stream) filter() string {
	type roomFilter struct {
		Rooms        []string    `json:"rooms"`
		IncludeLeave bool        `json:"include_leave"`
		Timeline     eventFilter `json:"timeline"`
		State        eventFilter `json:"state"`
		Ephemeral    eventFilter `json:"ephemeral"`
		AccountData  eventFilter `json:"account_data"`
	}
	return encode(struct {
		Presence    eventFilter `json:"presence"`
		AccountData eventFilter `json:"account_data"`
		Room        roomFilter  `json:"room"`
	}{nothing, nothing, roomFilter{
		Rooms: []string{s.room}, IncludeLeave: true,
		Timeline: eventFilter{Limit: batch, Types: append([]string{"m.room.member"}, s.ask.Types...)},
		State:    nothing, Ephemeral: nothing, AccountData: nothing,
	}})
}

func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil { // strings and numbers always marshal
		panic(err)
	}
	return string(text)
}

// timeline is what an answer to /sync has of a room.
type timeline struct {
	Timeline struct {
		Events  []json.RawMessage `json:"events"`
		Limited bool              `json:"limited"`
		Prev    string            `json:"prev_batch"`
	} `json:"timeline"`
}

// news is an answer to /sync.
type news struct {
	Next     string `json:"next_batch"`
	ToDevice struct {
		Events []json.RawMessage `json:"events"`
	} `json:"to_device"`
	Rooms struct {
		Join  map[string]timeline `json:"join"`
		Leave map[string]timeline `json:"leave"`
	} `json:"rooms"`
}

// sync asks for what came after since; empty for the newest there is.
func (s *Stream) sync(ctx context.Context, since string, wait time.Duration) (n news, err error) {
	query := url.Values{
		"filter": {s.filter()}, "set_presence": {"offline"},
		"timeout": {strconv.FormatInt(wait.Milliseconds(), 10)},
	}
	if since != "" {
		query.Set("since", since)
	}
	if err = s.read(ctx, "a /sync", "sync", query, &n); err == nil && n.Next == "" {
		err = unreadable("a /sync")
	}
	return n, err
}

// wanted are the events to tell, of those that a homeserver has sent: it may have sent
// others.
func (s *Stream) wanted(texts []json.RawMessage) (events []event) {
	for _, text := range texts {
		if e, ok := readEvent(text); ok && s.ask.wants(&e, s.user) {
			events = append(events, e)
		}
	}
	return events
}

// past is what lies before a place in a room, the newest last.
type past struct {
	// kept are the newest of them, maxQueue at most.
	kept []event
	// skipped are those before, counted, of which the newest has that ID.
	skipped int
	newest  string
	// whole: it goes back to what was looked for, or to the beginning of the room.
	whole bool
	// found is the event that was looked for.
	found bool
}

// add adds the events before those that are there, the newest first. It reports whether
// the one that is looked for is among them, which is not added, nor those before it.
func (p *past) add(events []event, looked func(*event) bool) bool {
	for i := range events {
		e := &events[i]
		if looked(e) {
			p.found, p.whole = true, true
			return true
		}
		if len(p.kept) < maxQueue {
			p.kept = append(p.kept, *e) // turned round at the end
			continue
		}
		if p.skipped++; p.newest == "" {
			p.newest = e.ID
		}
	}
	return false
}

// look goes back in a room, from what an answer to /sync has of it, to the event that is
// looked for. Before a timeline that is not limited there is nothing.
func (s *Stream) look(ctx context.Context, t timeline, looked func(*event) bool) (past, error) {
	var p past
	there := s.wanted(t.Timeline.Events)
	slices.Reverse(there)
	done := p.add(there, looked)
	from := t.Timeline.Prev
	if !done && (!t.Timeline.Limited || from == "") {
		p.whole, done = !t.Timeline.Limited, true
	}
	filter := eventFilter{Types: s.ask.Types}
	if s.ask.Others {
		filter.NotSenders = []string{s.user}
	}
	for range maxPages {
		if done {
			break
		}
		var got struct {
			Chunk []json.RawMessage `json:"chunk"`
			End   string            `json:"end"`
		}
		err := s.read(ctx, "the past of the room", "rooms/"+url.PathEscape(s.room)+"/messages", url.Values{
			"dir": {"b"}, "from": {from}, "limit": {strconv.Itoa(page)}, "filter": {encode(filter)},
		}, &got)
		if err != nil {
			return p, err
		}
		done = p.add(s.wanted(got.Chunk), looked)
		// A homeserver that gives the same place again has come to the beginning.
		if !done && (got.End == "" || got.End == from) {
			p.whole, done = true, true
		}
		from = got.End
	}
	slices.Reverse(p.kept)
	return p, nil
}
