package traffic

import (
	"fmt"
	"slices"
)

// sliding is the state of the connections of simplified sliding sync (MSC4186): one for
// rooms and one for encryption, as Element X has them.
type sliding struct {
	pos, keys    string // positions of the two connections
	n, m         int    // answers on them
	rooms        map[*room]bool
	to           int64 // position of messages to the device
	opened       *room
	keysAnnounce bool
}

const slidingPath = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"

// slide is a poll of simplified sliding sync.
func (s *session) slide(timeout int) {
	c := &s.sliding
	if c.pos == "" {
		s.sliding = sliding{rooms: map[*room]bool{}, to: s.span(1, 90000), keysAnnounce: s.percent(50)}
		for _, r := range s.rooms {
			s.pending.in(r)
		}
	}
	if c.keys == "" || len(s.pending.toDevice)+len(s.pending.changed)+len(s.pending.left) > 0 || s.percent(8) {
		s.slideKeys(timeout)
	}
	first := c.pos == ""
	target := slidingPath + slidingQuery(c.pos, timeout)
	request := s.roomsRequest(first)
	s.now += s.span(15, 450)
	s.do("sync_sliding", "POST", target, request, 200, s.roomsAnswer(first))
	s.pending = changes{}
}

func slidingQuery(pos string, timeout int) string {
	if pos == "" {
		return fmt.Sprintf("?timeout=%d", timeout)
	}
	return fmt.Sprintf("?pos=%s&timeout=%d", escapeRuma(pos), timeout)
}

// slideKeys is a poll of the connection for encryption.
func (s *session) slideKeys(timeout int) {
	c := &s.sliding
	target := slidingPath + slidingQuery(c.keys, timeout)
	request := obj("conn_id", "encryption", "extensions", obj("to_device", obj("enabled", true, "since", when(c.keys != "", fmt.Sprint(c.to))), "e2ee", obj("enabled", true)))
	s.now += s.span(15, 450)
	c.m++
	c.keys = fmt.Sprintf("%d/%s", c.m, s.token())
	c.to += int64(len(s.pending.toDevice))
	e2ee := object{}
	if len(s.pending.changed)+len(s.pending.left) > 0 {
		e2ee = obj("device_lists", obj("changed", append([]string{}, s.pending.changed...), "left", append([]string{}, s.pending.left...)))
	}
	e2ee = e2ee.with("device_one_time_keys_count", s.keyCount(), "device_unused_fallback_key_types", s.fallback())
	s.do("sync_sliding", "POST", target, request, 200, obj("pos", c.keys, "lists", obj(), "rooms", obj(),
		"extensions", obj("to_device", obj("next_batch", fmt.Sprint(c.to), "events", objects(s.pending.toDevice)), "e2ee", e2ee)))
}

// requiredState is what Element X asks for.
var requiredState = array{
	array{"m.room.name", ""}, array{"m.room.encryption", ""}, array{"m.room.member", "$LAZY"}, array{"m.room.member", "$ME"}, array{"m.room.topic", ""}, array{"m.room.avatar", ""}, array{"m.room.canonical_alias", ""},
	array{"m.room.power_levels", ""}, array{"org.matrix.msc3401.call.member", "*"}, array{"m.room.join_rules", ""}, array{"m.room.tombstone", ""}, array{"m.room.create", ""}, array{"m.room.history_visibility", ""},
	array{"io.element.functional_members", ""}, array{"m.space.parent", "*"}, array{"m.space.child", "*"},
}

// roomsRequest is sent in full each time: this protocol has nothing that sticks.
func (s *session) roomsRequest(first bool) object {
	c := &s.sliding
	end := 19
	if c.n > 1 {
		end = 99
	}
	o := obj("conn_id", "room-list", "lists", obj("all_rooms", obj("ranges", array{array{0, end}}, "required_state", requiredState, "include_heroes", true, "filters", obj("not_room_types", []string{"m.space"}), "timeline_limit", 1)))
	if !first && s.percent(25) {
		c.opened = s.talk()
	}
	if r := c.opened; r != nil {
		o = o.with("room_subscriptions", obj(r.id, obj("required_state", requiredState, "timeline_limit", 20)))
	}
	return o.with("extensions", obj("account_data", obj("enabled", true), "receipts", obj("enabled", true, "rooms", []string{"*"}), "typing", obj("enabled", true),
		"io.element.msc4308.thread_subscriptions", when(s.w.server.Traits.Numbers > 10, obj("enabled", true, "limit", 10))))
}

