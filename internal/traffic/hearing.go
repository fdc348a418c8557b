package traffic

// hear lets others be active in rooms of the user; the client syncs, and shows to the
// others what it has read.
func (s *session) hear() {
	for range choose(s.source, []choice[int]{{70, 1}, {18, 2}, {8, 3}, {4, 5}}) {
		s.activity()
	}
	s.around()
	s.sync(30000)
	if s.percent(45) {
		s.read()
	}
}

// talk is a room in which something happens: conversations stay in a room for a while.
func (s *session) talk() *room {
	if s.talking == nil || s.percent(18) {
		var open []*room
		for _, r := range s.rooms {
			if r.kind != "space" {
				open = append(open, r)
			}
		}
		if len(open) == 0 {
			open = s.rooms
		}
		// The first rooms are the ones that are used most.
		s.talking = open[min(s.IntN(len(open)), s.IntN(len(open)))]
	}
	return s.talking
}

// other is a member of the room who is not the user.
func (s *session) other(r *room) *user {
	var all []*user
	for _, u := range r.members {
		if u != s.me {
			all = append(all, u)
		}
	}
	if len(all) == 0 {
		return nil
	}
	// A few say most of it.
	return all[min(s.IntN(len(all)), s.IntN(len(all)))]
}

// activity is one thing that another user does.
func (s *session) activity() {
	r := s.talk()
	u := s.other(r)
	if u == nil {
		return
	}
	s.now += s.span(80, 9000)
	d := s.pending.in(r)
	switch n := s.IntN(100); {
	case n < 22 && !u.bot:
		s.streams[streamTyping]++
		d.typed = true
		if s.percent(70) {
			d.typing = []string{u.id}
		}
	case n < 42 && !u.bot:
		s.receive(d, u)
	default:
		what := choose(s.source, acts)
		if u.bot {
			what = choose(s.source, botActs)
		}
		before := len(u.devices)
		e := s.does(r, u, what)
		d.timeline = append(d.timeline, e)
		if e.kind == "m.room.message" || e.kind == "m.room.encrypted" {
			s.counted(r, e)
		}
		if d.typed && s.percent(60) {
			d.typing = nil
		}
		if r.encrypted && before > 0 && s.client.crypto && s.percent(9) {
			s.pending.toDevice = append(s.pending.toDevice, s.toDevice(u, s.me, s.dev))
			s.streams[streamDevice]++
		}
	}
}

// counted raises the counts of unread messages.
func (s *session) counted(r *room, e *event) {
	if e.thread != "" && s.client.threads {
		r.threadUnread[e.thread]++
		return
	}
	r.notifications++
	if s.percent(6) {
		r.highlights++
	}
}

// receive adds a receipt of another user.
func (s *session) receive(d *delta, u *user) {
	if len(d.room.timeline) == 0 {
		return
	}
	last := d.room.timeline[len(d.room.timeline)-1]
	if s.percent(25) {
		last = d.room.timeline[max(0, len(d.room.timeline)-1-s.IntN(6))]
	}
	s.streams[streamReceipts]++
	rc := receipt{event: last, user: u, kind: "m.read", ts: s.now - s.span(5, 900)}
	if u.reader {
		rc.thread = "main"
		if last.thread != "" {
			rc.thread = last.thread
		}
	}
	d.receipts = append(d.receipts, rc)
}

// around is what happens besides rooms: presence, devices, invitations.
func (s *session) around() {
	if s.w.server.Traits.Presence && s.percent(22) {
		s.streams[streamPresence] += s.span(1, 3)
		for range s.between(1, 2) {
			p := presence{user: pick(s.source, s.locals), state: pick(s.source, []string{"online", "online", "unavailable", "offline"}), ago: s.between(20, 400000)}
			if s.percent(10) {
				p.status = p.user.speaker.phrase()
			}
			s.pending.presence = append(s.pending.presence, p)
		}
	}
	if s.client.crypto && s.percent(6) {
		s.streams[streamLists]++
		u := pick(s.source, append(s.remotes, s.locals...))
		s.pending.changed = append(s.pending.changed, u.id)
	}
	if s.client.crypto && s.percent(5) {
		s.keysLeft = max(20, s.keysLeft-1)
		s.pending.toDevice = append(s.pending.toDevice, s.toDevice(pick(s.source, s.locals), s.me, s.dev))
		s.streams[streamDevice]++
	}
	if s.percent(2) {
		s.pending.left = append(s.pending.left, pick(s.source, append(s.remotes, s.locals...)).id)
	}
	if s.percent(2) {
		s.streams[streamAccount]++
		s.pending.account = append(s.pending.account, pick(s.source, s.globalData()))
	}
}

// read tells that the user has read a room.
func (s *session) read() {
	r := s.talk()
	var last *event
	for _, e := range r.timeline {
		if s.knows(s.me, e) {
			last = e
		}
	}
	if last == nil || last == r.read {
		return
	}
	r.read = last
	thread := ""
	if s.client.threads {
		thread = "main"
		if last.thread != "" {
			thread = last.thread
		}
	}
	private := s.percent(8)
	kind := "m.read"
	if private {
		kind = "m.read.private"
	}
	if s.client.markers && s.percent(55) {
		s.do("read_markers", "POST", s.path("/rooms/%s/read_markers", r.id), obj("m.fully_read", last.id, "m.read", when(!private, last.id), "m.read.private", when(private, last.id)), 200, obj())
		s.pending.in(r).account = append(s.pending.in(r).account, accountData{"m.fully_read", obj("event_id", last.id)})
	} else {
		var body any = obj()
		if thread != "" {
			body = obj("thread_id", thread)
		}
		s.do("receipt", "POST", s.path("/rooms/%s/receipt/%s/%s", r.id, raw(kind), last.id), body, 200, obj())
	}
	s.streams[streamReceipts]++
	s.pending.in(r).receipts = append(s.pending.in(r).receipts, receipt{event: last, user: s.me, kind: kind, ts: s.now, thread: thread})
	r.notifications, r.highlights, r.threadUnread = 0, 0, map[string]int{}
	if s.percent(60) {
		s.sync(30000)
	}
}
