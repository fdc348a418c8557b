package traffic

// ownActs are what a client of a person sends, and that of a program.
var (
	ownActs = []choice[act]{
		{56, actText}, {5, actHTML}, {9, actReply}, {4, actEdit}, {14, actReaction}, {4, actFile}, {3, actThread}, {3, actRedact},
		{1, actLocation}, {1, actSticker}, {1, actPoll}, {1, actVoice}, {1, actEmote}, {1, actCall}, {2, actState}, {1, actMember},
	}
	ownBotActs = []choice[act]{{60, actNotice}, {8, actEdit}, {14, actCustom}, {6, actReaction}, {8, actText}, {4, actReply}}
)

// sendKinds name exchanges by what is sent.
var sendKinds = map[act]string{
	actReply: "send_reply", actEdit: "send_edit", actFile: "send_file", actVoice: "send_file", actLocation: "send_location",
	actSticker: "send_sticker", actPoll: "send_poll", actCustom: "send_custom", actNotice: "send_notice", actThread: "send_thread",
}

// speak lets the user do something in a room, with what goes with it.
func (s *session) speak() {
	r := s.talk()
	what := choose(s.source, ownActs)
	if s.client.bot {
		what = choose(s.source, ownBotActs)
	}
	written := what == actText || what == actReply || what == actThread
	if s.client.typing && written && s.percent(55) {
		s.typing(r, true)
	}
	if r.encrypted && s.client.crypto && s.percent(5) {
		s.share(r)
	}
	var e *event
	switch what {
	case actRedact:
		e = s.withdraw(r)
	case actState, actMember, actCall:
		e = s.putState(r, what)
	default:
		e = s.put(r, what)
	}
	s.pending.in(r).timeline = append(s.pending.in(r).timeline, e)
	r.read, r.notifications, r.highlights = e, 0, 0
	if s.client.typing && written && s.percent(30) {
		s.typing(r, false)
	}
	if s.percent(25) {
		s.activity()
	}
	if s.percent(85) {
		s.sync(30000)
	}
}

// typing tells that the user is typing, or no longer.
func (s *session) typing(r *room, on bool) {
	body := obj("typing", on, "timeout", when(on, pick(s.source, []int{30000, 30000, 20000, 10000, 4000})))
	if s.client.name == "element-web" && !on {
		body = obj("typing", false)
	}
	s.do("typing", "PUT", s.path("/rooms/%s/typing/%s", r.id, s.me.id), body, 200, obj())
	s.streams[streamTyping]++
	if d := s.pending.in(r); s.percent(70) {
		d.typed, d.typing = true, nil
		if on {
			d.typing = []string{s.me.id}
		}
	}
}

// transaction makes the next transaction ID. The request takes its time to the server.
func (s *session) transaction() string {
	s.sent++
	s.now += s.skew
	txn := s.client.txn(s)
	s.now += s.span(20, 1400) - s.skew
	return txn
}

// put sends an event.
func (s *session) put(r *room, what act) *event {
	d := s.compose(r, s.me, what)
	kind := sendKinds[what]
	switch {
	case d.kind == "m.room.encrypted":
		kind = "send_encrypted"
	case d.kind == "m.reaction":
		kind = "send_reaction"
	case kind == "":
		kind = "send_text"
	}
	return s.putDraft(r, d, kind)
}

// putDraft sends what is composed.
func (s *session) putDraft(r *room, d draft, kind string) *event {
	txn := s.transaction()
	if s.client.sorted {
		d.content = sortedKeys(d.content).(object)
	}
	e := s.send(r, s.me, d)
	e.txn, e.txnOf, e.told = plainTxn(txn), s.dev, s.dev
	s.do(kind, "PUT", s.path("/rooms/%s/send/%s/%s", r.id, raw(d.kind), raw(txn)), d.content, 200, obj("event_id", e.id))
	return e
}

// withdraw redacts a message of the user.
func (s *session) withdraw(r *room) *event {
	target := s.target(r, s.me, true)
	if target == nil {
		return s.put(r, actText)
	}
	txn := s.transaction()
	reason := s.reason(s.me)
	e := s.redact(r, s.me, target, reason)
	e.txn, e.txnOf, e.told = plainTxn(txn), s.dev, s.dev
	s.do("redact", "PUT", s.path("/rooms/%s/redact/%s/%s", r.id, target.id, raw(txn)), obj("reason", optional(reason)), 200, obj("event_id", e.id))
	return e
}

// putState changes the state of a room.
func (s *session) putState(r *room, what act) *event {
	e := s.changeState(r, s.me, what)
	e.told = s.dev
	s.do("state_put", "PUT", s.path("/rooms/%s/state/%s/%s", r.id, raw(e.kind), e.stateKey), e.content, 200, obj("event_id", e.id))
	return e
}

// share gives the key of a room to the devices of its members.
func (s *session) share(r *room) {
	users := object{}
	claim, claimed := object{}, object{}
	messages := object{}
	keys := object{}
	for i, u := range r.members {
		if len(u.devices) == 0 || i > 4 {
			continue
		}
		users = users.with(u.id, []string{})
		own := object{}
		devices := object{}
		wanted, given := object{}, object{}
		for _, d := range u.devices {
			devices = append(devices, member{d.id, u.deviceKeys(d, true)})
			if d == s.dev {
				continue
			}
			wanted = append(wanted, member{d.id, "signed_curve25519"})
			given = append(given, member{d.id, obj(keyName(s.between(1, 300)), s.signedKey(u, d, false))})
			own = append(own, member{d.id, s.olm(d, s.dev, 0, roomKeySize+s.IntN(60))})
		}
		keys = append(keys, member{u.id, devices})
		if len(own) > 0 {
			claim, claimed = append(claim, member{u.id, wanted}), append(claimed, member{u.id, given})
			messages = append(messages, member{u.id, own})
		}
	}
	if s.percent(60) {
		s.do("keys_query", "POST", s.path("/keys/query"), obj("device_keys", users, "timeout", when(s.percent(60), 10000)), 200, s.keysAnswer(r.members[:min(5, len(r.members))], keys))
	}
	if len(messages) == 0 {
		return
	}
	if s.percent(60) {
		s.do("keys_claim", "POST", s.path("/keys/claim"), obj("one_time_keys", claim, "timeout", when(s.percent(60), 10000)), 200, s.claimAnswer(claimed))
	}
	s.do("to_device", "PUT", s.path("/sendToDevice/m.room.encrypted/%s", raw(s.transaction())), obj("messages", messages), 200, obj())
	s.streams[streamDevice]++
}

func (s *session) claimAnswer(claimed object) object {
	if s.w.server.Software == Synapse {
		return obj("one_time_keys", claimed, "failures", obj())
	}
	return obj("failures", obj(), "one_time_keys", claimed)
}

// keysAnswer is the answer to keys/query, in the order of the software.
func (s *session) keysAnswer(users []*user, devices object) object {
	masters, selves := object{}, object{}
	for _, u := range users {
		if len(u.devices) > 0 && u.reader {
			masters = append(masters, member{u.id, u.crossSigning("master")})
			selves = append(selves, member{u.id, u.crossSigning("self_signing")})
		}
	}
	signing := object{}
	if s.me.reader {
		signing = obj(s.me.id, s.me.crossSigning("user_signing"))
	}
	if s.w.server.Software == Synapse {
		return obj("device_keys", devices, "failures", obj(), "master_keys", masters, "self_signing_keys", selves, "user_signing_keys", signing)
	}
	return sortedKeys(obj("device_keys", devices, "failures", obj(), "master_keys", masters, "self_signing_keys", selves, "user_signing_keys", signing)).(object)
}
