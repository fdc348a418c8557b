package traffic

import (
	"fmt"
	"strings"
)

func (s *session) directory() {
	for _, r := range s.w.rooms {
		if r.alias != "" && s.percent(50) {
			s.do("directory", "GET", s.path("/directory/room/%s", r.alias), nil, 200, obj("room_id", r.id, "servers", append([]string{r.creator.server}, s.w.server.Peers...)))
			return
		}
	}
	s.do("err_notfound", "GET", s.path("/directory/room/%s", "#"+s.letters(6, lower)+":"+s.w.server.Name), nil, 404, obj("errcode", "M_NOT_FOUND", "error", s.phraseFor("Room alias not found", "Room alias not found.", "Room with alias not found.")))
}

func (s *session) publicRooms() {
	chunk := array{}
	for _, r := range s.w.rooms {
		if r.public {
			chunk = append(chunk, obj("room_id", r.id, "name", optional(r.name), "topic", when(s.percent(60), pick(s.source, r.speaker.topics)), "canonical_alias", optional(r.alias), "num_joined_members", len(r.members), "avatar_url", optional(r.avatar), "world_readable", s.percent(30), "guest_can_join", s.percent(40), "join_rule", "public", "room_type", when(r.kind == "space", "m.space")))
		}
	}
	s.do("publicRooms", "POST", s.path("/publicRooms"), obj("limit", 20, "filter", obj("generic_search_term", pick(s.source, []string{"", s.me.speaker.names[0]}))), 200, obj("chunk", chunk, "total_room_count_estimate", len(chunk)))
}

func (s *session) devices() {
	all := array{}
	for _, d := range s.me.devices {
		all = append(all, obj("device_id", d.id, "display_name", optional(d.name), "last_seen_ip", fmt.Sprintf("%d.%d.%d.%d", s.between(11, 200), s.IntN(256), s.IntN(256), s.IntN(256)), "last_seen_ts", s.now-s.span(0, 900000000), "user_id", when(s.w.server.Software == Synapse, s.me.id)))
	}
	s.do("devices", "GET", s.path("/devices"), nil, 200, obj("devices", all))
}

func (s *session) state() {
	r := s.talk()
	s.do("state", "GET", s.path("/rooms/%s/state", r.id), nil, 200, s.events(r.state, inRoom))
}

func (s *session) stateOne() {
	r := s.talk()
	e := pick(s.source, r.state)
	s.do("state_get", "GET", s.path("/rooms/%s/state/%s/%s", r.id, raw(e.kind), e.stateKey), nil, 200, e.content)
}

func (s *session) joinedRooms() {
	all := []string{}
	for _, r := range s.rooms {
		all = append(all, r.id)
	}
	s.do("joined_rooms", "GET", s.path("/joined_rooms"), nil, 200, obj("joined_rooms", all))
}

func (s *session) userDirectory() {
	u := pick(s.source, append(s.remotes, s.locals...))
	s.do("user_dir", "POST", s.path("/user_directory/search"), obj("search_term", u.local[:min(3, len(u.local))], "limit", pick(s.source, []int{10, 20, 50})), 200,
		obj("limited", false, "results", array{obj("user_id", u.id, "display_name", optional(u.display), "avatar_url", optional(u.avatar))}))
}

// roomKeys is the backup of keys.
func (s *session) roomKeys() {
	if !s.client.crypto {
		s.someProfile()
		return
	}
	version := fmt.Sprint(1 + len(s.me.id)%9)
	if s.percent(30) {
		s.do("room_keys", "GET", s.path("/room_keys/version"), nil, 200, obj("auth_data", obj("public_key", s.me.signing, "signatures", obj(s.me.id, obj("ed25519:"+s.dev.id, s.me.sig, "ed25519:"+s.me.master, s.me.selfSig))), "version", version, "algorithm", "m.megolm_backup.v1.curve25519-aes-sha2", "etag", fmt.Sprint(s.between(1, 400)), "count", s.between(1, 4000)))
		return
	}
	r := s.talk()
	sessions := object{}
	for range s.between(1, 3) {
		sessions = sessions.with(s.base64(32), obj("first_message_index", s.IntN(3), "forwarded_count", 0, "is_verified", s.percent(70), "session_data", obj("ephemeral", s.base64(32), "ciphertext", s.base64(s.between(36, 40)*16), "mac", s.base64(8))))
	}
	s.do("room_keys", "PUT", s.path("/room_keys/keys")+"?version="+version, obj("rooms", obj(r.id, obj("sessions", sessions))), 200, obj("etag", fmt.Sprint(s.between(1, 400)), "count", s.between(1, 4000)))
}

