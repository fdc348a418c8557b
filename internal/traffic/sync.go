package traffic

import (
	"fmt"
	"strings"
)

// syncAnswer is the answer to a /sync that tells all changes.
func (s *session) syncAnswer(c *changes, full bool) object {
	s.since = s.token()
	switch s.w.server.Software {
	case Synapse:
		return s.synapseSync(c, full)
	case Conduit:
		return s.conduitSync(c, full)
	}
	return s.dendriteSync(c, full)
}

// token is the sync token of now.
func (s *session) token() string { return s.stream("s") }

// stream writes a token of the kind that the software uses.
func (s *session) stream(letter string) string {
	w := s.w
	if w.server.Software == Conduit {
		return fmt.Sprint(w.streams.sum())
	}
	n := w.server.Traits.Numbers
	if n == 0 {
		n = 9
	}
	var parts []string
	for _, v := range w.streams[:n] {
		parts = append(parts, fmt.Sprint(v))
	}
	return letter + strings.Join(parts, "_")
}

// before is the token of the point before an event, for reading back.
func (s *session) before(e *event) string {
	switch s.w.server.Software {
	case Conduit:
		return fmt.Sprint(e.count - 1)
	case Dendrite:
		return fmt.Sprintf("t%d_%d", e.room.depth, e.position)
	}
	_, rest, _ := strings.Cut(s.stream("s"), "_")
	if len(e.id)%2 == 1 && s.w.server.Traits.Sparse {
		return fmt.Sprintf("s%d_%s", e.position-1, rest)
	}
	return fmt.Sprintf("t%d-%d_%s", e.room.depth, e.position-1, rest)
}

// prevBatch is the token before a timeline.
func (s *session) prevBatch(d *delta) string {
	if len(d.timeline) > 0 {
		return s.before(d.timeline[0])
	}
	return s.token()
}

func (s *session) synapseSync(c *changes, full bool) object {
	o := obj("next_batch", s.since)
	if len(c.account) > 0 {
		o = o.with("account_data", obj("events", s.accountEvents(c.account)))
	}
	if len(c.presence) > 0 {
		o = o.with("presence", obj("events", s.presenceEvents(c.presence)))
	}
	if len(c.toDevice) > 0 {
		o = o.with("to_device", obj("events", objects(c.toDevice)))
	}
	if len(c.changed)+len(c.left) > 0 {
		o = o.with("device_lists", obj("changed", when(len(c.changed) > 0, c.changed), "left", when(len(c.left) > 0, c.left)))
	}
	o = o.with("device_one_time_keys_count", s.keyCount(), "org.matrix.msc2732.device_unused_fallback_key_types", s.fallback(), "device_unused_fallback_key_types", s.fallback())
	rooms := object{}
	join := object{}
	for _, d := range c.rooms {
		join = append(join, member{d.room.id, s.synapseRoom(d, full)})
	}
	rooms = rooms.with("join", when(len(join) > 0, join))
	if len(c.invites) > 0 {
		invite := object{}
		for _, r := range c.invites {
			invite = append(invite, member{r.id, obj("invite_state", obj("events", append(s.stripped(r), s.invitation(r))))})
		}
		rooms = rooms.with("invite", invite)
	}
	if len(c.knocks) > 0 {
		knock := object{}
		for _, r := range c.knocks {
			knock = append(knock, member{r.id, obj("knock_state", obj("events", s.stripped(r)))})
		}
		rooms = rooms.with("knock", knock)
	}
	if len(c.leaves) > 0 {
		leave := object{}
		for _, r := range c.leaves {
			leave = append(leave, member{r.id, obj("timeline", obj("events", array{}, "prev_batch", s.token(), "limited", false), "state", obj("events", array{}), "account_data", obj("events", array{}))})
		}
		rooms = rooms.with("leave", leave)
	}
	if len(rooms) > 0 {
		o = o.with("rooms", rooms)
	}
	if s.w.server.Traits.Sorted {
		return sortedKeys(o).(object)
	}
	return o
}

func (s *session) synapseRoom(d *delta, full bool) object {
	unread, threads := d.room.unread(s.client.threads)
	stateKey := "state"
	if s.client.stateAfter {
		stateKey = "org.matrix.msc4222.state_after"
	}
	state, account, ephemeral := s.events(d.state, inSync), s.accountEvents(d.account), s.ephemeral(d)
	summary := object{}
	if full || d.full || membersChanged(d.timeline) {
		summary = s.summary(d.room, true)
	}
	timeline := obj("events", s.events(d.timeline, inSync), "prev_batch", s.prevBatch(d), "limited", d.limited)
	if s.w.server.Traits.Sparse {
		return obj("timeline", timeline, stateKey, when(len(state) > 0, obj("events", state)), "account_data", when(len(account) > 0, obj("events", account)),
			"ephemeral", when(len(ephemeral) > 0, obj("events", ephemeral)), "unread_notifications", unread, "unread_thread_notifications", threads, "summary", when(len(summary) > 0, summary))
	}
	return obj("timeline", timeline, stateKey, obj("events", state), "account_data", obj("events", account), "ephemeral", obj("events", ephemeral),
		"unread_notifications", unread, "unread_thread_notifications", threads, "summary", summary)
}

