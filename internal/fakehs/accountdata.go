package fakehs

import (
	"encoding/json"
	"maps"
	"net/http"
)

// datum is one piece of account data, or of a room's.
type datum struct {
	content json.RawMessage
	pos     int64
}

func (s *Server) setData(u *user, room, typ string, content json.RawMessage) {
	if u.data[room] == nil {
		u.data[room] = map[string]datum{}
	}
	u.data[room][typ] = datum{content, s.update()}
}

// dataPath takes the room ("" for global) and the rest out of ".../user/{id}[/rooms/{room}]/..." and checks the user.
func (q *request) dataPath(withRoom bool) (room string, rest []string, err error) {
	if err := q.self(q.args[0]); err != nil {
		return "", nil, err
	}
	if withRoom {
		return q.args[1], q.args[2:], nil
	}
	return "", q.args[1:], nil
}

func getAccountData(_ *Server, q *request) (any, error) {
	room, rest, err := q.dataPath(len(q.args) == 3)
	if err != nil {
		return nil, err
	}
	d, ok := q.user.data[room][rest[0]]
	if !ok {
		return nil, notFound("no such account data")
	}
	return d.content, nil
}

func putAccountData(s *Server, q *request) (any, error) {
	room, rest, err := q.dataPath(len(q.args) == 3)
	if err != nil {
		return nil, err
	}
	if rest[0] == "m.fully_read" || rest[0] == "m.push_rules" {
		return nil, fail(http.StatusMethodNotAllowed, "M_BAD_JSON", "the server manages that type")
	}
	content, err := q.content()
	if err != nil {
		return nil, err
	}
	s.setData(q.user, room, rest[0], content)
	return object{}, nil
}

// tags reads the tags of a room (CS API, "Room Tagging"), which are account data with their own endpoints.
func (u *user) tags(room string) map[string]json.RawMessage {
	var c struct {
		Tags map[string]json.RawMessage `json:"tags"`
	}
	_ = json.Unmarshal(u.data[room]["m.tag"].content, &c) // absent, or whatever the client put there
	if c.Tags == nil {
		c.Tags = map[string]json.RawMessage{}
	}
	return c.Tags
}

func getTags(_ *Server, q *request) (any, error) {
	room, _, err := q.dataPath(true)
	if err != nil {
		return nil, err
	}
	return object{"tags": q.user.tags(room)}, nil
}

func putTag(s *Server, q *request) (any, error) {
	content, err := q.content()
	if err != nil {
		return nil, err
	}
	return changeTags(s, q, func(tags map[string]json.RawMessage, tag string) { tags[tag] = content })
}

func deleteTag(s *Server, q *request) (any, error) {
	return changeTags(s, q, func(tags map[string]json.RawMessage, tag string) { delete(tags, tag) })
}

func changeTags(s *Server, q *request, change func(tags map[string]json.RawMessage, tag string)) (any, error) {
	room, rest, err := q.dataPath(true)
	if err != nil {
		return nil, err
	}
	tags := maps.Clone(q.user.tags(room))
	change(tags, rest[0])
	s.setData(q.user, room, "m.tag", raw(object{"tags": tags}))
	return object{}, nil
}
