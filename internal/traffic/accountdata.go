package traffic

// globalData is the account data of the user that is of no room.
func (s *session) globalData() []accountData {
	direct := object{}
	var crumbs []string
	for _, r := range s.rooms {
		if r.kind == "dm" {
			if u := s.other(r); u != nil {
				direct = direct.with(u.id, []string{r.id})
			}
		}
		crumbs = append(crumbs, r.id)
	}
	all := []accountData{
		{"m.push_rules", s.rules()},
		{"m.direct", direct},
	}
	if s.client.bot {
		return all
	}
	if s.client.crypto {
		key := s.letters(32, upper+lower+decimal)
		all = append(all,
			accountData{"m.secret_storage.default_key", obj("key", key)},
			accountData{"m.secret_storage.key." + key, obj("algorithm", "m.secret_storage.v1.aes-hmac-sha2", "iv", s.base64(16)+"==", "mac", s.base64(32)+"=")},
			accountData{"m.cross_signing.master", s.secret(key)}, accountData{"m.cross_signing.self_signing", s.secret(key)},
			accountData{"m.cross_signing.user_signing", s.secret(key)}, accountData{"m.megolm_backup.v1", s.secret(key)},
		)
	}
	if s.client.name == "element-web" || s.percent(40) {
		all = append(all,
			accountData{"im.vector.setting.breadcrumbs", obj("recent_rooms", crumbs)},
			accountData{"im.vector.web.settings", obj("showHiddenEventsInTimeline", false, "Spaces.allRoomsInHome", s.percent(50), "urlPreviewsEnabled", s.percent(50), "FTUE.userOnboardingButton", false, "SpotlightSearch.recentSearches", crumbs[:min(2, len(crumbs))])},
			accountData{"im.vector.analytics", obj("pseudonymousAnalyticsOptIn", s.percent(50))},
			accountData{"org.matrix.msc3890.local_notification_settings." + s.dev.id, obj("is_silenced", s.percent(50))},
		)
	}
	if s.percent(30) {
		all = append(all, accountData{"m.ignored_user_list", obj("ignored_users", obj("@spam"+s.letters(4, decimal)+":"+s.w.server.Name, obj()))})
	}
	if s.percent(25) {
		all = append(all, accountData{"m.widgets", obj("", obj("type", "m.custom", "url", ""))}, accountData{"com.example.client.state", obj("columns", array{1, 2.5, "3"}, "open", raw("null"), "theme", "dark")})
	}
	return all
}

func (s *session) secret(key string) object {
	return obj("encrypted", obj(key, obj("iv", s.base64(16)+"==", "ciphertext", s.base64(43)+"=", "mac", s.base64(32)+"=")))
}

func (s *session) accountData() {
	data := s.globalData()[1:]
	a := pick(s.source, data)
	target := s.path("/user/%s/account_data/%s", s.me.id, raw(a.kind))
	switch n := s.IntN(100); {
	case n < 25:
		s.do("account_data", "GET", target, nil, 200, a.content)
	case n < 40:
		s.do("err_notfound", "GET", s.path("/user/%s/account_data/%s", s.me.id, raw(pick(s.source, []string{"m.secret_storage.default_key", "io.element.recent_emoji", "m.identity_server", "org.matrix.preview_urls"}))), nil, 404, obj("errcode", "M_NOT_FOUND", "error", s.phraseFor("Account data not found", "data not found", "Data not found.")))
	default:
		s.do("account_data", "PUT", target, a.content, 200, obj())
		s.streams[streamAccount]++
		s.pending.account = append(s.pending.account, a)
	}
}

// mute sets a tag or the unread mark of a room.
func (s *session) mute() {
	r := s.talk()
	if s.percent(50) {
		s.do("tag_put", "PUT", s.path("/user/%s/rooms/%s/tags/m.favourite", s.me.id, r.id), obj("order", float64(s.IntN(1000))/1000), 200, obj())
		s.pending.in(r).account = append(s.pending.in(r).account, accountData{"m.tag", obj("tags", obj("m.favourite", obj("order", 0.5)))})
		return
	}
	s.do("account_data", "PUT", s.path("/user/%s/rooms/%s/account_data/com.famedly.marked_unread", s.me.id, r.id), obj("unread", s.percent(50)), 200, obj())
}

