package traffic

import (
	"fmt"

	"github.com/coapgw/coapgw/internal/measure"
)

// session is a client at work. It moves the world on.
type session struct {
	*world
	w      *world
	name   string
	client client
	me     *user
	dev    *device
	rooms  []*room // in which the user is
	length int     // in exchanges

	since, filterID string
	sent            int // transactions
	keysLeft        int
	nextKey         int
	fallbackUnused  bool
	pending         changes
	sliding         sliding
	entries         []measure.Entry
	times           []int64
	talking         *room
	skew            int64 // of the client's clock
}

func newSession(w *world, i int, c client) *session {
	s := &session{world: w, w: w, name: fmt.Sprintf("%s-%d-%s", w.server.Name, i, c.name), client: c}
	s.me = w.locals[i%len(w.locals)]
	if c.bot && len(w.bots) > 0 {
		s.me = w.bots[i%len(w.bots)]
	}
	s.dev = w.newDevice()
	s.dev.name = c.device
	s.me.devices = append([]*device{s.dev}, s.me.devices...)
	w.listener = s.me
	s.me.bodyFirst, s.me.quotes, s.me.reader = c.sorted, c.base == "r0", c.base != "r0" && !c.bot
	s.skew = w.span(-1500, 1500)
	s.length = choose(w.source, []choice[int]{{90, w.between(150, 165)}, {10, w.between(300, 400)}})
	s.keysLeft, s.nextKey, s.fallbackUnused = 50, w.between(0, 400), w.percent(70)
	w.now += w.span(3600000, 20*86400000)
	for j := range w.streams {
		w.streams[j] += w.span(0, int64(w.server.Busy)*3)
	}
	for _, r := range w.rooms {
		delete(r.megolm, s.me)
		r.seen = map[*user]bool{s.me: true}
		r.notifications, r.highlights, r.threadUnread, r.tags = w.IntN(4), 0, map[string]int{}, nil
		if !r.has(s.me) && (w.percent(45) || len(s.rooms) < 2) {
			r.members = append(r.members, s.me)
			w.setState(r, s.me, "m.room.member", s.me.id, s.me.member("join"))
		}
		if r.has(s.me) {
			s.rooms = append(s.rooms, r)
		}
	}
	return s
}

// run makes the entries of the session.
func (s *session) run() Session {
	s.start()
	for len(s.entries) < s.length {
		s.step()
	}
	return Session{Name: s.name, Server: s.w.server.Name, Client: s.client.name, Entries: s.entries, Times: s.times}
}

// step is a while of the session: someone does something, and the client hears of it.
func (s *session) step() {
	switch n := s.IntN(100); {
	case n < 44:
		s.pass(4000, 240000)
		s.hear()
	case n < 78:
		s.pass(1500, 60000)
		s.speak()
	case n < 84:
		s.pass(25000, 31000)
		s.idle()
	case n < 97:
		s.pass(200, 20000)
		choose(s.source, errands)(s)
	default:
		s.pass(100, 4000)
		choose(s.source, mishaps)(s)
	}
}

// pass lets time go by, in which others on the server are active too.
func (s *session) pass(low, high int64) {
	s.now += s.span(low, high)
	busy := int64(s.w.server.Busy)
	for i, share := range []int64{3, 6, 4, 3, 8, 60, 9, 12} {
		if i == streamPresence && !s.w.server.Traits.Presence {
			continue
		}
		if s.percent(70) {
			s.streams[i] += s.Int64N(busy/share + 1)
		}
	}
}

// do records an exchange.
func (s *session) do(kind, method, target string, request any, status int, response any) {
	s.now += s.span(15, 900)
	e := measure.Entry{Kind: kind, Method: method, Target: target, Status: status, ResponseType: jsonType}
	if request != nil {
		e.Request, e.RequestType = text(request), jsonType
		if s.client.sorted {
			e.Request = canonical(request)
		}
	}
	e.Response = text(response)
	s.entries = append(s.entries, e)
	s.times = append(s.times, s.now)
}

// path is a path of the client-server API, with the version of the client; parameters
// are escaped as the client does.
func (s *session) path(format string, parameters ...any) string {
	return s.pathOf("/_matrix/client/"+s.client.base, format, parameters...)
}

func (s *session) pathOf(prefix, format string, parameters ...any) string {
	for i, p := range parameters {
		if str, ok := p.(string); ok {
			parameters[i] = s.client.escape(str)
		}
	}
	return prefix + fmt.Sprintf(format, parameters...)
}

// sync asks for what is pending.
func (s *session) sync(timeout int) {
	if s.client.sliding && s.w.server.Software == Synapse {
		s.slide(timeout)
		return
	}
	target := s.path("/sync") + "?" + s.client.query(s, timeout)
	s.learnMembers()
	s.now += s.span(15, 450) // from the event to the answer
	answer := s.syncAnswer(&s.pending, false)
	s.do("sync", "GET", target, nil, 200, answer)
	s.pending = changes{}
}

// learnMembers adds the members that the timelines need.
func (s *session) learnMembers() {
	for _, d := range s.pending.rooms {
		if !d.full {
			d.state = append(d.state, s.lazyMembers(d.room, d.timeline)...)
		}
	}
}

// idle is a poll in which nothing happened.
func (s *session) idle() {
	for range s.between(1, 3) {
		s.sync(30000)
		s.pass(28000, 32000)
	}
}

const jsonType = "application/json"
