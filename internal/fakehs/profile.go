package fakehs

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

func getProfile(s *Server, q *request) (any, error) {
	u := s.users[q.args[0]]
	if u == nil {
		return nil, notFound("no such user")
	}
	if len(q.args) == 1 {
		return maps.Clone(u.profile), nil
	}
	value, ok := u.profile[q.args[1]]
	if !ok {
		return nil, notFound("no such profile field")
	}
	return object{q.args[1]: value}, nil
}

// putProfile changes one field and tells every room of the user (CS API, "Events on Change of Profile Information").
func putProfile(s *Server, q *request) (any, error) {
	if err := q.self(q.args[0]); err != nil {
		return nil, err
	}
	field, in := q.args[1], map[string]json.RawMessage{}
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	value, ok := in[field]
	if !ok {
		return nil, badJSON("the field is missing")
	}
	if (field == "displayname" || field == "avatar_url") && value[0] != '"' && string(value) != "null" {
		return nil, badJSON("the field must be a string")
	}
	if q.user.profile[field] = value; string(value) == "null" || string(value) == `""` {
		delete(q.user.profile, field)
	}
	for _, r := range s.roomsOf(q.user, "join") {
		s.append(r, event{typ: typeMember, sender: q.user.id, stateKey: &q.user.id, content: memberContent(q.user, "join", nil)})
	}
	return object{}, nil
}

// presence is what others see of a user's presence.
type presence struct {
	state   string
	message string
	active  int64 // milliseconds
	pos     int64
}

func (s *Server) setPresence(u *user, state, message string) {
	u.presence.active = s.millis()
	if u.presence.state != state || u.presence.message != message {
		u.presence = presence{state, message, s.millis(), s.update()}
	}
}

func (p presence) content(now int64) object {
	c := object{"presence": cmp.Or(p.state, "offline"), "currently_active": p.state == "online"}
	if p.active != 0 {
		c["last_active_ago"] = max(now-p.active, 0)
	}
	if p.message != "" {
		c["status_msg"] = p.message
	}
	return c
}

func getPresence(s *Server, q *request) (any, error) {
	u := s.users[q.args[0]]
	if u == nil {
		return nil, notFound("no such user")
	}
	return u.presence.content(s.millis()), nil
}

func putPresence(s *Server, q *request) (any, error) {
	if err := q.self(q.args[0]); err != nil {
		return nil, err
	}
	in := struct {
		Presence string `json:"presence"`
		Message  string `json:"status_msg"`
	}{}
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	if !validPresence(in.Presence) {
		return nil, invalid("unknown presence")
	}
	s.setPresence(q.user, in.Presence, in.Message)
	return object{}, nil
}

func validPresence(state string) bool {
	return state == "online" || state == "offline" || state == "unavailable"
}

func searchUsers(s *Server, q *request) (any, error) {
	in := struct {
		Term  string `json:"search_term"`
		Limit int    `json:"limit"`
	}{Limit: 10}
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	term := strings.ToLower(in.Term)
	results, limited := []object{}, false
	for _, id := range slices.Sorted(maps.Keys(s.users)) {
		u := s.users[id]
		if u == q.user || !strings.Contains(strings.ToLower(id+" "+string(u.profile["displayname"])), term) {
			continue
		}
		if len(results) >= in.Limit {
			limited = true
			break
		}
		found := object{"user_id": id}
		for from, to := range map[string]string{"displayname": "display_name", "avatar_url": "avatar_url"} {
			if v, ok := u.profile[from]; ok {
				found[to] = v
			}
		}
		results = append(results, found)
	}
	return object{"results": results, "limited": limited}, nil
}
