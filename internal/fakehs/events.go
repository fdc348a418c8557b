package fakehs

import (
	"encoding/json"
	"maps"
	"slices"
)

// maxEvent is the size limit of an event in bytes (CS API, "Size limits").
const maxEvent = 65536

// once runs do for a new transaction id and repeats its answer for a known one. Transactions belong to a device and a path
// (CS API, "Transaction identifiers").
func once(q *request, do func() (any, error)) (any, error) {
	path := q.URL.EscapedPath()
	if answer, ok := q.device.txns[path]; ok {
		return answer, nil
	}
	answer, err := do()
	if err == nil {
		q.device.txns[path] = answer
	}
	return answer, err
}

func (q *request) eventContent() (json.RawMessage, error) {
	c, err := q.content()
	if err == nil && len(c) > maxEvent {
		return nil, tooLarge("an event has at most %d bytes", maxEvent)
	}
	return c, err
}

func send(s *Server, q *request) (any, error) {
	return once(q, func() (any, error) {
		r, err := s.joinedRoom(q)
		if err != nil {
			return nil, err
		}
		content, err := q.eventContent()
		if err != nil {
			return nil, err
		}
		if err := r.maySend(q.user.id, q.args[1], nil); err != nil {
			return nil, err
		}
		e := s.append(r, event{typ: q.args[1], sender: q.user.id, content: content, device: q.device, txn: q.args[2]})
		return object{"event_id": e.id}, nil
	})
}

func redact(s *Server, q *request) (any, error) {
	return once(q, func() (any, error) {
		r, err := s.joinedRoom(q)
		if err != nil {
			return nil, err
		}
		target := r.byID[q.args[1]]
		if target == nil {
			return nil, notFound("no such event")
		}
		in := struct {
			Reason  string `json:"reason,omitempty"`
			Redacts string `json:"redacts"`
		}{}
		if err := q.decode(&in); err != nil {
			return nil, err
		}
		in.Redacts = target.id
		p := r.power()
		if err := r.maySend(q.user.id, "m.room.redaction", nil); err != nil {
			return nil, err
		}
		if target.sender != q.user.id && p.of(q.user.id) < p.Redact {
			return nil, forbidden("your power level is too low")
		}
		// Room version 11 has redacts in the content; clients of older versions look for it outside, so it is in both.
		e := s.append(r, event{
			typ: "m.room.redaction", sender: q.user.id, content: raw(in), redacts: target.id, device: q.device, txn: q.args[2],
		})
		target.redact(e)
		return object{"event_id": e.id}, nil
	})
}

// redact strips an event down to what the room needs (room version 11, "Redactions").
func (e *event) redact(by *event) {
	if e.redactedBy = by; e.typ == "m.room.create" {
		return
	}
	keep := map[string][]string{
		typeMember:                  {"membership", "join_authorised_via_users_server"},
		"m.room.join_rules":         {"join_rule", "allow"},
		typePower:                   {"ban", "events", "events_default", "invite", "kick", "redact", "state_default", "users", "users_default"},
		"m.room.history_visibility": {"history_visibility"},
		"m.room.redaction":          {"redacts"},
	}[e.typ]
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(e.content, &fields) // always an object
	maps.DeleteFunc(fields, func(k string, _ json.RawMessage) bool { return !slices.Contains(keep, k) })
	e.content = raw(fields)
}

// stateKey is the third path parameter; its absence means the empty key.
func (q *request) stateKey() string {
	if len(q.args) < 3 {
		return ""
	}
	return q.args[2]
}

func putState(s *Server, q *request) (any, error) {
	r := s.rooms[q.args[0]]
	if r == nil {
		return nil, forbidden("you are not in that room")
	}
	content, err := q.eventContent()
	if err != nil {
		return nil, err
	}
	typ, key := q.args[1], q.stateKey()
	if typ == typeMember {
		if s.users[key] == nil {
			return nil, notFound("no such user")
		}
		e := &event{content: content}
		if err := r.mayChange(q.user.id, key, e.membership()); err != nil {
			return nil, err
		}
	} else if err := r.maySend(q.user.id, typ, &key); err != nil {
		return nil, err
	}
	if typ == typePower {
		if _, err := parsePower(content); err != nil {
			return nil, err
		}
	}
	e := s.append(r, event{typ: typ, sender: q.user.id, stateKey: &key, content: content, device: q.device})
	return object{"event_id": e.id}, nil
}

func getState(s *Server, q *request) (any, error) {
	r, until, err := s.readableRoom(q)
	if err != nil {
		return nil, err
	}
	return s.views(r.stateAt(until), q.device, r.id), nil
}

func getStateEvent(s *Server, q *request) (any, error) {
	r, until, err := s.readableRoom(q)
	if err != nil {
		return nil, err
	}
	e := r.state[stateID{q.args[1], q.stateKey()}]
	for e != nil && e.pos > until {
		e = e.prev
	}
	if e == nil {
		return nil, notFound("no such state")
	}
	if q.query.Get("format") == "event" {
		return s.view(e, q.device, r.id), nil
	}
	return e.content, nil
}

// stateAt is the state as it was just after a position.
func (r *room) stateAt(pos int64) []*event {
	var out []*event
	for _, e := range r.state {
		for e != nil && e.pos > pos {
			e = e.prev
		}
		if e != nil {
			out = append(out, e)
		}
	}
	return inOrder(slices.Values(out))
}

func getEvent(s *Server, q *request) (any, error) {
	r, e, err := s.readableEvent(q)
	if err != nil {
		return nil, err
	}
	return s.view(e, q.device, r.id), nil
}

// readableEvent finds the event that the second path parameter names.
func (s *Server) readableEvent(q *request) (*room, *event, error) {
	r, until, err := s.readableRoom(q)
	if err != nil {
		return nil, nil, err
	}
	if e := r.byID[q.args[1]]; e != nil && e.pos <= until {
		return r, e, nil
	}
	return nil, nil, notFound("no such event")
}