func (s *session) context() {
	r := s.talk()
	n := len(r.timeline)
	if n < 6 {
		return
	}
	at := n - 1 - s.IntN(5)
	var before []*event
	for i := at - 1; i >= max(0, at-5); i-- {
		before = append(before, r.timeline[i])
	}
	e := r.timeline[at]
	s.do("context", "GET", s.path("/rooms/%s/context/%s", r.id, e.id)+"?limit=10", nil, 200, obj("events_before", s.events(before, inRoom), "event", s.event(e, inRoom), "events_after", s.events(r.timeline[at+1:], inRoom),
		"state", s.events(r.state[:min(4, len(r.state))], inRoom), "start", s.before(r.timeline[max(0, at-5)]), "end", s.before(r.timeline[n-1])))
}

func (s *session) oneEvent() {
	r := s.talk()
	if len(r.timeline) == 0 {
		return
	}
	e := pick(s.source, r.timeline)
	s.do("event", "GET", s.path("/rooms/%s/event/%s", r.id, e.id), nil, 200, s.event(e, inRoom))
}

func (s *session) relations() {
	r := s.talk()
	root := s.target(r, s.me, false)
	if root == nil {
		return
	}
	var all []*event
	for _, e := range r.timeline {
		if rel, ok := e.content.get("m.relates_to").(object); ok && rel.get("event_id") == root.id {
			all = append(all, e)
		}
	}
	s.do("relations", "GET", s.pathOf("/_matrix/client/v1", "/rooms/%s/relations/%s/m.annotation/m.reaction", r.id, root.id)+"?dir=b&limit=50", nil, 200, obj("chunk", s.events(all, inRoom), "recursion_depth", when(s.percent(20), 1)))
}

func (s *session) threadList() {
	r := s.talk()
	var roots []*event
	for _, e := range r.timeline {
		if e.replies > 0 {
			roots = append(roots, e)
		}
	}
	s.do("threads", "GET", s.pathOf("/_matrix/client/v1", "/rooms/%s/threads", r.id)+"?limit=20&include=all", nil, 200, obj("chunk", s.events(roots, inRoom)))
}

func (s *session) hierarchy() {
	for _, r := range s.rooms {
		if r.kind != "space" {
			continue
		}
		rooms := array{}
		for _, child := range s.w.rooms {
			if r.current("m.space.child", child.id) != nil || child == r {
				kids := array{}
				for _, e := range child.state {
					if e.kind == "m.space.child" {
						kids = append(kids, obj("type", e.kind, "state_key", e.stateKey, "content", e.content, "sender", e.sender.id, "origin_server_ts", e.ts))
					}
				}
				rooms = append(rooms, obj("room_id", child.id, "name", optional(child.name), "canonical_alias", optional(child.alias), "num_joined_members", len(child.members), "avatar_url", optional(child.avatar), "world_readable", false, "guest_can_join", true, "join_rule", "invite", "room_type", when(child.kind == "space", "m.space"), "room_version", child.version, "children_state", kids))
			}
		}
		s.do("hierarchy", "GET", s.pathOf("/_matrix/client/v1", "/rooms/%s/hierarchy", r.id)+"?suggested_only=false&limit=20&max_depth=1", nil, 200, obj("rooms", rooms))
		return
	}
	s.joinedRooms()
}

func (s *session) search() {
	r := s.talk()
	var found *event
	for _, e := range r.timeline {
		if e.kind == "m.room.message" && e.text != "" {
			found = e
		}
	}
	if found == nil {
		return
	}
	word := strings.Fields(found.text + " x")[0]
	s.do("search", "POST", s.path("/search"), obj("search_categories", obj("room_events", obj("search_term", word, "filter", obj("limit", 10, "rooms", []string{r.id}), "order_by", "recent", "event_context", obj("before_limit", 0, "after_limit", 0, "include_profile", true)))), 200,
		obj("search_categories", obj("room_events", obj("results", array{obj("rank", 0.0607927, "result", s.event(found, inRoom), "context", obj("events_before", array{}, "events_after", array{}, "start", s.before(found), "end", s.before(found), "profile_info", obj(found.sender.id, s.profile(found.sender))))}, "count", 1, "highlights", []string{word}))))
}

func (s *session) preview() {
	link := s.me.speaker.link()
	s.do("preview", "GET", s.pathOf("/_matrix/client/v1", "/media/preview_url")+"?url="+escapeJS(link)+fmt.Sprintf("&ts=%d", s.now/60000*60000), nil, 200, obj("og:title", s.me.speaker.phrase(), "og:description", optional(s.me.speaker.phrase()), "og:url", link, "og:image", when(s.percent(50), s.mxc(s.w.server.Name)), "matrix:image:size", when(s.percent(40), s.between(4000, 90000))))
}

