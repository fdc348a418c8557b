package fakehs

import (
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// receiptKey names the place of a receipt: each user has one for each kind and thread.
type receiptKey struct{ user, kind, thread string }

type receipt struct {
	event *event
	ts    int64 // milliseconds
	pos   int64
}

const maxTyping = 2 * time.Minute

func putTyping(s *Server, q *request) (any, error) {
	r, err := s.joinedRoom(q)
	if err != nil {
		return nil, err
	}
	if err := q.self(q.args[1]); err != nil {
		return nil, err
	}
	in := struct {
		Typing  bool  `json:"typing"`
		Timeout int64 `json:"timeout"` // milliseconds
	}{Timeout: 30000}
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	_, before := r.typing[q.user.id]
	if delete(r.typing, q.user.id); in.Typing {
		span := time.Duration(min(max(in.Timeout, 0), maxTyping.Milliseconds())) * time.Millisecond
		r.typing[q.user.id] = time.Now().Add(span)
	}
	if before != in.Typing {
		r.typed = s.update()
	}
	return object{}, nil
}

// expireTyping ends typing whose time has passed and returns how long until the next one ends, at most limit.
func (s *Server) expireTyping(rooms []*room, limit time.Duration) time.Duration {
	for _, r := range rooms {
		for id, end := range r.typing {
			left := time.Until(end)
			if left > 0 {
				limit = min(limit, left)
				continue
			}
			delete(r.typing, id)
			r.typed = s.update()
		}
	}
	return limit
}

func (s *Server) setReceipt(r *room, u *user, kind, thread, eventID string) error {
	e := r.byID[eventID]
	if e == nil {
		return notFound("no such event")
	}
	switch kind {
	case "m.fully_read":
		s.setData(u, r.id, kind, raw(object{"event_id": eventID}))
	case "m.read", "m.read.private":
		r.receipts[receiptKey{u.id, kind, thread}] = receipt{e, s.millis(), s.update()}
	default:
		return invalid("unknown kind of receipt")
	}
	return nil
}

func postReceipt(s *Server, q *request) (any, error) {
	r, err := s.joinedRoom(q)
	if err != nil {
		return nil, err
	}
	in := struct {
		Thread string `json:"thread_id"`
	}{}
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	return object{}, s.setReceipt(r, q.user, q.args[1], in.Thread, q.args[2])
}

func readMarkers(s *Server, q *request) (any, error) {
	r, err := s.joinedRoom(q)
	if err != nil {
		return nil, err
	}
	var in map[string]json.RawMessage
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	for _, kind := range []string{"m.fully_read", "m.read", "m.read.private"} {
		var id string
		_ = json.Unmarshal(in[kind], &id) // absent or not a string: no event has that id
		if in[kind] == nil {
			continue
		}
		if err := s.setReceipt(r, q.user, kind, "", id); err != nil {
			return nil, err
		}
	}
	return object{}, nil
}

// typingContent is the content of m.typing.
func (r *room) typingContent() object {
	ids := slices.Sorted(maps.Keys(r.typing))
	return object{"user_ids": append([]string{}, ids...)}
}

// receiptContent is the content of m.receipt with what changed after a position; nil when nothing did. Private receipts are
// for their user alone.
func (r *room) receiptContent(viewer string, after int64) object {
	byEvent := map[string]map[string]map[string]object{}
	for k, v := range r.receipts {
		if v.pos <= after || k.kind == "m.read.private" && k.user != viewer {
			continue
		}
		kinds := byEvent[v.event.id]
		if kinds == nil {
			kinds = map[string]map[string]object{}
			byEvent[v.event.id] = kinds
		}
		if kinds[k.kind] == nil {
			kinds[k.kind] = map[string]object{}
		}
		about := object{"ts": v.ts}
		if k.thread != "" {
			about["thread_id"] = k.thread
		}
		kinds[k.kind][k.user] = about
	}
	if len(byEvent) == 0 {
		return nil
	}
	content := object{}
	for id, kinds := range byEvent {
		content[id] = kinds
	}
	return content
}

// maxUnread is where counting stops: nobody is shown more.
const maxUnread = 100

// unread counts the messages of others after the user's last receipt or message.
func (r *room) unread(userID string) int {
	var read int64
	for _, key := range []receiptKey{{userID, "m.read", ""}, {userID, "m.read.private", ""}, {userID, "m.read", "main"}, {userID, "m.read.private", "main"}} {
		if v, ok := r.receipts[key]; ok {
			read = max(read, v.event.pos)
		}
	}
	n := 0
	for _, e := range slices.Backward(r.after(read)) {
		if e.sender == userID && e.stateKey == nil || n == maxUnread {
			break
		}
		if e.typ == "m.room.message" || e.typ == "m.room.encrypted" {
			n++
		}
	}
	return n
}
