package traffic

import "fmt"

// foundRoom gives a room its first state, as the creation of a room and the years since
// leave it.
func (w *world) foundRoom(r *room) {
	s, by := w.source, r.creator
	create := obj("room_version", r.version, "creator", by.id)
	if r.version == "11" || r.version == "12" {
		create = obj("room_version", r.version)
	}
	if r.kind == "space" {
		create = obj("type", "m.space").with(pairs(create)...)
	}
	if s.percent(20) {
		create = create.with("m.federate", true)
	}
	if s.percent(12) {
		create = create.with("predecessor", obj("room_id", "!"+s.letters(18, upper+lower)+":"+by.server, "event_id", "$"+s.base64url(32)))
	}
	w.setState(r, by, "m.room.create", "", create)
	w.setState(r, by, "m.room.member", by.id, by.member("join"))
	w.setState(r, by, "m.room.power_levels", "", w.powerLevels(r))
	rule := "invite"
	switch {
	case r.public:
		rule = "public"
	case s.percent(15):
		rule = "knock"
	}
	w.setState(r, by, "m.room.join_rules", "", obj("join_rule", rule))
	w.setState(r, by, "m.room.history_visibility", "", obj("history_visibility", pick(s, []string{"shared", "shared", "invited", "joined", "world_readable"})))
	if s.percent(70) {
		w.setState(r, by, "m.room.guest_access", "", obj("guest_access", pick(s, []string{"can_join", "forbidden", "can_join"})))
	}
	if r.encrypted {
		algorithm := obj("algorithm", "m.megolm.v1.aes-sha2")
		if s.percent(20) {
			algorithm = algorithm.with("rotation_period_ms", 604800000, "rotation_period_msgs", 100)
		}
		w.setState(r, by, "m.room.encryption", "", algorithm)
	}
	if r.alias != "" {
		w.setState(r, by, "m.room.canonical_alias", "", obj("alias", r.alias))
	}
	if r.name != "" {
		w.setState(r, by, "m.room.name", "", obj("name", r.name))
	}
	if r.kind != "dm" && s.percent(70) {
		w.setState(r, by, "m.room.topic", "", w.topic(r))
	}
	if r.kind != "dm" && s.percent(50) {
		r.avatar = w.mxc(by.server)
		w.setState(r, by, "m.room.avatar", "", obj("url", r.avatar))
	}
	for _, u := range r.members[1:] {
		w.now += w.span(500, 100000)
		content := u.member("join")
		if r.kind == "dm" {
			content = content.with("is_direct", true)
		}
		w.setState(r, u, "m.room.member", u.id, content)
	}
	w.furnish(r)
}

// pairs are the keys and values of an object in turn.
func pairs(o object) []any {
	var all []any
	for _, m := range o {
		all = append(all, m.key, m.value)
	}
	return all
}

func (w *world) topic(r *room) object {
	topic := pick(w.source, r.speaker.topics)
	if w.percent(25) {
		topic += " | " + r.speaker.link()
	}
	o := obj("topic", topic)
	if w.percent(25) {
		o = o.with("m.topic", obj("m.text", array{obj("body", topic)}))
	}
	return o
}

