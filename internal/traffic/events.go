package traffic

// form is where an event is shown, which decides what of it is.
type form int

const (
	inSync form = iota // the room is known
	inRoom             // as /messages and the like return it
)

// event is how the homeserver shows an event to the client, which then knows of it.
func (s *session) event(e *event, f form) object {
	e.told = s.dev
	switch s.w.server.Software {
	case Synapse:
		return s.synapseEvent(e, f)
	case Conduit:
		return s.conduitEvent(e, f)
	}
	return s.dendriteEvent(e, f)
}

func (s *session) events(all []*event, f form) array {
	a := array{}
	for _, e := range all {
		a = append(a, s.event(e, f))
	}
	return a
}

// synapseEvent has the keys in the order of Synapse: events of its own as they were
// made, those of other servers sorted; what only this user may know comes last.
func (s *session) synapseEvent(e *event, f form) object {
	t := s.w.server.Traits
	unsigned := object{}
	if e.prev != nil {
		unsigned = obj("replaces_state", e.prev.id, "prev_content", e.prev.content, "prev_sender", e.prev.sender.id)
	}
	if t.Membership {
		unsigned = unsigned.with("membership", "join")
	}
	age := s.now - e.ts
	unsigned = unsigned.with("age", age)
	if e.txn != "" && e.txnOf == s.dev {
		unsigned = unsigned.with("transaction_id", e.txn)
	}
	if e.redacted != nil {
		unsigned = unsigned.with("redacted_by", e.redacted.id, "redacted_because", s.synapseEvent(e.redacted, f))
	}
	if rel := s.bundled(e, f); rel != nil {
		unsigned = unsigned.with("m.relations", rel)
	}
	room := when(f == inRoom, e.room.id)
	var key any
	if e.state {
		key = e.stateKey
	}
	var o object
	switch {
	case e.sender.remote || t.Sorted:
		o = obj("content", e.content, "origin_server_ts", e.ts, "redacts", optional(e.redacts), "room_id", room, "sender", e.sender.id, "state_key", key, "type", e.kind, "unsigned", unsigned, "event_id", e.id)
	case t.EarlyID:
		o = obj("type", e.kind, "room_id", room, "sender", e.sender.id, "content", e.content, "state_key", key, "event_id", e.id, "origin_server_ts", e.ts, "redacts", optional(e.redacts), "unsigned", unsigned)
	default:
		o = obj("type", e.kind, "room_id", room, "sender", e.sender.id, "content", e.content, "state_key", key, "origin_server_ts", e.ts, "redacts", optional(e.redacts), "unsigned", unsigned, "event_id", e.id)
	}
	if f == inRoom {
		o = o.with("user_id", e.sender.id, "age", age)
		if e.prev != nil {
			o = o.with("replaces_state", e.prev.id, "prev_content", e.prev.content)
		}
	}
	if t.Sorted {
		o = sortedKeys(o).(object)
	}
	return o
}

// bundled are the relations that Synapse adds to an event: its newest edit, its thread.
func (s *session) bundled(e *event, f form) any {
	o := object{}
	if e.latest != nil && e.latest != e {
		o = o.with("m.replace", s.synapseEvent(e.latest, f))
	}
	if e.replies > 0 {
		for i := len(e.room.timeline) - 1; i >= 0; i-- {
			if last := e.room.timeline[i]; last.thread == e.id && last != e && last.replies == 0 {
				o = o.with("m.thread", obj("latest_event", s.synapseEvent(last, f), "count", e.replies, "current_user_participated", last.sender == s.me))
				break
			}
		}
	}
	if len(o) == 0 {
		return nil
	}
	return o
}

// dendriteEvent has sorted keys and no age.
func (s *session) dendriteEvent(e *event, f form) object {
	unsigned := object{}
	if e.prev != nil {
		unsigned = obj("prev_content", sortedKeys(e.prev.content), "prev_sender", e.prev.sender.id, "replaces_state", e.prev.id)
	}
	if e.redacted != nil {
		unsigned = unsigned.with("redacted_because", s.dendriteEvent(e.redacted, f))
	}
	if e.txn != "" && e.txnOf == s.dev {
		unsigned = unsigned.with("transaction_id", e.txn)
	}
	return plainEvent(e, f, when(len(unsigned) > 0 || e.state, unsigned))
}

