package traffic

// changes are what a client has not been told yet.
type changes struct {
	rooms         []*delta
	invites       []*room
	leaves        []*room
	knocks        []*room
	account       []accountData
	presence      []presence
	toDevice      []object
	changed, left []string
}

// delta is what is new in one room.
type delta struct {
	room     *room
	timeline []*event
	state    []*event
	receipts []receipt
	typing   []string
	typed    bool // typing changed, perhaps to nobody
	account  []accountData
	full     bool // the client does not know the room yet
	limited  bool
}

type receipt struct {
	event  *event
	user   *user
	kind   string
	ts     int64
	thread string
}

type presence struct {
	user   *user
	state  string
	ago    int
	status string
}

type accountData struct {
	kind    string
	content any
}

// in is the part of the changes for a room.
func (c *changes) in(r *room) *delta {
	for _, d := range c.rooms {
		if d.room == r {
			return d
		}
	}
	d := &delta{room: r}
	c.rooms = append(c.rooms, d)
	return d
}

// receiptContent is the content of an m.receipt event: by event, kind and user.
func receiptContent(receipts []receipt) object {
	content := object{}
	for i, rc := range receipts {
		known := false
		for _, earlier := range receipts[:i] {
			known = known || earlier.event == rc.event
		}
		if known {
			continue
		}
		byKind := object{}
		for _, kind := range []string{"m.read", "m.read.private"} {
			users := object{}
			for _, same := range receipts[i:] {
				if same.event == rc.event && same.kind == kind && users.get(same.user.id) == nil {
					users = users.with(same.user.id, obj("ts", same.ts, "thread_id", optional(same.thread)))
				}
			}
			if len(users) > 0 {
				byKind = byKind.with(kind, users)
			}
		}
		content = content.with(rc.event.id, byKind)
	}
	return content
}

// unread are the counts of notifications of a room, outside threads and in each.
func (r *room) unread(threads bool) (main object, byThread any) {
	main = obj("notification_count", r.notifications, "highlight_count", r.highlights)
	if !threads || len(r.threadUnread) == 0 {
		return main, nil
	}
	all := object{}
	for _, e := range r.timeline {
		if n := r.threadUnread[e.id]; n > 0 {
			all = all.with(e.id, obj("notification_count", n, "highlight_count", 0))
		}
	}
	if len(all) == 0 {
		return main, nil
	}
	return main, all
}

// summary is what clients need to name a room without its members.
func (s *session) summary(r *room, full bool) object {
	o := object{}
	if r.name == "" {
		heroes := []string{}
		for _, u := range r.members {
			if u != s.me && len(heroes) < 5 {
				heroes = append(heroes, u.id)
			}
		}
		o = o.with("m.heroes", heroes)
	}
	if full {
		o = o.with("m.joined_member_count", len(r.members), "m.invited_member_count", 0)
	}
	return o
}

// lazyMembers are the membership events that a client needs to show a timeline.
func (s *session) lazyMembers(r *room, timeline []*event) []*event {
	var all []*event
	for _, e := range timeline {
		if r.seen[e.sender] {
			continue
		}
		r.seen[e.sender] = true
		if m := r.current("m.room.member", e.sender.id); m != nil && m != e {
			all = append(all, m)
		}
	}
	return all
}
