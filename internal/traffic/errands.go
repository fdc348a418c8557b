package traffic

import (
	"fmt"
	"strings"
)

// errands are what clients do besides talking.
var errands = []choice[func(*session)]{
	{16, (*session).queryKeys}, {12, func(s *session) { s.uploadKeysIfAble() }}, {6, func(s *session) { s.members(s.talk()) }}, {4, (*session).joinedMembers},
	{10, func(s *session) { s.history(s.talk()) }}, {10, (*session).someProfile}, {4, (*session).putProfile}, {6, (*session).putPresence},
	{5, (*session).createRoom}, {6, (*session).join}, {4, (*session).invite}, {3, (*session).directory}, {3, (*session).publicRooms},
	{3, (*session).devices}, {4, (*session).turn}, {5, (*session).accountData}, {3, (*session).pushRules}, {3, (*session).state}, {3, (*session).stateOne},
	{2, (*session).joinedRooms}, {3, (*session).userDirectory}, {4, (*session).roomKeys}, {3, (*session).context}, {3, (*session).relations},
	{2, (*session).hierarchy}, {2, (*session).search}, {2, (*session).preview}, {2, (*session).mediaConfig}, {2, (*session).leave},
	{2, (*session).pushers}, {2, (*session).putRule}, {3, (*session).delayed}, {2, (*session).openID}, {2, (*session).mute}, {2, (*session).oneEvent}, {1, (*session).versions}, {1, (*session).capabilities},
	{3, (*session).verify}, {2, (*session).thirdParty}, {2, (*session).threadList}, {1, (*session).notifications},
	{8, (*session).moderate}, {3, (*session).knock}, {2, (*session).refresh}, {2, (*session).keyChanges}, {5, (*session).small},
}

func (s *session) queryKeys() {
	if !s.client.crypto {
		s.someProfile()
		return
	}
	r := s.talk()
	asked, answer := object{}, object{}
	var users []*user
	for range s.between(1, 3) {
		u := s.other(r)
		if u == nil || asked.get(u.id) != nil {
			continue
		}
		users = append(users, u)
		asked = asked.with(u.id, []string{})
		devices := object{}
		for _, d := range u.devices {
			devices = append(devices, member{d.id, u.deviceKeys(d, true)})
		}
		answer = append(answer, member{u.id, devices})
	}
	s.do("keys_query", "POST", s.path("/keys/query"), obj("device_keys", asked, "timeout", when(s.percent(50), 10000), "token", when(s.percent(30), optional(s.since))), 200, s.keysAnswer(users, answer))
}

func (s *session) uploadKeysIfAble() {
	if s.client.crypto {
		s.uploadKeys(false)
		return
	}
	s.putPresence()
}

func (s *session) members(r *room) {
	var all []*event
	for _, e := range r.state {
		if e.kind == "m.room.member" {
			all = append(all, e)
			r.seen[e.sender] = true
		}
	}
	target := s.path("/rooms/%s/members", r.id)
	if s.percent(70) {
		target += "?not_membership=leave" + ifSet("&at=", s.since)
	}
	s.do("members", "GET", target, nil, 200, obj("chunk", s.events(all, inRoom)))
}

func (s *session) joinedMembers() {
	joined := object{}
	for _, u := range s.talk().members {
		name := u.display
		if name == "" {
			name = u.local
		}
		var avatar any = raw("null")
		if u.avatar != "" {
			avatar = u.avatar
		}
		joined = append(joined, member{u.id, obj("avatar_url", avatar, "display_name", name)})
	}
	s.do("joined_members", "GET", s.path("/rooms/%s/joined_members", s.talk().id), nil, 200, obj("joined", joined))
}

// history is a page of old events, the newest first.
func (s *session) history(r *room) {
	if len(r.timeline) == 0 {
		return
	}
	limit := pick(s.source, []int{5, 10, 20, 30})
	from := r.timeline[len(r.timeline)-1]
	var chunk, state []*event
	senders := map[*user]bool{}
	for i := len(r.timeline) - 1; i >= 0 && len(chunk) < limit; i-- {
		e := r.timeline[i]
		chunk = append(chunk, e)
		if !senders[e.sender] {
			senders[e.sender] = true
			if m := r.current("m.room.member", e.sender.id); m != nil {
				state = append(state, m)
			}
		}
	}
	target := s.path("/rooms/%s/messages", r.id)
	lazy := s.client.crypto && s.percent(60)
	start, end := s.before(from), s.before(chunk[len(chunk)-1])
	switch {
	case lazy:
		target += fmt.Sprintf("?from=%s&limit=%d&dir=b&filter=%s", start, limit, escapeJS(`{"lazy_load_members":true}`))
	default:
		target += fmt.Sprintf("?dir=b&from=%s&limit=%d", start, limit)
		state = nil
	}
	answer := obj("chunk", s.events(chunk, inRoom), "start", start, "end", end)
	if s.w.server.Software != Synapse {
		answer = obj("start", start, "end", end, "chunk", s.events(chunk, inRoom))
	}
	if len(state) > 0 {
		answer = answer.with("state", s.events(state, inRoom))
	}
	s.do("messages", "GET", target, nil, 200, answer)
}

func (s *session) profile(u *user) object {
	return obj("displayname", optional(u.display), "avatar_url", optional(u.avatar), "m.tz", when(len(u.id)%7 == 0, "Europe/Helsinki"))
}

