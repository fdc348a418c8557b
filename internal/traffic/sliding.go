package traffic

import (
	"fmt"
	"slices"
)

// sliding is the state of a connection of simplified sliding sync.
type sliding struct {
	pos       string
	n         int
	rooms     map[*room]bool // that the client knows
	to        int64
	opened    *room
	extension bool
}

const slidingPath = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"

// slide is a poll of simplified sliding sync.
func (s *session) slide(timeout int) {
	first := s.sliding.pos == ""
	if first {
		s.sliding = sliding{rooms: map[*room]bool{}, to: s.span(1, 90000)}
	}
	var query []string
	if !first {
		query = append(query, "pos="+escapeRuma(s.sliding.pos))
	}
	query = append(query, fmt.Sprintf("timeout=%d", timeout))
	target := slidingPath + "?" + query[0]
	if len(query) > 1 {
		target += "&" + query[1]
	}
	request := s.slidingRequest(first)
	if first {
		for _, r := range s.rooms {
			s.pending.in(r)
		}
	}
	answer := s.slidingAnswer(first)
	s.do("sync_sliding", "POST", target, request, 200, answer)
	s.pending = changes{}
}

// requiredState is what Element X asks for.
var requiredState = array{
	array{"m.room.name", ""}, array{"m.room.encryption", ""}, array{"m.room.member", "$LAZY"}, array{"m.room.member", "$ME"}, array{"m.room.topic", ""}, array{"m.room.canonical_alias", ""},
	array{"m.room.power_levels", ""}, array{"org.matrix.msc3401.call.member", "*"}, array{"m.room.join_rules", ""}, array{"m.room.tombstone", ""}, array{"m.room.create", ""}, array{"m.room.history_visibility", ""}, array{"io.element.functional_members", ""}, array{"m.space.parent", "*"}, array{"m.space.child", "*"},
}

func (s *session) slidingRequest(first bool) object {
	end := 19
	if s.sliding.n > 2 {
		end = 99
	}
	o := obj("conn_id", "room-list", "lists", obj("all_rooms", obj("ranges", array{array{0, end}}, "required_state", requiredState, "include_heroes", true, "filters", obj("not_room_types", []string{"m.space"}), "timeline_limit", 1)))
	if !first && s.percent(35) {
		s.sliding.opened = s.talk()
	}
	if r := s.sliding.opened; r != nil {
		o = o.with("room_subscriptions", obj(r.id, obj("required_state", requiredState, "timeline_limit", 20)))
	}
	if s.sliding.extension = first || s.percent(50); s.sliding.extension {
		o = o.with("extensions", obj("to_device", obj("enabled", true, "since", when(!first, fmt.Sprint(s.sliding.to))), "e2ee", obj("enabled", true), "account_data", obj("enabled", true), "receipts", obj("enabled", true, "rooms", []string{"*"}), "typing", obj("enabled", true), "io.element.msc4308.thread_subscriptions", when(s.w.server.Traits.Numbers > 10, obj("enabled", true, "limit", 10))))
	}
	return o
}

func (s *session) slidingAnswer(first bool) object {
	s.sliding.n++
	s.since = s.token()
	s.sliding.pos = fmt.Sprintf("%d/%s", s.sliding.n, s.since)
	list := obj("count", len(s.rooms))
	ids := []string{}
	for _, r := range s.rooms {
		ids = append(ids, r.id)
	}
	list = list.with("ops", array{obj("op", "SYNC", "range", array{0, max(0, len(ids)-1)}, "room_ids", ids)})
	if len(s.pending.rooms) == 0 || s.w.server.Traits.Sparse {
		list = obj("count", len(s.rooms))
	}
	rooms := object{}
	receipts, typing, account := object{}, object{}, object{}
	for _, d := range s.pending.rooms {
		r := d.room
		initial := !s.sliding.rooms[r]
		if initial && len(d.timeline) == 0 && len(r.timeline) > 0 {
			d.timeline = r.timeline[len(r.timeline)-1:]
		}
		if initial || len(d.timeline) > 0 || len(d.state) > 0 {
			rooms = append(rooms, member{r.id, s.slidingRoom(d, initial)})
		}
		s.sliding.rooms[r] = true
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
	global := array{}
	if first {
		global = s.accountEvents(s.globalData())
	} else {
		global = s.accountEvents(s.pending.account)
	}
	s.sliding.to += int64(len(s.pending.toDevice))
	e2ee := obj("device_one_time_keys_count", s.keyCount(), "device_unused_fallback_key_types", s.fallback())
	if len(s.pending.changed)+len(s.pending.left) > 0 {
		e2ee = obj("device_lists", obj("changed", append([]string{}, s.pending.changed...), "left", append([]string{}, s.pending.left...))).with(pairs(e2ee)...)
	}
	extensions := obj("to_device", obj("next_batch", fmt.Sprint(s.sliding.to), "events", objects(s.pending.toDevice)), "e2ee", e2ee,
		"account_data", when(len(global)+len(account) > 0, obj("global", global, "rooms", account)),
		"receipts", when(len(receipts) > 0, obj("rooms", receipts)), "typing", when(len(typing) > 0, obj("rooms", typing)))
	return obj("pos", s.sliding.pos, "lists", obj("all_rooms", list), "rooms", rooms, "extensions", extensions)
}

func (s *session) slidingRoom(d *delta, initial bool) object {
	r := d.room
	o := object{}
	if initial {
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
	if r.name == "" {
		heroes := array{}
		for _, u := range r.members {
			if u != s.me && len(heroes) < 5 {
				heroes = append(heroes, obj("user_id", u.id, "displayname", optional(u.display), "avatar_url", optional(u.avatar)))
			}
		}
		o = o.with("heroes", when(initial, heroes))
	}
	if len(d.state) > 0 {
		o = o.with("required_state", s.events(d.state, inSync))
	}
	if len(d.timeline) > 0 {
		o = o.with("timeline", s.events(d.timeline, inSync), "prev_batch", s.prevBatch(d), "num_live", len(d.timeline)*when01(!initial), "limited", initial)
	}
	bump := int64(0)
	if len(r.timeline) > 0 {
		bump = r.timeline[len(r.timeline)-1].position
	}
	return o.with("joined_count", len(r.members), "invited_count", 0, "notification_count", r.notifications, "highlight_count", r.highlights, "is_dm", when(initial && r.kind == "dm", true), "bump_stamp", bump)
}

func when01(b bool) int {
	if b {
		return 1
	}
	return 0
}