func membersChanged(timeline []*event) bool {
	for _, e := range timeline {
		if e.kind == "m.room.member" {
			return true
		}
	}
	return false
}

// dendriteSync leaves out what is empty.
func (s *session) dendriteSync(c *changes, full bool) object {
	o := obj("next_batch", s.since)
	if len(c.account) > 0 {
		o = o.with("account_data", obj("events", s.accountEvents(c.account)))
	}
	if len(c.presence) > 0 {
		o = o.with("presence", obj("events", s.presenceEvents(c.presence)))
	}
	join := object{}
	for _, d := range c.rooms {
		summary := s.summary(d.room, full || membersChanged(d.timeline))
		unread, _ := d.room.unread(false)
		var timeline any
		if len(d.timeline) > 0 {
			timeline = obj("events", s.events(d.timeline, inSync), "limited", d.limited, "prev_batch", s.prevBatch(d))
		}
		ephemeral := s.ephemeral(d)
		join = append(join, member{d.room.id, obj("summary", when(full || membersChanged(d.timeline), summary), "state", when(len(d.state) > 0, obj("events", s.events(d.state, inSync))), "timeline", timeline,
			"ephemeral", when(len(ephemeral) > 0, obj("events", ephemeral)), "account_data", when(len(d.account) > 0, obj("events", s.accountEvents(d.account))),
			"unread_notifications", obj("highlight_count", unread.get("highlight_count"), "notification_count", unread.get("notification_count")))})
	}
	rooms := obj("join", when(len(join) > 0, join), "invite", s.invitesOf(c), "leave", s.leavesOf(c))
	if len(rooms) > 0 {
		o = o.with("rooms", rooms)
	}
	if len(c.toDevice) > 0 {
		o = o.with("to_device", obj("events", objects(c.toDevice)))
	}
	if len(c.changed)+len(c.left) > 0 {
		o = o.with("device_lists", obj("changed", when(len(c.changed) > 0, c.changed), "left", when(len(c.left) > 0, c.left)))
	}
	return o.with("device_one_time_keys_count", s.keyCount(), "device_unused_fallback_key_types", s.fallback())
}

func (s *session) invitesOf(c *changes) any {
	if len(c.invites) == 0 {
		return nil
	}
	o := object{}
	for _, r := range c.invites {
		o = append(o, member{r.id, obj("invite_state", obj("events", append(s.stripped(r), s.invitation(r))))})
	}
	return o
}

func (s *session) leavesOf(c *changes) any {
	if len(c.leaves) == 0 {
		return nil
	}
	o := object{}
	for _, r := range c.leaves {
		o = append(o, member{r.id, obj("timeline", obj("events", array{}, "limited", false, "prev_batch", s.token()))})
	}
	return o
}

// conduitSync has the order of the fields of Ruma.
func (s *session) conduitSync(c *changes, full bool) object {
	o := obj("next_batch", s.since)
	join := object{}
	for _, d := range c.rooms {
		unread, _ := d.room.unread(false)
		summary := object{}
		if full || membersChanged(d.timeline) {
			summary = s.summary(d.room, true)
		}
		ephemeral := s.ephemeral(d)
		timeline := obj("limited", when(d.limited, true), "prev_batch", s.prevBatch(d), "events", s.events(d.timeline, inSync))
		join = append(join, member{d.room.id, obj("summary", when(len(summary) > 0, summary), "unread_notifications", when(d.room.notifications > 0 || s.client.threads, unread), "timeline", when(len(d.timeline) > 0, timeline),
			"state", when(len(d.state) > 0, obj("events", s.events(d.state, inSync))), "account_data", when(len(d.account) > 0, obj("events", s.accountEvents(d.account))),
			"ephemeral", when(len(ephemeral) > 0, obj("events", ephemeral)))})
	}
	rooms := obj("leave", s.leavesOf(c), "join", when(len(join) > 0, join), "invite", s.invitesOf(c))
	if len(rooms) > 0 {
		o = o.with("rooms", rooms)
	}
	if len(c.presence) > 0 {
		o = o.with("presence", obj("events", s.presenceEvents(c.presence)))
	}
	if len(c.account) > 0 {
		o = o.with("account_data", obj("events", s.accountEvents(c.account)))
	}
	if len(c.toDevice) > 0 {
		o = o.with("to_device", obj("events", objects(c.toDevice)))
	}
	if len(c.changed)+len(c.left) > 0 {
		o = o.with("device_lists", obj("changed", when(len(c.changed) > 0, c.changed), "left", when(len(c.left) > 0, c.left)))
	}
	return o.with("device_one_time_keys_count", s.keyCount(), "device_unused_fallback_key_types", when(s.fallbackUnused, s.fallback()))
}

func (s *session) keyCount() object {
	if !s.client.crypto && s.w.server.Software != Synapse {
		return obj()
	}
	if !s.client.crypto {
		return obj("signed_curve25519", 0)
	}
	return obj("signed_curve25519", s.keysLeft)
}

func (s *session) fallback() []string {
	if s.client.crypto && s.fallbackUnused {
		return []string{"signed_curve25519"}
	}
	return []string{}
}