// conduitEvent has sorted keys, and age.
func (s *session) conduitEvent(e *event, f form) object {
	unsigned := obj("age", s.now-e.ts)
	if e.prev != nil {
		unsigned = unsigned.with("prev_content", sortedKeys(e.prev.content), "prev_sender", e.prev.sender.id, "replaces_state", e.prev.id)
	}
	if e.redacted != nil {
		unsigned = unsigned.with("redacted_because", s.conduitEvent(e.redacted, f))
	}
	if e.txn != "" && e.txnOf == s.dev {
		unsigned = unsigned.with("transaction_id", e.txn)
	}
	return plainEvent(e, f, unsigned)
}

func plainEvent(e *event, f form, unsigned any) object {
	var key any
	if e.state {
		key = e.stateKey
	}
	return obj("content", sortedKeys(e.content), "event_id", e.id, "origin_server_ts", e.ts, "redacts", optional(e.redacts), "room_id", when(f == inRoom, e.room.id),
		"sender", e.sender.id, "state_key", key, "type", e.kind, "unsigned", unsigned)
}

// stripped is state as someone sees it who is not in the room.
func (s *session) stripped(r *room) array {
	a := array{}
	for _, e := range r.state {
		switch e.kind {
		case "m.room.create", "m.room.join_rules", "m.room.name", "m.room.canonical_alias", "m.room.encryption", "m.room.avatar", "m.room.topic":
		case "m.room.member":
			if e.sender != r.creator {
				continue
			}
		default:
			continue
		}
		if s.w.server.Software == Synapse && !s.w.server.Traits.Sorted {
			a = append(a, obj("type", e.kind, "state_key", e.stateKey, "content", e.content, "sender", e.sender.id))
		} else {
			a = append(a, obj("content", sortedKeys(e.content), "sender", e.sender.id, "state_key", e.stateKey, "type", e.kind))
		}
	}
	return a
}

// invitation is the membership event that an invited user sees behind the stripped state.
func (s *session) invitation(r *room) object {
	e := &event{id: s.newEventID(r, r.creator), kind: "m.room.member", sender: r.creator, room: r, state: true, stateKey: s.me.id, content: s.me.member("invite"), ts: s.now - s.span(20, 900)}
	return s.event(e, inSync)
}

// typed is an event of two members, in the order of the software.
func (s *session) typed(kind string, content any) object {
	if s.w.server.Software == Synapse && !s.w.server.Traits.Sorted {
		return obj("type", kind, "content", content)
	}
	return obj("content", sortedKeys(content), "type", kind)
}

// presenceEvent says how someone is.
func (s *session) presenceEvent(p presence) object {
	content := obj("presence", p.state, "last_active_ago", p.ago, "status_msg", optional(p.status), "currently_active", when(p.state == "online", p.ago < 60000))
	if s.w.server.Software == Synapse && !s.w.server.Traits.Sorted {
		return obj("type", "m.presence", "sender", p.user.id, "content", content)
	}
	return obj("content", sortedKeys(content), "sender", p.user.id, "type", "m.presence")
}

// ephemeral are the typing users and the receipts of a room.
func (s *session) ephemeral(d *delta) array {
	a := array{}
	if d.typed {
		a = append(a, s.typed("m.typing", obj("user_ids", append([]string{}, d.typing...))))
	}
	if len(d.receipts) > 0 {
		a = append(a, s.typed("m.receipt", receiptContent(d.receipts)))
	}
	return a
}

func (s *session) accountEvents(all []accountData) array {
	a := array{}
	for _, e := range all {
		a = append(a, s.typed(e.kind, e.content))
	}
	return a
}

func (s *session) presenceEvents(all []presence) array {
	a := array{}
	for _, p := range all {
		a = append(a, s.presenceEvent(p))
	}
	return a
}

// objects as an array.
func objects(all []object) array {
	a := array{}
	for _, o := range all {
		a = append(a, o)
	}
	return a
}