// rule is a push rule that servers have by default.
type rule struct {
	id         string
	disabled   bool
	conditions array
	actions    array
	pattern    string
}

func match(key, pattern string) object {
	return obj("kind", "event_match", "key", key, "pattern", pattern)
}

func tweak(name string, value any) object { return obj("set_tweak", name, "value", value) }

// rules are the push rules of the user.
func (s *session) rules() object {
	notify, quiet, loud := array{"notify"}, array{"notify", tweak("highlight", false)}, array{"notify", tweak("highlight", true), tweak("sound", "default")}
	pair := array{"notify", tweak("sound", "default"), tweak("highlight", false)}
	if s.w.server.Software == Dendrite {
		quiet, pair = notify, array{"notify", tweak("sound", "default")}
		loud = array{"notify", tweak("sound", "default"), obj("set_tweak", "highlight")}
	}
	override := []rule{
		{id: ".m.rule.master", disabled: true, actions: array{}, conditions: array{}},
		{id: ".m.rule.suppress_notices", conditions: array{match("content.msgtype", "m.notice")}, actions: array{}},
		{id: ".m.rule.invite_for_me", conditions: array{match("type", "m.room.member"), match("content.membership", "invite"), match("state_key", s.me.id)}, actions: pair},
		{id: ".m.rule.member_event", conditions: array{match("type", "m.room.member")}, actions: array{}},
		{id: ".m.rule.is_user_mention", conditions: array{obj("kind", "event_property_contains", "key", `content.m\.mentions.user_ids`, "value", s.me.id)}, actions: loud},
		{id: ".m.rule.contains_display_name", conditions: array{obj("kind", "contains_display_name")}, actions: loud},
		{id: ".m.rule.is_room_mention", conditions: array{obj("kind", "event_property_is", "key", `content.m\.mentions.room`, "value", true), obj("kind", "sender_notification_permission", "key", "room")}, actions: array{"notify", tweak("highlight", true)}},
		{id: ".m.rule.roomnotif", conditions: array{obj("kind", "sender_notification_permission", "key", "room"), match("content.body", "@room")}, actions: array{"notify", tweak("highlight", true)}},
		{id: ".m.rule.tombstone", conditions: array{match("type", "m.room.tombstone"), match("state_key", "")}, actions: array{"notify", tweak("highlight", true)}},
		{id: ".m.rule.reaction", conditions: array{match("type", "m.reaction")}, actions: array{}},
		{id: ".m.rule.room.server_acl", conditions: array{match("type", "m.room.server_acl"), match("state_key", "")}, actions: array{}},
		{id: ".m.rule.suppress_edits", conditions: array{obj("kind", "event_property_is", "key", `content.m\.relates_to.rel_type`, "value", "m.replace")}, actions: array{}},
	}
	underride := []rule{
		{id: ".m.rule.call", conditions: array{match("type", "m.call.invite")}, actions: array{"notify", tweak("sound", "ring"), tweak("highlight", false)}},
		{id: ".m.rule.room_one_to_one", conditions: array{obj("kind", "room_member_count", "is", "2"), match("type", "m.room.message")}, actions: pair},
		{id: ".m.rule.encrypted_room_one_to_one", conditions: array{obj("kind", "room_member_count", "is", "2"), match("type", "m.room.encrypted")}, actions: pair},
		{id: ".m.rule.message", conditions: array{match("type", "m.room.message")}, actions: quiet},
		{id: ".m.rule.encrypted", conditions: array{match("type", "m.room.encrypted")}, actions: quiet},
	}
	if s.w.server.Software == Synapse {
		override = append(override, rule{id: ".org.matrix.msc3930.rule.poll_response", conditions: array{match("type", "org.matrix.msc3381.poll.response")}, actions: array{}})
		underride = append(underride,
			rule{id: ".im.vector.jitsi", conditions: array{match("type", "im.vector.modular.widgets"), match("content.type", "jitsi"), match("state_key", "*")}, actions: quiet},
			rule{id: ".org.matrix.msc3930.rule.poll_start_one_to_one", conditions: array{obj("kind", "room_member_count", "is", "2"), match("type", "org.matrix.msc3381.poll.start")}, actions: array{"notify", tweak("sound", "default")}},
			rule{id: ".org.matrix.msc3930.rule.poll_start", conditions: array{match("type", "org.matrix.msc3381.poll.start")}, actions: notify},
			rule{id: ".org.matrix.msc3930.rule.poll_end_one_to_one", conditions: array{obj("kind", "room_member_count", "is", "2"), match("type", "org.matrix.msc3381.poll.end")}, actions: array{"notify", tweak("sound", "default")}},
			rule{id: ".org.matrix.msc3930.rule.poll_end", conditions: array{match("type", "org.matrix.msc3381.poll.end")}, actions: notify},
		)
	}
	content := []rule{{id: ".m.rule.contains_user_name", actions: loud, pattern: s.me.local}}
	var muted array
	for i, r := range s.rooms {
		if (i+len(s.me.id))%4 == 0 {
			muted = append(muted, s.rule(rule{id: r.id, actions: array{}}, false))
		}
	}
	if s.w.server.Software == Synapse && !s.w.server.Traits.Sorted {
		return obj("global", obj("underride", s.ruleList(underride), "sender", array{}, "room", append(array{}, muted...), "content", s.ruleList(content), "override", s.ruleList(override)))
	}
	g := obj("override", s.ruleList(override), "content", s.ruleList(content), "room", when(len(muted) > 0, muted), "underride", s.ruleList(underride))
	if s.w.server.Traits.Sorted {
		return sortedKeys(obj("global", g.with("sender", array{}))).(object)
	}
	if s.w.server.Software == Conduit {
		g = obj("content", s.ruleList(content), "override", s.ruleList(override), "room", append(array{}, muted...), "sender", array{}, "underride", s.ruleList(underride))
	}
	return obj("global", g)
}

