package traffic

import "fmt"

// moderate is what those do who look after a room.
func (s *session) moderate() {
	r, u := s.talk(), pick(s.source, append(s.remotes, s.locals...))
	switch s.IntN(6) {
	case 0:
		s.do("kick", "POST", s.path("/rooms/%s/kick", r.id), obj("user_id", u.id, "reason", when(s.percent(60), s.me.speaker.phrase())), 200, obj())
	case 1:
		s.do("ban", "POST", s.path("/rooms/%s/ban", r.id), obj("user_id", u.id, "reason", when(s.percent(60), pick(s.source, []string{"spam", "flooding", s.me.speaker.phrase()}))), 200, obj())
	case 2:
		s.do("unban", "POST", s.path("/rooms/%s/unban", r.id), obj("user_id", u.id), 200, obj())
	case 3:
		if e := s.target(r, s.me, false); e != nil {
			s.do("report", "POST", s.path("/rooms/%s/report/%s", r.id, e.id), obj("reason", s.me.speaker.phrase(), "score", when(s.percent(50), -100)), 200, obj())
		}
	case 4:
		s.do("aliases", "GET", s.path("/rooms/%s/aliases", r.id), nil, 200, obj("aliases", append([]string{}, r.alias)))
	default:
		s.do("forget", "POST", s.path("/rooms/%s/forget", "!"+s.letters(18, upper+lower)+":"+s.w.server.Name), obj(), 200, obj())
	}
}

// knock asks to be let into a room.
func (s *session) knock() {
	for _, r := range s.w.rooms {
		if r.has(s.me) || s.client.sliding {
			continue
		}
		s.do("knock", "POST", s.path("/knock/%s", r.id), obj("reason", s.me.speaker.phrase()), 200, obj("room_id", r.id))
		s.pending.knocks = append(s.pending.knocks, r)
		s.sync(30000)
		return
	}
}

// refresh gets a new access token.
func (s *session) refresh() {
	token := func(prefix string) string {
		if s.w.server.Software == Synapse {
			return prefix + s.letters(20, upper+lower) + "_" + s.letters(6, upper+lower+decimal)
		}
		return s.base64url(32)
	}
	s.do("refresh", "POST", s.path("/refresh"), obj("refresh_token", token("syr_")), 200, obj("access_token", token("syt_"), "refresh_token", token("syr_"), "expires_in_ms", pick(s.source, []int{300000, 3600000})))
}

func (s *session) keyChanges() {
	if s.since == "" {
		return
	}
	s.do("keys_changes", "GET", s.path("/keys/changes")+"?from="+s.since+"&to="+s.since, nil, 200, obj("changed", []string{pick(s.source, s.locals).id}, "left", []string{}))
}

// small are requests that hardly any session is without and none has often.
func (s *session) small() {
	u := pick(s.source, append(s.remotes, s.locals...))
	r := s.talk()
	switch s.IntN(8) {
	case 0:
		s.do("presence_get", "GET", s.path("/presence/%s/status", u.id), nil, 200, obj("presence", pick(s.source, []string{"online", "offline", "unavailable"}), "last_active_ago", s.between(10, 900000), "currently_active", when(s.percent(40), true)))
	case 1:
		s.do("tags", "GET", s.path("/user/%s/rooms/%s/tags", s.me.id, r.id), nil, 200, obj("tags", obj("m.favourite", obj("order", 0.25))))
	case 2:
		s.do("tag_delete", "DELETE", s.path("/user/%s/rooms/%s/tags/m.favourite", s.me.id, r.id), nil, 200, obj())
	case 3:
		s.do("device_put", "PUT", s.path("/devices/%s", s.dev.id), obj("display_name", s.me.speaker.phrase()), 200, obj())
	case 4:
		s.do("mutual_rooms", "GET", s.pathOf("/_matrix/client/unstable", "/uk.half-shot.msc2666/user/mutual_rooms")+"?user_id="+escapeJS(u.id), nil, 200, obj("joined", []string{r.id}))
	case 5:
		s.do("timestamp", "GET", s.pathOf("/_matrix/client/v1", "/rooms/%s/timestamp_to_event", r.id)+fmt.Sprintf("?dir=f&ts=%d", s.now-s.span(1000, 900000000)), nil, 200, obj("event_id", s.newEventID(r, u), "origin_server_ts", s.now-s.span(0, 90000)))
	case 6:
		s.do("pushrules_put", "DELETE", s.path("/pushrules/global/room/%s", r.id), nil, 200, obj())
	default:
		s.do("threepids", "GET", s.path("/account/3pid"), nil, 200, obj("threepids", array{obj("medium", "email", "address", s.me.local+"@example.com", "validated_at", s.now-s.span(1000000, 90000000000), "added_at", s.now-s.span(1000000, 90000000000))}))
	}
}
