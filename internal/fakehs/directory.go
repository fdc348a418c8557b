package fakehs

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// alias is a name of a room. Only its creator may delete it.
type alias struct{ room, creator string }

func getAlias(s *Server, q *request) (any, error) {
	a := s.aliases[q.args[0]]
	if a == nil {
		return nil, notFound("no such alias")
	}
	return object{"room_id": a.room, "servers": []string{s.cfg.ServerName}}, nil
}

func putAlias(s *Server, q *request) (any, error) {
	in := struct {
		Room string `json:"room_id"`
	}{}
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	name := q.args[0]
	switch r := s.rooms[in.Room]; {
	case !strings.HasPrefix(name, "#") || !strings.HasSuffix(name, ":"+s.cfg.ServerName) || len(name) > 255:
		return nil, invalid("not an alias of this server")
	case s.aliases[name] != nil:
		return nil, fail(http.StatusConflict, "M_UNKNOWN", "that alias is taken")
	case r == nil || !r.joined(q.user.id):
		return nil, forbidden("you are not in that room")
	}
	s.aliases[name] = &alias{in.Room, q.user.id}
	return object{}, nil
}

func deleteAlias(s *Server, q *request) (any, error) {
	a := s.aliases[q.args[0]]
	if a == nil {
		return nil, notFound("no such alias")
	}
	if a.creator != q.user.id {
		return nil, forbidden("that alias belongs to another user")
	}
	delete(s.aliases, q.args[0])
	return object{}, nil
}

func roomAliases(s *Server, q *request) (any, error) {
	r, err := s.joinedRoom(q)
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, name := range slices.Sorted(maps.Keys(s.aliases)) {
		if s.aliases[name].room == r.id {
			names = append(names, name)
		}
	}
	return object{"aliases": names}, nil
}

// publicRooms serves both the plain list and the search.
func publicRooms(s *Server, q *request) (any, error) {
	in := struct {
		Limit  int `json:"limit"`
		Filter struct {
			Term string `json:"generic_search_term"`
		} `json:"filter"`
	}{Limit: q.limit(100)}
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	chunk, total := []object{}, 0
	for _, id := range slices.Sorted(maps.Keys(s.rooms)) {
		r := s.rooms[id]
		names := r.text("m.room.name", "name") + " " + r.text("m.room.topic", "topic") + " " + r.text("m.room.canonical_alias", "alias")
		if !r.listed || !strings.Contains(strings.ToLower(names), strings.ToLower(in.Filter.Term)) {
			continue
		}
		if total++; len(chunk) < in.Limit {
			chunk = append(chunk, r.about())
		}
	}
	return object{"chunk": chunk, "total_room_count_estimate": total}, nil
}

// about describes a room to someone who may not be in it.
func (r *room) about() object {
	about := object{
		"room_id": r.id, "num_joined_members": len(r.members("join")), "world_readable": false, "guest_can_join": false,
		"join_rule": r.text("m.room.join_rules", "join_rule"),
	}
	optional := map[string]string{
		"name":            r.text("m.room.name", "name"),
		"topic":           r.text("m.room.topic", "topic"),
		"avatar_url":      r.text("m.room.avatar", "url"),
		"canonical_alias": r.text("m.room.canonical_alias", "alias"),
		"room_type":       r.text("m.room.create", "type"),
	}
	for field, value := range optional {
		if value != "" {
			about[field] = value
		}
	}
	return about
}

// hierarchy describes one room and the children that it names as a space. Deeper levels take further requests.
func hierarchy(s *Server, q *request) (any, error) {
	r, _, err := s.readableRoom(q)
	if err != nil {
		return nil, err
	}
	top, children := r.about(), []any{}
	rooms := []object{top}
	for _, e := range r.stateAt(s.now.events) {
		if e.typ != "m.space.child" || len(e.content) <= len("{}") {
			continue
		}
		link := strip(e)
		link["origin_server_ts"] = e.ts
		children = append(children, link)
		child := s.rooms[*e.stateKey]
		if child != nil && (child.listed || child.joined(q.user.id)) {
			about := child.about()
			about["children_state"] = []any{}
			rooms = append(rooms, about)
		}
	}
	top["children_state"] = children
	return object{"rooms": rooms}, nil
}
