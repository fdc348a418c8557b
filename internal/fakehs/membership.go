package fakehs

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// memberContent is the content of a member event, with the profile of the user it is about.
func memberContent(u *user, membership string, more object) json.RawMessage {
	c := object{"membership": membership}
	if membership == "join" || membership == "invite" {
		for _, field := range []string{"displayname", "avatar_url"} {
			if v, ok := u.profile[field]; ok {
				c[field] = v
			}
		}
	}
	maps.Copy(c, more)
	return raw(c)
}

// setMember changes a membership if sender may.
func (s *Server) setMember(r *room, sender *user, target, membership string, more object) error {
	u := s.users[target]
	if u == nil {
		return notFound("no such user")
	}
	if err := r.mayChange(sender.id, target, membership); err != nil {
		return err
	}
	s.append(r, event{typ: typeMember, sender: sender.id, stateKey: &u.id, content: memberContent(u, membership, more)})
	return nil
}

// reason reads the optional reason of a change of membership.
func (q *request) reason() (object, error) {
	in := struct {
		Reason string `json:"reason"`
	}{}
	if err := q.decode(&in); err != nil || in.Reason == "" {
		return nil, err
	}
	return object{"reason": in.Reason}, nil
}

func join(s *Server, q *request) (any, error) {
	id := q.args[0]
	if strings.HasPrefix(id, "#") {
		a := s.aliases[id]
		if a == nil {
			return nil, notFound("no room has the alias " + url.PathEscape(id))
		}
		id = a.room
	}
	r := s.rooms[id]
	if r == nil {
		return nil, notFound("no such room")
	}
	more, err := q.reason()
	if err == nil && !r.joined(q.user.id) {
		err = s.setMember(r, q.user, q.user.id, "join", more)
	}
	return object{"room_id": r.id}, err
}

func leave(s *Server, q *request) (any, error) {
	r := s.rooms[q.args[0]]
	if r == nil {
		return nil, notFound("no such room")
	}
	more, err := q.reason()
	if err == nil {
		err = s.setMember(r, q.user, q.user.id, "leave", more)
	}
	return object{}, err
}

// changeOther serves invite, kick, ban and unban, which name the other user in the body.
func changeOther(membership string) handler {
	return func(s *Server, q *request) (any, error) {
		in := struct {
			User string `json:"user_id"`
		}{}
		if err := q.decode(&in); err != nil {
			return nil, err
		}
		more, err := q.reason()
		if err != nil {
			return nil, err
		}
		r, err := s.joinedRoom(q)
		if err != nil {
			return nil, err
		}
		return object{}, s.setMember(r, q.user, in.User, membership, more)
	}
}

func forget(s *Server, q *request) (any, error) {
	r := s.rooms[q.args[0]]
	if r == nil || r.member(q.user.id) == nil {
		return nil, notFound("no such room")
	}
	if m := r.member(q.user.id).membership(); m == "join" || m == "invite" {
		return nil, fail(http.StatusBadRequest, "M_UNKNOWN", "leave the room first")
	}
	r.forgotten[q.user.id] = true
	return object{}, nil
}

func joinedRooms(s *Server, q *request) (any, error) {
	ids := []string{}
	for _, r := range s.roomsOf(q.user, "join") {
		ids = append(ids, r.id)
	}
	return object{"joined_rooms": ids}, nil
}

func members(s *Server, q *request) (any, error) {
	r, until, err := s.readableRoom(q)
	if err != nil {
		return nil, err
	}
	if at := q.query.Get("at"); at != "" {
		then, err := s.parsePosition(at)
		if err != nil {
			return nil, err
		}
		until = min(until, then.events)
	}
	want, not := q.query.Get("membership"), q.query.Get("not_membership")
	chunk := []*event{}
	for _, e := range r.stateAt(until) {
		if m := e.membership(); e.typ == typeMember && (want == "" || m == want) && (not == "" || m != not) {
			chunk = append(chunk, e)
		}
	}
	return object{"chunk": s.views(chunk, q.device, r.id)}, nil
}

func joinedMembers(s *Server, q *request) (any, error) {
	r, err := s.joinedRoom(q)
	if err != nil {
		return nil, err
	}
	joined := object{}
	for id := range slices.Values(r.members("join")) {
		var c struct {
			Name   json.RawMessage `json:"displayname,omitempty"`
			Avatar json.RawMessage `json:"avatar_url,omitempty"`
		}
		_ = json.Unmarshal(r.member(id).content, &c) // always an object
		about := object{}
		if c.Name != nil {
			about["display_name"] = c.Name
		}
		if c.Avatar != nil {
			about["avatar_url"] = c.Avatar
		}
		joined[id] = about
	}
	return object{"joined": joined}, nil
}