// listed is the list of rooms as the answer gives it.
func (s *session) listed() object {
	if s.w.server.Traits.Sparse {
		return obj("count", len(s.rooms))
	}
	ids := []string{}
	for _, r := range s.rooms {
		if r.kind != "space" {
			ids = append(ids, r.id)
		}
	}
	return obj("count", len(ids), "ops", array{obj("op", "SYNC", "range", array{0, max(0, len(ids)-1)}, "room_ids", ids)})
}

func (s *session) roomsAnswer(first bool) object {
	c := &s.sliding
	c.n++
	s.since = s.token()
	c.pos = fmt.Sprintf("%d/%s", c.n, s.since)
	rooms, receipts, typing, account := object{}, object{}, object{}, object{}
	for _, d := range s.pending.rooms {
		r := d.room
		initial := !c.rooms[r]
		if initial && len(d.timeline) == 0 && len(r.timeline) > 0 {
			d.timeline = r.timeline[len(r.timeline)-1:]
		}
		if initial || len(d.timeline) > 0 || len(d.state) > 0 {
			rooms = append(rooms, member{r.id, s.slidingRoom(d, initial)})
		}
		c.rooms[r] = true
		if len(d.receipts) > 0 {
			receipts = append(receipts, member{r.id, obj("type", "m.receipt", "content", receiptContent(d.receipts))})
		}
		if d.typed {
			typing = append(typing, member{r.id, obj("type", "m.typing", "content", obj("user_ids", append([]string{}, d.typing...)))})
		}
		if len(d.account) > 0 {
			account = append(account, member{r.id, s.accountEvents(d.account)})
		}
	}
	global := s.accountEvents(s.pending.account)
	if first {
		global = s.accountEvents(s.globalData())
	}
	extensions := obj("account_data", when(len(global)+len(account) > 0, obj("global", global, "rooms", account)),
		"receipts", when(len(receipts) > 0, obj("rooms", receipts)), "typing", when(len(typing) > 0, obj("rooms", typing)))
	return obj("pos", c.pos, "lists", obj("all_rooms", s.listed()), "rooms", rooms, "extensions", extensions)
}

// slidingRoom is a room in an answer, with its name and state if it is new to the client.
func (s *session) slidingRoom(d *delta, initial bool) object {
	r := d.room
	o := object{}
	live := len(d.timeline)
	if initial {
		live = 0
		for _, e := range r.state {
			wanted := slices.ContainsFunc(requiredState, func(v any) bool { return v.(array)[0] == e.kind && e.kind != "m.room.member" })
			if wanted || e.stateKey == s.me.id || len(d.timeline) > 0 && e.kind == "m.room.member" && e.stateKey == d.timeline[0].sender.id {
				d.state = append(d.state, e)
			}
		}
		o = obj("name", optional(r.name), "avatar", optional(r.avatar), "initial", true)
	} else {
		d.state = append(d.state, s.lazyMembers(r, d.timeline)...)
	}
	if r.name == "" && initial {
		heroes := array{}
		for _, u := range r.members {
			if u != s.me && len(heroes) < 5 {
				heroes = append(heroes, obj("user_id", u.id, "displayname", optional(u.display), "avatar_url", optional(u.avatar)))
			}
		}
		o = o.with("heroes", heroes)
	}
	if len(d.state) > 0 {
		o = o.with("required_state", s.events(d.state, inSync))
	}
	if len(d.timeline) > 0 {
		o = o.with("timeline", s.events(d.timeline, inSync), "prev_batch", s.prevBatch(d), "num_live", live, "limited", initial)
	}
	bump := int64(0)
	if len(r.timeline) > 0 {
		bump = r.timeline[len(r.timeline)-1].position
	}
	return o.with("joined_count", len(r.members), "invited_count", 0, "notification_count", r.notifications, "highlight_count", r.highlights, "is_dm", when(initial && r.kind == "dm", true), "bump_stamp", bump)
}