func (s *session) mediaConfig() {
	s.do("media_config", "GET", s.pathOf("/_matrix/client/v1", "/media/config"), nil, 200, obj("m.upload.size", pick(s.source, []int{52428800, 104857600, 10485760, 20971520})))
}

func (s *session) pushers() {
	if s.percent(60) {
		s.do("pushers", "POST", s.path("/pushers/set"), obj("pushkey", s.base64url(40), "kind", "http", "app_id", "im.vector.app.android", "app_display_name", "Element", "device_display_name", s.dev.name, "profile_tag", "mobile_"+s.letters(8, decimal), "lang", s.me.speaker.language, "data", obj("url", "https://push."+s.w.server.Name+"/_matrix/push/v1/notify", "format", "event_id_only"), "append", false), 200, obj())
		return
	}
	s.do("pushers", "GET", s.path("/pushers"), nil, 200, obj("pushers", array{}))
}

// delayed restarts or sends a delayed event, as calls do (MSC4140).
func (s *session) delayed() {
	id := "syd_" + s.letters(20, upper+lower)
	prefix := "/_matrix/client/unstable/org.matrix.msc4140"
	switch s.IntN(3) {
	case 0:
		s.do("delayed", "POST", s.pathOf(prefix, "/delayed_events/%s", id), obj("action", pick(s.source, []string{"restart", "send", "cancel"})), 200, obj())
	case 1:
		r := s.talk()
		s.do("delayed", "PUT", s.path("/rooms/%s/state/org.matrix.msc3401.call.member/%s", r.id, "_"+s.me.id+"_"+s.dev.id)+"?org.matrix.msc4140.delay=8000", obj(), 200, obj("delay_id", id))
	default:
		s.do("rtc_transports", "GET", "/_matrix/client/unstable/org.matrix.msc4143/rtc/transports", nil, 200, obj("rtc_transports", array{obj("type", "livekit", "livekit_service_url", "https://livekit-jwt."+s.w.server.Name)}))
	}
}

func (s *session) openID() {
	s.do("openid", "POST", s.path("/user/%s/openid/request_token", s.me.id), obj(), 200, obj("access_token", s.letters(24, upper+lower), "token_type", "Bearer", "matrix_server_name", s.w.server.Name, "expires_in", 3600))
}

// verify is a step of the verification of a device.
func (s *session) verify() {
	if !s.client.crypto {
		return
	}
	u := pick(s.source, s.locals)
	d := u.devices[len(u.devices)-1]
	kind := pick(s.source, []string{"request", "start", "accept", "key", "mac", "done"})
	txn := s.base64url(24)
	content := map[string]object{
		"request": obj("from_device", s.dev.id, "methods", []string{"m.sas.v1", "m.qr_code.show.v1", "m.qr_code.scan.v1", "m.reciprocate.v1"}, "timestamp", s.now, "transaction_id", txn),
		"start":   obj("from_device", s.dev.id, "hashes", []string{"sha256"}, "key_agreement_protocols", []string{"curve25519-hkdf-sha256", "curve25519"}, "message_authentication_codes", []string{"hkdf-hmac-sha256.v2", "hkdf-hmac-sha256"}, "method", "m.sas.v1", "short_authentication_string", []string{"decimal", "emoji"}, "transaction_id", txn),
		"accept":  obj("commitment", s.base64(32), "hash", "sha256", "key_agreement_protocol", "curve25519-hkdf-sha256", "message_authentication_code", "hkdf-hmac-sha256.v2", "short_authentication_string", []string{"decimal", "emoji"}, "transaction_id", txn),
		"key":     obj("key", s.base64(32), "transaction_id", txn),
		"mac":     obj("keys", s.base64(32), "mac", obj("ed25519:"+s.dev.id, s.base64(32)), "transaction_id", txn),
		"done":    obj("transaction_id", txn),
	}[kind]
	s.do("to_device", "PUT", s.path("/sendToDevice/m.key.verification.%s/%s", raw(kind), raw(s.transaction())), obj("messages", obj(u.id, obj(d.id, content))), 200, obj())
}

func (s *session) thirdParty() {
	s.do("thirdparty", "GET", s.path("/thirdparty/protocols"), nil, 200, obj())
}

func (s *session) notifications() {
	r := s.talk()
	if e := s.target(r, s.me, false); e != nil {
		s.do("notifications", "GET", s.path("/notifications")+"?limit=20", nil, 200, obj("notifications", array{obj("room_id", r.id, "profile_tag", raw("null"), "actions", array{"notify", obj("set_tweak", "highlight", "value", false)}, "ts", e.ts, "event", s.event(e, inRoom), "read", s.percent(50))}, "next_token", fmt.Sprint(e.position)))
	}
}
