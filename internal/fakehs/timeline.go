package fakehs

import (
	"encoding/json"
	"slices"
)

// messages pages through a room (CS API, "Syncing", GET messages). A page token is a gap between events: going backwards
// starts with the event before it, going forwards with the one after it.
func messages(s *Server, q *request) (any, error) {
	r, until, err := s.readableRoom(q)
	if err != nil {
		return nil, err
	}
	f, err := parseEventFilter(q.query.Get("filter"))
	if err != nil {
		return nil, err
	}
	back := q.query.Get("dir") != "f"
	from, to := int64(0), int64(0)
	if back {
		from = min(s.now.events, until)
	} else {
		to = until
	}
	for name, target := range map[string]*int64{"from": &from, "to": &to} {
		if token := q.query.Get(name); token != "" {
			if *target, err = parsePage(token); err != nil {
				return nil, err
			}
		}
	}
	limit := q.limit(f.limitOr(10))
	page, end, more := r.page(min(from, until), min(to, until), back, limit, f)
	members := []*event{}
	if f.Lazy {
		members = r.senders(page, until)
	}
	answer := object{"start": pageToken(from), "chunk": s.views(page, q.device, r.id), "state": s.views(members, q.device, r.id)}
	if more {
		answer["end"] = pageToken(end)
	}
	return answer, nil
}

// page collects up to limit events that pass f, walking from one gap to another. end is the gap where the walk stopped; more
// says whether events may follow.
func (r *room) page(from, to int64, back bool, limit int, f eventFilter) (page []*event, end int64, more bool) {
	var window []*event
	if back {
		window = slices.Clone(r.between(to, from))
		slices.Reverse(window)
	} else {
		window = r.between(from, to)
	}
	end = from
	for i, e := range window {
		if f.passes(e.typ, e.sender) {
			page = append(page, e)
		}
		if end = e.pos; back {
			end--
		}
		if len(page) == limit {
			return page, end, i+1 < len(window)
		}
	}
	return page, end, false
}

// between returns the events after one gap and before another.
func (r *room) between(after, upTo int64) []*event {
	window := r.after(after)
	return window[:max(len(window)-len(r.after(upTo)), 0)]
}

func eventContext(s *Server, q *request) (any, error) {
	r, e, err := s.readableEvent(q)
	if err != nil {
		return nil, err
	}
	until, _ := r.readable(q.user.id)
	half := max(q.limit(10)/2, 1)
	before, start, _ := r.page(e.pos-1, 0, true, half, eventFilter{})
	later, end, _ := r.page(e.pos, until, false, half, eventFilter{})
	return object{
		"start": pageToken(start), "end": pageToken(end), "event": s.view(e, q.device, r.id), "events_before": s.views(before, q.device, r.id),
		"events_after": s.views(later, q.device, r.id), "state": s.views(r.stateAt(end), q.device, r.id),
	}, nil
}

// relations lists the events that point at another one, newest first, in a single page.
func relations(s *Server, q *request) (any, error) {
	r, target, err := s.readableEvent(q)
	if err != nil {
		return nil, err
	}
	until, _ := r.readable(q.user.id)
	found := []*event{}
	for _, e := range r.between(target.pos, until) {
		var c struct {
			Relation struct {
				Type  string `json:"rel_type"`
				Event string `json:"event_id"`
			} `json:"m.relates_to"`
		}
		_ = json.Unmarshal(e.content, &c) // clients may relate in ways we do not know
		if c.Relation.Event != target.id || len(q.args) > 2 && c.Relation.Type != q.args[2] || len(q.args) > 3 && e.typ != q.args[3] {
			continue
		}
		found = append(found, e)
	}
	if q.query.Get("dir") != "f" {
		slices.Reverse(found)
	}
	return object{"chunk": s.views(found, q.device, r.id)}, nil
}
