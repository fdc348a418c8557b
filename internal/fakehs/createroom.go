package fakehs

import (
	"encoding/json"
	"maps"
	"net/http"
	"time"
)

type createRequest struct {
	Preset        string                     `json:"preset"`
	Visibility    string                     `json:"visibility"`
	Alias         string                     `json:"room_alias_name"`
	Name          string                     `json:"name"`
	Topic         string                     `json:"topic"`
	Invite        []string                   `json:"invite"`
	Direct        bool                       `json:"is_direct"`
	Version       string                     `json:"room_version"`
	Creation      map[string]json.RawMessage `json:"creation_content"`
	PowerOverride map[string]json.RawMessage `json:"power_level_content_override"`
	InitialState  []initialState             `json:"initial_state"`
}

type initialState struct {
	Type    string          `json:"type"`
	Key     string          `json:"state_key"`
	Content json.RawMessage `json:"content"`
}

// createRoom sends the events of a new room in the order that the specification gives (CS API, "Creation").
func createRoom(s *Server, q *request) (any, error) {
	var in createRequest
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	if in.Preset == "" {
		if in.Preset = "private_chat"; in.Visibility == "public" {
			in.Preset = "public_chat"
		}
	}
	if err := s.checkCreate(in); err != nil {
		return nil, err
	}
	power := in.power(q.user.id)
	if _, err := parsePower(power); err != nil {
		return nil, err
	}
	r := &room{
		id: s.ids.room(s.cfg.ServerName), byID: map[string]*event{}, state: map[stateID]*event{}, listed: in.Visibility == "public",
		typing: map[string]time.Time{}, receipts: map[receiptKey]receipt{}, forgotten: map[string]bool{},
	}
	s.rooms[r.id] = r
	put := func(typ, key string, content any) {
		s.append(r, event{typ: typ, sender: q.user.id, stateKey: &key, content: raw(content)})
	}
	creation := object{"room_version": roomVersion}
	for k, v := range in.Creation {
		if k != "room_version" {
			creation[k] = v
		}
	}
	put("m.room.create", "", creation)
	put(typeMember, q.user.id, memberContent(q.user, "join", nil))
	put(typePower, "", power)
	answer := object{"room_id": r.id}
	if in.Alias != "" {
		full := "#" + in.Alias + ":" + s.cfg.ServerName
		s.aliases[full] = &alias{r.id, q.user.id}
		put("m.room.canonical_alias", "", object{"alias": full})
		answer["room_alias"] = full
	}
	rule, guests := "invite", "can_join"
	if in.Preset == "public_chat" {
		rule, guests = "public", "forbidden"
	}
	put("m.room.join_rules", "", object{"join_rule": rule})
	put("m.room.history_visibility", "", object{"history_visibility": "shared"})
	put("m.room.guest_access", "", object{"guest_access": guests})
	for _, e := range in.InitialState {
		put(e.Type, e.Key, e.Content)
	}
	if in.Name != "" {
		put("m.room.name", "", object{"name": in.Name})
	}
	if in.Topic != "" {
		put("m.room.topic", "", object{"topic": in.Topic})
	}
	var direct object
	if in.Direct {
		direct = object{"is_direct": true}
	}
	for _, id := range in.Invite {
		if err := s.setMember(r, q.user, id, "invite", direct); err != nil {
			return nil, err
		}
	}
	return answer, nil
}

func (s *Server) checkCreate(in createRequest) error {
	switch in.Preset {
	case "private_chat", "public_chat", "trusted_private_chat":
	default:
		return invalid("unknown preset")
	}
	if in.Version != "" && in.Version != roomVersion {
		return fail(http.StatusBadRequest, "M_UNSUPPORTED_ROOM_VERSION", "rooms have version %s here", roomVersion)
	}
	if in.Alias != "" && s.aliases["#"+in.Alias+":"+s.cfg.ServerName] != nil {
		return fail(http.StatusBadRequest, "M_ROOM_IN_USE", "that alias is taken")
	}
	for _, id := range in.Invite {
		if s.users[id] == nil {
			return notFound("an invited user does not exist")
		}
	}
	for _, e := range in.InitialState {
		var fields map[string]json.RawMessage
		if e.Type == "m.room.create" || e.Type == typeMember || e.Type == typePower || json.Unmarshal(e.Content, &fields) != nil {
			return badJSON("initial_state cannot hold that event")
		}
	}
	return nil
}

func (in createRequest) power(creator string) json.RawMessage {
	users := map[string]int{creator: 100}
	if in.Preset == "trusted_private_chat" {
		for _, id := range in.Invite {
			users[id] = 100
		}
	}
	c := object{
		"users": users, "users_default": 0, "events_default": 0, "state_default": 50, "invite": 0, "kick": 50, "ban": 50, "redact": 50,
		"events": map[string]int{
			"m.room.avatar": 50, "m.room.canonical_alias": 50, "m.room.encryption": 100, "m.room.history_visibility": 100, "m.room.name": 50,
			"m.room.power_levels": 100, "m.room.server_acl": 100, "m.room.tombstone": 100,
		},
	}
	override := object{}
	for k, v := range in.PowerOverride {
		override[k] = v
	}
	maps.Copy(c, override)
	return raw(c)
}
