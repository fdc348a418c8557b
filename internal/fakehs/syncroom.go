package fakehs

import (
	"maps"
	"slices"
)

// syncRoom is one room in the answer of /sync. A room that the user has left has only a timeline and state.
type syncRoom struct {
	Summary     object     `json:"summary,omitempty"`
	State       *stateList `json:"state,omitempty"`
	Timeline    *timeline  `json:"timeline,omitempty"`
	Ephemeral   *eventList `json:"ephemeral,omitempty"`
	AccountData *eventList `json:"account_data,omitempty"`
	Unread      object     `json:"unread_notifications,omitempty"`
}

type stateList struct {
	Events []any `json:"events"`
}

type timeline struct {
	Events  []eventView `json:"events"`
	Limited bool        `json:"limited"`
	Prev    string      `json:"prev_batch"`
}

// joinedNews is the news of a room that the user is in; nil when there is none. To someone who has just joined, everything
// in the room is new.
func (s *Server) joinedNews(c *cursor, r *room) *syncRoom {
	since := c.since
	first := r.member(c.owner.id)
	for first.prev != nil && first.prev.membership() == "join" {
		first = first.prev // a change of name is a member event too
	}
	fresh := first.pos > since.events
	if fresh {
		since = position{}
	}
	out := &syncRoom{}
	s.fillTimeline(out, c, r, since.events, s.now.events)
	rf := c.filter.Room
	if r.typed > since.updates && (len(r.typing) > 0 || !fresh) && rf.Ephemeral.passes("m.typing", "") {
		out.Ephemeral = out.Ephemeral.add("m.typing", r.typingContent())
	}
	if content := r.receiptContent(c.owner.id, since.updates); content != nil && rf.Ephemeral.passes("m.receipt", "") {
		out.Ephemeral = out.Ephemeral.add("m.receipt", content)
	}
	data := c.owner.data[r.id]
	for _, typ := range slices.Sorted(maps.Keys(data)) {
		if d := data[typ]; d.pos > since.updates && rf.AccountData.passes(typ, "") {
			out.AccountData = out.AccountData.add(typ, d.content)
		}
	}
	if out.Timeline == nil && out.State == nil && out.Ephemeral == nil && out.AccountData == nil && !fresh && !c.full {
		return nil
	}
	if out.Timeline != nil || out.Ephemeral != nil || fresh {
		out.Unread = object{"notification_count": r.unread(c.owner.id), "highlight_count": 0}
	}
	if fresh || slices.ContainsFunc(r.after(since.events), func(e *event) bool { return e.typ == typeMember }) {
		out.Summary = r.summary(c.owner.id)
	}
	return out
}

// leftNews is what happened up to the departure of the user.
func (s *Server) leftNews(c *cursor, r *room, departure *event) *syncRoom {
	out := &syncRoom{}
	if _, wasIn := r.readable(c.owner.id); wasIn {
		s.fillTimeline(out, c, r, c.since.events, departure.pos)
	} else { // an invitation that was refused or taken back: the room stays unknown
		out.Timeline = &timeline{Events: s.views([]*event{departure}, c.device, ""), Prev: pageToken(departure.pos - 1)}
	}
	return out
}

// fillTimeline puts the last events between two positions into the timeline, and into the state whatever changed there
// without showing in the timeline.
func (s *Server) fillTimeline(out *syncRoom, c *cursor, r *room, since, until int64) {
	rf := c.filter.Room
	shown, start, more := r.page(until, since, true, max(rf.Timeline.limitOr(timelineLimit), 1), rf.Timeline)
	if rf.Timeline.limitOr(timelineLimit) == 0 {
		more, start, shown = len(shown) > 0, until, nil
	}
	if !more {
		start = since
	}
	slices.Reverse(shown)
	if len(shown) > 0 || more {
		out.Timeline = &timeline{Events: s.views(shown, c.device, ""), Limited: more, Prev: pageToken(start)}
	}
	visible := map[*event]bool{}
	for _, e := range shown {
		visible[e] = true
	}
	if c.full {
		since = 0
	}
	state := map[stateID]*event{}
	for _, e := range r.between(since, until) {
		if e.stateKey != nil && !visible[e] && rf.State.passes(e.typ, e.sender) {
			state[stateID{e.typ, *e.stateKey}] = e
		}
	}
	if rf.State.Lazy {
		r.thinOut(state, shown, c.owner.id, until, rf.State)
	}
	if len(state) > 0 {
		out.State = &stateList{}
		for _, e := range inOrder(maps.Values(state)) {
			out.State.Events = append(out.State.Events, s.view(e, c.device, ""))
		}
	}
}

// summary helps clients to name a room (CS API, "Calculating the display name for a room").
func (r *room) summary(viewer string) object {
	joined, invited := r.members("join"), r.members("invite")
	heroes := slices.DeleteFunc(slices.Concat(joined, invited), func(id string) bool { return id == viewer })
	return object{
		"m.heroes": heroes[:min(len(heroes), 5)], "m.joined_member_count": len(joined), "m.invited_member_count": len(invited),
	}
}

// thinOut leaves of the members in a state only those who sent one of the events shown, and the viewer. Senders whose
// membership changed earlier are added: the client may not know them yet.
func (r *room) thinOut(state map[stateID]*event, shown []*event, viewer string, until int64, f eventFilter) {
	senders := r.senders(shown, until)
	maps.DeleteFunc(state, func(id stateID, e *event) bool {
		return id.typ == typeMember && id.key != viewer && !slices.Contains(senders, e)
	})
	for _, e := range senders {
		if !slices.Contains(shown, e) && f.passes(e.typ, e.sender) {
			state[stateID{typeMember, *e.stateKey}] = e
		}
	}
}

// senders are the memberships, at a position, of those who sent the events, each once and in order.
func (r *room) senders(events []*event, until int64) []*event {
	sent := map[string]bool{}
	for _, e := range events {
		sent[e.sender] = true
	}
	members := []*event{}
	for _, e := range r.stateAt(until) {
		if e.typ == typeMember && sent[*e.stateKey] {
			members = append(members, e)
		}
	}
	return members
}
