package idtable

import (
	"errors"
	"fmt"
)

// modelServer is a life of the server with the message layer below it.
type modelServer struct {
	w      *simulation
	lives  uint64
	tables *Server
	// known are the requests that came, with their answers once there are any: copies of
	// them get the same.
	known    map[uint64]*answer
	watchers []*watcher
	dead     bool
}

// answer is a response, or what takes its place.
type answer struct {
	from             *modelServer
	m                message
	unknown, refused bool
	// empty: an ACK alone, so far.
	empty bool
	// separate: it is a message of its own, which is repeated until it is acknowledged.
	separate, acked bool
	sent            int
}

// watcher is an observation.
type watcher struct {
	r    *request
	gone bool
}

func newModelServer(w *simulation, lives uint64, watchers []*watcher) *modelServer {
	s := &modelServer{w: w, lives: lives, tables: NewServer(w.size, lives<<32), known: make(map[uint64]*answer)}
	for _, o := range watchers {
		if !o.gone && w.chance(70) {
			s.watch(o.r)
		}
	}
	return s
}

// arrive takes a datagram of a request.
func (s *modelServer) arrive(r *request) {
	w := s.w
	if a, ok := s.known[r.mid]; ok {
		if a != nil && !a.separate {
			s.reply(r, a)
		}
		return
	}
	if r.finished && !w.copies {
		w.counts.lateCopies++
		return // no copy of it reaches a later life of the server
	}
	call := s.tables.Admit(r.c.life)
	s.known[r.mid] = nil
	w.after(8*w.lifetime(), func() { delete(s.known, r.mid) })
	if call.stale() {
		w.counts.stale++
	}
	if !w.calm && w.chance(w.refuse) {
		s.finish(r, &answer{from: s, refused: true})
		return
	}
	now, later := func() { s.take(call, r, false) }, func() { s.take(call, r, true) }
	switch {
	case r.blockwise:
		if w.calm || w.chance(90) { // or the rest never comes
			w.after(1+w.rng.Int64N(2*w.slow), now)
		}
	case w.chance(30): // acknowledged first, then read
		s.finish(r, &answer{from: s, empty: true})
		w.after(1+w.rng.Int64N(w.delay), later)
	default:
		now()
	}
}

// take reads a request and has it answered, now or later.
func (s *modelServer) take(call *Call, r *request, separate bool) {
	w := s.w
	if s.dead {
		return
	}
	w.broken.take(s.tables, call)
	own, missing := call.OwnNote(r.m.state.Client)
	in, err := call.Request(r.m.state)
	if err == nil && (missing != nil || own != r.m.own) {
		w.fail("request (%+v): the note of its own base is %v (%v) and was %v", r.m.state, own, missing, r.m.own)
	}
	if err == nil {
		err = w.read(in, r.m)
	}
	if err != nil {
		// A server that was restarted since finds some of what a request refers to.
		if !errors.Is(err, ErrUnknown) && !(errors.Is(err, errMissing) && r.server != s) {
			w.fail("request (%+v): %v", r.m.state, err)
		}
		if r.server == s && !call.stale() {
			w.counts.spurious++
		}
		s.finish(r, &answer{from: s, unknown: true, separate: separate})
		return
	}
	switch {
	case r.poll:
		if !separate {
			s.finish(r, &answer{from: s, empty: true})
		}
		w.after(1+w.rng.Int64N(3*w.slow), func() { s.respond(call, r, true) })
	case w.chance(30):
		if !separate {
			s.finish(r, &answer{from: s, empty: true})
		}
		w.after(1+w.rng.Int64N(2*w.delay), func() { s.respond(call, r, true) })
	default:
		s.respond(call, r, separate)
	}
}

func (s *modelServer) respond(call *Call, r *request, separate bool) {
	if s.dead {
		return
	}
	var texts []string
	if !s.w.quietServer || s.w.chance(5) {
		texts = s.w.texts("s")
	}
	if r.done != nil {
		texts = []string{probe}
	}
	o := call.Response()
	m := s.w.write(o, texts)
	s.finish(r, &answer{from: s, m: m, separate: separate})
	if r.observe {
		s.watch(r)
	}
}

// finish keeps and sends an answer.
func (s *modelServer) finish(r *request, a *answer) {
	s.known[r.mid] = a
	if a.separate {
		s.repeat(r, a)
		return
	}
	s.reply(r, a)
}

func (s *modelServer) reply(r *request, a *answer) {
	s.w.post(func() {
		if a.empty {
			r.acknowledged()
			return
		}
		r.response(a)
	})
}

// repeat sends a separate response until it is acknowledged.
func (s *modelServer) repeat(r *request, a *answer) {
	w := s.w
	if s.dead || a.acked || a.sent == transmissions {
		return
	}
	w.post(func() {
		r.response(a)
		w.post(func() { a.acked = true })
	})
	w.after(timeout<<a.sent, func() { s.repeat(r, a) })
	a.sent++
}

// watch registers an observation.
func (s *modelServer) watch(r *request) {
	o := &watcher{r: r}
	s.watchers = append(s.watchers, o)
	if len(s.watchers) > 8 {
		s.watchers[0].gone = true
		s.watchers = s.watchers[1:]
	}
	s.w.after(20+s.w.rng.Int64N(s.w.slow), func() { s.news(o) })
}

// news sends a notification to an observer, one at a time.
func (s *modelServer) news(o *watcher) {
	w := s.w
	if s.dead || o.gone {
		return
	}
	out, n := s.tables.Notification()
	m := w.write(out, w.texts("s"))
	mid, sent, done := w.id(), 0, false
	end := func(acknowledged bool) {
		if done || s.dead {
			return
		}
		done = true
		n.Done(acknowledged)
		if !acknowledged {
			o.gone = true
			return
		}
		w.after(1+w.rng.Int64N(w.slow), func() { s.news(o) })
	}
	var transmit func()
	transmit = func() {
		switch {
		case done || s.dead:
		case sent == transmissions:
			// It may still come, until then its base must be clear.
			w.after(w.slow+1, func() { end(false) })
		default:
			w.post(func() {
				c := o.r.c
				ok, known := c.answers[mid]
				if !known {
					ok = o.r.notification(m)
					c.answers[mid] = ok
				}
				w.post(func() { end(ok) })
			})
			w.after(timeout<<sent, transmit)
			sent++
		}
	}
	transmit()
}

// bounded checks how much is remembered.
func (s *modelServer) bounded() error {
	t := s.tables
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := bounded(s.w.size, &t.out.store, len(t.out.batches)); err != nil {
		return fmt.Errorf("server's table: %w", err)
	}
	if err := bounded(s.w.size, &t.in.store, len(t.in.batches)); err != nil {
		return fmt.Errorf("client's table at the server: %w", err)
	}
	if len(t.naming) > 1000 {
		return fmt.Errorf("%d notifications", len(t.naming))
	}
	return nil
}
