package fakehs

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

const (
	maxPoll       = 10 * time.Minute
	timelineLimit = 10 // events, when the filter names no limit
)

// syncAnswer is the answer of /sync (CS API, "Syncing"). Empty parts are left out.
type syncAnswer struct {
	Next         string         `json:"next_batch"`
	AccountData  *eventList     `json:"account_data,omitempty"`
	Presence     *eventList     `json:"presence,omitempty"`
	ToDevice     *eventList     `json:"to_device,omitempty"`
	DeviceLists  *deviceLists   `json:"device_lists,omitempty"`
	KeyCounts    map[string]int `json:"device_one_time_keys_count"`
	FallbackKeys []string       `json:"device_unused_fallback_key_types"`
	Rooms        *syncRooms     `json:"rooms,omitempty"`
}

// eventList is a list of events that are not room events: objects with a type, content and perhaps a sender.
type eventList struct {
	Events []object `json:"events"`
}

func (l *eventList) add(typ string, content any) *eventList {
	if l == nil {
		l = &eventList{}
	}
	l.Events = append(l.Events, object{"type": typ, "content": content})
	return l
}

type syncRooms struct {
	Join   map[string]*syncRoom   `json:"join,omitempty"`
	Invite map[string]*syncInvite `json:"invite,omitempty"`
	Leave  map[string]*syncRoom   `json:"leave,omitempty"`
}

type syncInvite struct {
	State stateList `json:"invite_state"`
}

// cursor is what a client asks /sync for.
type cursor struct {
	*device
	since   position
	initial bool // no since: everything is new
	full    bool // the whole state of rooms is wanted
	filter  filter
}

// syncAll answers at once on a first sync and otherwise when there is news or the timeout has passed.
func syncAll(s *Server, q *request) (any, error) {
	f, err := q.user.syncFilter(q.query.Get("filter"))
	if err != nil {
		return nil, err
	}
	c := &cursor{device: q.device, full: q.query.Get("full_state") == "true", filter: f}
	if token := q.query.Get("since"); token == "" {
		c.initial = true
	} else if c.since, err = s.parsePosition(token); err != nil {
		return nil, err
	}
	if state := q.query.Get("set_presence"); validPresence(state) {
		s.setPresence(q.user, state, q.user.presence.message)
	} else if q.user.presence.state == "" {
		s.setPresence(q.user, "online", "")
	}
	c.acknowledge()
	millis, _ := strconv.ParseInt(q.query.Get("timeout"), 10, 64)
	timeout := time.Duration(min(max(millis, 0), maxPoll.Milliseconds())) * time.Millisecond
	for deadline := time.Now().Add(timeout); ; {
		left := time.Until(deadline)
		left = s.expireTyping(s.roomsOf(q.user, "join"), left)
		answer, news := s.news(c)
		if news || c.initial || c.full || time.Until(deadline) <= 0 || q.Context().Err() != nil {
			return answer, nil
		}
		s.wait(q.Context(), left)
		if s.tokens[q.device.token] != q.device {
			return nil, fail(http.StatusUnauthorized, "M_UNKNOWN_TOKEN", "logged out")
		}
	}
}

// news builds the answer for a cursor and says whether there is anything in it.
func (s *Server) news(c *cursor) (syncAnswer, bool) {
	next := s.now
	a := syncAnswer{KeyCounts: c.keyCounts(), FallbackKeys: c.unusedFallback()}
	a.ToDevice, next.inbox = c.undelivered(next.inbox)
	for _, typ := range slices.Sorted(maps.Keys(c.owner.data[""])) {
		if d := c.owner.data[""][typ]; (c.initial || d.pos > c.since.updates) && c.filter.AccountData.passes(typ, "") {
			a.AccountData = a.AccountData.add(typ, d.content)
		}
	}
	a.Presence = s.presenceNews(c)
	if !c.initial {
		a.DeviceLists = s.deviceListNews(c.owner, c.since)
	}
	a.Rooms = s.roomNews(c)
	a.Next = next.String()
	return a, a.AccountData != nil || a.Presence != nil || a.ToDevice != nil || a.DeviceLists != nil || a.Rooms != nil
}

func (s *Server) presenceNews(c *cursor) (list *eventList) {
	for _, id := range slices.Sorted(maps.Keys(s.sharing(c.owner))) {
		p := s.users[id].presence
		if p.pos > c.since.updates && c.filter.Presence.passes("m.presence", id) {
			list = list.add("m.presence", p.content(s.millis()))
			list.Events[len(list.Events)-1]["sender"] = id
		}
	}
	return list
}

func (s *Server) roomNews(c *cursor) *syncRooms {
	out := &syncRooms{Join: map[string]*syncRoom{}, Invite: map[string]*syncInvite{}, Leave: map[string]*syncRoom{}}
	for _, id := range slices.Sorted(maps.Keys(s.rooms)) {
		r := s.rooms[id]
		me := r.member(c.owner.id)
		if me == nil || r.forgotten[c.owner.id] || !c.filter.wantsRoom(id) {
			continue
		}
		switch me.membership() {
		case "join":
			if joined := s.joinedNews(c, r); joined != nil {
				out.Join[id] = joined
			}
		case "invite":
			if me.pos > c.since.events {
				out.Invite[id] = &syncInvite{stateList{r.inviteState(me)}}
			}
		default:
			if me.pos > c.since.events && (!c.initial || c.filter.Room.IncludeLeave) {
				out.Leave[id] = s.leftNews(c, r, me)
			}
		}
	}
	if len(out.Join)+len(out.Invite)+len(out.Leave) == 0 {
		return nil
	}
	return out
}

// inviteState is what an invited user may know (CS API, "Stripped state").
func (r *room) inviteState(invite *event) []any {
	var out []any
	shown := []string{
		"m.room.create", "m.room.join_rules", "m.room.name", "m.room.topic", "m.room.avatar", "m.room.canonical_alias", "m.room.encryption",
	}
	for _, typ := range shown {
		if e := r.state[stateID{typ, ""}]; e != nil {
			out = append(out, strip(e))
		}
	}
	if e := r.member(invite.sender); e != nil {
		out = append(out, strip(e))
	}
	own := strip(invite)
	own["event_id"], own["origin_server_ts"] = invite.id, invite.ts
	return append(out, own)
}

// strip renders a state event for those outside the room.
func strip(e *event) object {
	return object{"type": e.typ, "state_key": *e.stateKey, "sender": e.sender, "content": e.content}
}