func (s *session) someProfile() {
	u := pick(s.source, append(append(s.remotes, s.locals...), s.ghosts...))
	if s.percent(20) && u.display != "" {
		s.do("profile_get", "GET", s.path("/profile/%s/displayname", u.id), nil, 200, obj("displayname", u.display))
		return
	}
	s.do("profile_get", "GET", s.path("/profile/%s", u.id), nil, 200, s.profile(u))
}

func (s *session) putProfile() {
	if s.percent(60) {
		s.me.display = pick(s.source, s.me.speaker.names) + pick(s.source, []string{"", " 🌊", " (AFK)", " 2"})
		s.do("profile_put", "PUT", s.path("/profile/%s/displayname", s.me.id), obj("displayname", s.me.display), 200, obj())
	} else {
		s.me.avatar = s.mxc(s.me.server)
		s.do("profile_put", "PUT", s.path("/profile/%s/avatar_url", s.me.id), obj("avatar_url", s.me.avatar), 200, obj())
	}
	for i, r := range s.rooms {
		if i < 6 {
			e := s.setState(r, s.me, "m.room.member", s.me.id, s.me.member("join"))
			d := s.pending.in(r)
			d.timeline = append(d.timeline, e)
		}
	}
	s.sync(30000)
}

func (s *session) putPresence() {
	p := pick(s.source, []string{"online", "unavailable", "offline", "online"})
	var status any
	if s.percent(20) {
		status = s.me.speaker.phrase()
	}
	s.do("presence", "PUT", s.path("/presence/%s/status", s.me.id), obj("presence", p, "status_msg", status), 200, obj())
}

func (s *session) createRoom() {
	if len(s.rooms) > 14 {
		s.directory()
		return
	}
	kind := pick(s.source, []string{"dm", "dm", "group", "public"})
	r := s.newRoom(kind)
	r.seen = map[*user]bool{s.me: true}
	if !r.has(s.me) {
		r.members = append(r.members, s.me)
		s.setState(r, s.me, "m.room.member", s.me.id, s.me.member("join"))
	}
	invite := []string{}
	for _, u := range r.members {
		if u != s.me && len(invite) < 3 {
			invite = append(invite, u.id)
		}
	}
	var encryption any
	if r.encrypted {
		encryption = array{obj("type", "m.room.encryption", "state_key", "", "content", obj("algorithm", "m.megolm.v1.aes-sha2"))}
	}
	body := obj("preset", "trusted_private_chat", "visibility", "private", "invite", invite, "is_direct", true, "initial_state", encryption)
	switch kind {
	case "group":
		body = obj("name", r.name, "preset", "private_chat", "visibility", "private", "initial_state", encryption, "invite", when(len(invite) > 0, invite), "room_version", when(s.percent(20), r.version))
	case "public":
		body = obj("name", r.name, "topic", pick(s.source, r.speaker.topics), "preset", "public_chat", "room_alias_name", strings.TrimPrefix(strings.SplitN(r.alias, ":", 2)[0], "#"), "visibility", "public", "creation_content", obj("m.federate", true))
	}
	s.do("createRoom", "POST", s.path("/createRoom"), body, 200, obj("room_id", r.id, "room_alias", when(kind == "public", r.alias)))
	s.enter(r)
}

// enter makes the room known to the client.
func (s *session) enter(r *room) {
	s.rooms = append(s.rooms, r)
	d := s.pending.in(r)
	d.full, d.limited = true, true
	d.timeline = append(d.timeline, r.timeline[max(0, len(r.timeline)-10):]...)
	in := map[*event]bool{}
	for _, e := range d.timeline {
		in[e] = true
	}
	for _, e := range r.state {
		if !in[e] && len(d.state) < 40 {
			d.state = append(d.state, e)
		}
	}
	s.sync(30000)
}

func (s *session) join() {
	for _, r := range s.w.rooms {
		if r.has(s.me) {
			continue
		}
		if s.percent(40) {
			s.pending.invites = append(s.pending.invites, r)
			s.sync(30000)
		}
		r.members = append(r.members, s.me)
		s.setState(r, s.me, "m.room.member", s.me.id, s.me.member("join"))
		where := r.id
		if r.alias != "" && s.percent(50) {
			where = r.alias
		}
		target := s.path("/join/%s", where)
		if s.percent(30) {
			target += "?server_name=" + r.creator.server + "&via=" + r.creator.server
		}
		s.do("join", "POST", target, obj(), 200, obj("room_id", r.id))
		s.enter(r)
		return
	}
	s.invite()
}

func (s *session) invite() {
	r := s.talk()
	u := pick(s.source, append(s.remotes, s.locals...))
	s.do("invite", "POST", s.path("/rooms/%s/invite", r.id), obj("user_id", u.id, "reason", when(s.percent(15), s.me.speaker.phrase())), 200, obj())
	if !r.has(u) {
		e := s.setState(r, s.me, "m.room.member", u.id, u.member("invite"))
		s.pending.in(r).timeline = append(s.pending.in(r).timeline, e)
		s.sync(30000)
	}
}

func (s *session) leave() {
	if len(s.rooms) < 4 {
		return
	}
	r := s.rooms[len(s.rooms)-1]
	s.rooms = s.rooms[:len(s.rooms)-1]
	s.talking = nil
	s.do("leave", "POST", s.path("/rooms/%s/leave", r.id), obj(), 200, obj())
	for i, u := range r.members {
		if u == s.me {
			r.members = append(append([]*user{}, r.members[:i]...), r.members[i+1:]...)
			break
		}
	}
	s.setState(r, s.me, "m.room.member", s.me.id, obj("membership", "leave"))
	s.pending = changes{leaves: []*room{r}}
	s.sync(30000)
}
