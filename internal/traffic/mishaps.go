package traffic

import "fmt"

// mishaps are requests that the homeserver refuses.
var mishaps = []choice[func(*session)]{
	{4, (*session).limited}, {4, (*session).forbidden}, {4, (*session).missing}, {1, (*session).unknownToken}, {1, (*session).unrecognized}, {1, (*session).tooLarge}, {1, (*session).badJSON}, {1, (*session).inUse}, {1, (*session).gateway},
}

func refusal(code, text string) object { return obj("errcode", code, "error", text) }

func (s *session) limited() {
	r := s.talk()
	d := s.compose(r, s.me, actText)
	s.do("err_limit", "PUT", s.path("/rooms/%s/send/%s/%s", r.id, raw(d.kind), raw(s.transaction())), d.content, 429, refusal("M_LIMIT_EXCEEDED", "Too Many Requests").with("retry_after_ms", s.between(100, 9000)))
}

func (s *session) forbidden() {
	r := s.talk()
	text := s.phraseFor(fmt.Sprintf("User %s not in room %s", s.me.id, r.id), "You are not invited to this room.", "You are not allowed to do that.")
	if s.percent(50) {
		text = s.phraseFor("You don't have permission to add this event. requires power level 50", fmt.Sprintf("userID: %s has insufficient power level", s.me.id), "Event is not authorized.")
	}
	s.do("err_forbidden", "PUT", s.path("/rooms/%s/state/m.room.name/", r.id), obj("name", pick(s.source, s.me.speaker.rooms)), 403, refusal("M_FORBIDDEN", text))
}

func (s *session) missing() {
	r := s.talk()
	switch s.IntN(4) {
	case 0:
		s.do("err_notfound", "GET", s.path("/rooms/%s/event/%s", r.id, s.newEventID(r, s.me)), nil, 404, refusal("M_NOT_FOUND", s.phraseFor("Event not found.", "The event was not found or you do not have permission to read this event", "Event not found.")))
	case 1:
		s.do("err_notfound", "GET", s.path("/profile/%s", "@"+s.letters(6, lower)+":"+s.w.server.Name), nil, 404, refusal("M_NOT_FOUND", s.phraseFor("Profile was not found", "The user does not exist or does not have a profile", "Profile was not found.")))
	case 2:
		s.do("err_notfound", "GET", s.path("/rooms/%s/state/m.room.topic/", r.id), nil, 404, refusal("M_NOT_FOUND", s.phraseFor("Event not found.", "cannot find state", "State event not found.")))
	default:
		s.do("err_notfound", "GET", "/.well-known/matrix/client", nil, 404, refusal("M_UNRECOGNIZED", "Unrecognized request"))
	}
}

func (s *session) unknownToken() {
	s.do("err_token", "GET", s.path("/account/whoami"), nil, 401, obj("errcode", "M_UNKNOWN_TOKEN", "error", s.phraseFor("Access token has expired", "Unknown token", "Unknown access token."), "soft_logout", when(s.w.server.Software != Dendrite, s.percent(50))))
}

func (s *session) unrecognized() {
	s.do("err_unrecognized", "GET", "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device", nil, 404, refusal("M_UNRECOGNIZED", s.phraseFor("Unrecognized request", "Unrecognized request", "M_UNRECOGNIZED: Unrecognized request")))
}

func (s *session) tooLarge() {
	r := s.talk()
	s.do("err_large", "PUT", s.path("/rooms/%s/send/m.room.message/%s", r.id, raw(s.transaction())), obj("msgtype", "m.text", "body", s.me.speaker.say()), 413, refusal("M_TOO_LARGE", "event too large"))
}

func (s *session) badJSON() {
	s.do("err_bad", "POST", s.path("/createRoom"), obj("preset", "private", "name", s.between(1, 9)), 400, refusal("M_BAD_JSON", "'name' must be a string"))
}

func (s *session) inUse() {
	s.do("err_inuse", "POST", s.path("/createRoom"), obj("preset", "public_chat", "room_alias_name", plainOr(s.me.speaker.names[0], "general")), 400, refusal("M_ROOM_IN_USE", "Room alias already taken"))
}

func (s *session) gateway() {
	s.do("err_unavailable", "POST", s.path("/join/%s", "#"+s.letters(7, lower)+":"+pick(s.source, append(s.w.server.Peers, s.w.server.Name))), obj(), 502, refusal("M_UNKNOWN", "Can't join remote room because no servers that are in the room have been provided."))
}