// powerLevels are who may do what.
func (w *world) powerLevels(r *room) object {
	s := w.source
	users := obj(r.creator.id, 100)
	if r.version == "12" {
		users = obj()
	}
	for _, u := range r.members[1:] {
		switch {
		case r.kind == "dm":
			users = users.with(u.id, 100)
		case u.bot || s.percent(15):
			users = users.with(u.id, 50)
		}
	}
	if r.public && s.percent(30) {
		for range s.between(5, 40) {
			users = users.with("@"+localpart(s, pick(s, r.speaker.names), pick(s, r.speaker.family))+s.letters(1, decimal)+":"+pick(s, append(w.server.Peers, w.server.Name)), pick(s, []int{50, 100, -1, 25, 1}))
		}
	}
	events := obj("m.room.name", 50, "m.room.power_levels", 100, "m.room.history_visibility", 100, "m.room.canonical_alias", 50, "m.room.avatar", 50,
		"m.room.tombstone", 100, "m.room.server_acl", 100, "m.room.encryption", 100)
	if s.percent(30) {
		events = events.with("m.call.member", 0, "org.matrix.msc3401.call", 50, "org.matrix.msc3401.call.member", 0)
	}
	if s.percent(20) {
		events = events.with("im.vector.modular.widgets", 50, "m.room.pinned_events", 50, "m.reaction", 0, "m.room.redaction", 0, "com.example.sensor.reading", 10)
	}
	if r.kind == "space" {
		events = events.with("m.space.child", 50)
	}
	o := obj("users", users, "users_default", 0, "events", events, "events_default", 0, "state_default", 50, "ban", 50, "kick", 50, "redact", 50, "invite", pick(s, []int{0, 0, 50}), "historical", 100)
	if s.percent(30) {
		o = o.with("notifications", obj("room", 50))
	}
	if s.percent(4) {
		o = obj("ban", "50", "users", obj(r.creator.id, "100"), "users_default", "0") // as rooms of old versions may have it
	}
	return o
}

// furnish adds state that only some rooms have.
func (w *world) furnish(r *room) {
	s, by := w.source, r.creator
	if r.public && s.percent(40) {
		w.setState(r, by, "m.room.server_acl", "", obj("allow", []string{"*"}, "deny", []string{"evil.example", "*.spam.example"}, "allow_ip_literals", false))
	}
	if s.percent(20) && r.kind != "dm" {
		w.setState(r, by, "m.room.pinned_events", "", obj("pinned", []string{w.newEventID(r, by), w.newEventID(r, by)}))
	}
	if s.percent(12) {
		w.setState(r, by, "im.vector.modular.widgets", fmt.Sprintf("jitsi_%s_%d", by.id, w.now), obj("type", "jitsi", "url", "https://app.element.io/jitsi.html?confId="+s.letters(20, upper+lower)+"#conferenceDomain=$domain&conferenceId=$conferenceId&displayName=$matrix_display_name", "name", "Jitsi", "creatorUserId", by.id, "data", obj("domain", "meet.element.io", "conferenceId", s.letters(20, upper+lower), "isAudioOnly", false), "id", fmt.Sprintf("jitsi_%s_%d", by.id, w.now)))
	}
	if s.percent(10) {
		w.setState(r, by, "com.example.sensor.config", "", obj("interval", 300, "unit", "°C", "threshold", 4.5, "enabled", true, "tags", []string{}, "", obj("note", "")))
	}
	if s.percent(10) {
		w.setState(r, by, "org.matrix.room.preview_urls", "", obj("disable", true))
	}
	if s.percent(8) {
		w.setState(r, by, "im.ponies.room_emotes", "pack", obj("images", obj("party", obj("url", w.mxc(by.server), "info", obj("w", 128, "h", 128, "size", 5123, "mimetype", "image/gif"))), "pack", obj("display_name", r.name)))
	}
	if r.kind == "bridge" && len(w.ghosts) > 0 {
		b := bridges[s.IntN(len(bridges))]
		channel := s.letters(12, decimal)
		w.setState(r, by, "m.bridge", "org.matrix.appservice-"+b.protocol+"://"+b.protocol+"/"+channel, obj(
			"bridgebot", "@"+b.protocol+"bot:"+w.server.Name, "creator", by.id,
			"protocol", obj("id", b.protocol, "displayname", b.name, "avatar_url", w.mxc("maunium.net"), "external_url", "https://"+b.protocol+".com/"),
			"channel", obj("id", channel+"@g.us", "displayname", r.name)))
	}
	if r.kind == "space" {
		for _, child := range w.rooms {
			if child.kind == "space" || s.percent(50) {
				continue
			}
			w.setState(r, by, "m.space.child", child.id, obj("via", []string{w.server.Name}, "order", optional(s.letters(2, lower)), "suggested", when(s.percent(30), true)))
			if child.creator == by {
				w.setState(child, by, "m.space.parent", r.id, obj("via", []string{w.server.Name}, "canonical", true))
			}
		}
	}
}