func (s *session) ruleList(all []rule) array {
	a := array{}
	for _, r := range all {
		a = append(a, s.rule(r, true))
	}
	return a
}

func (s *session) rule(r rule, byDefault bool) object {
	var conditions any
	if r.conditions != nil {
		conditions = r.conditions
	}
	switch s.w.server.Software {
	case Dendrite:
		return obj("rule_id", r.id, "default", byDefault, "enabled", !r.disabled, "conditions", when(len(r.conditions) > 0, r.conditions), "actions", r.actions, "pattern", optional(r.pattern))
	case Conduit:
		return obj("actions", r.actions, "default", byDefault, "enabled", !r.disabled, "rule_id", r.id, "conditions", conditions, "pattern", optional(r.pattern))
	}
	return obj("conditions", conditions, "actions", r.actions, "pattern", optional(r.pattern), "rule_id", r.id, "default", byDefault, "enabled", !r.disabled)
}

func (s *session) pushRules() {
	s.do("pushrules", "GET", s.path("/pushrules/"), nil, 200, s.rules())
}

func (s *session) putRule() {
	r := s.talk()
	if s.percent(60) {
		s.do("pushrules_put", "PUT", s.path("/pushrules/global/room/%s", r.id), obj("actions", array{}), 200, obj())
	} else {
		s.do("pushrules_put", "PUT", s.path("/pushrules/global/%s/%s/enabled", raw("override"), pick(s.source, []string{".m.rule.master", ".m.rule.reaction"})), obj("enabled", s.percent(50)), 200, obj())
	}
	s.pending.account = append(s.pending.account, accountData{"m.push_rules", s.rules()})
}
