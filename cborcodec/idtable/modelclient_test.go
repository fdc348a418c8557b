package idtable

import (
	"errors"
	"fmt"
	"time"
)

var errMissing = errors.New("there is no entry")

// modelClient is a life of the client with the message layer below it.
type modelClient struct {
	w      *simulation
	life   uint8
	tables *Client
	open   int // requests that are waited for
	// answers are what notifications were answered with, by message ID.
	answers map[uint64]bool
	dead    bool
	epoch   *epoch
	server  *modelServer // that was there when the epoch began
}

// request is one of the client's and what became of it.
type request struct {
	c         *modelClient
	x         *Exchange
	mid       uint64
	server    *modelServer // that was there when the epoch began
	m         message
	blockwise bool
	poll      bool
	observe   bool
	// repeated: it is what a request was made again as that this server did not know.
	repeated *modelServer
	sent     int
	acked    bool
	// over: nobody waits for the response. finished: no copy may arrive, other than those
	// that this server knows as such.
	over, finished bool
	// observed: notifications are read.
	observed bool
	done     func(outcome) // for exchanges in lock-step
}

type outcome int

const (
	answered outcome = iota
	unknown
	failed
)

func newModelClient(w *simulation, life uint8) *modelClient {
	c := &modelClient{w: w, life: life, tables: NewClient(w.size), answers: make(map[uint64]bool)}
	if w.copies && !w.broken.forgetful {
		c.tables.SetLifetime(time.Duration(w.lifetime()) * time.Millisecond)
	}
	return c
}

// begin makes a request.
func (c *modelClient) begin(texts []string, kind request) *request {
	w := c.w
	r := &kind
	r.c, r.mid = c, w.id()
	if w.chance(5) { // one that cannot be written
		o, _ := c.tables.Request(w.clock(w.now))
		o.Insert([]byte("never sent"))
		o.Cancel()
	}
	o, x := c.tables.Request(w.clock(w.now))
	w.broken.request(c.tables, o, x)
	if c.epoch != x.epoch {
		c.epoch, c.server = x.epoch, w.s
	}
	r.server = c.server
	r.x, r.m = x, w.write(o, texts)
	w.counts.requests++
	c.open++
	r.transmit()
	return r
}

// random makes a request of some kind.
func (c *modelClient) random() {
	w := c.w
	kind := request{blockwise: w.chance(w.blockwise), observe: w.chance(w.observe), poll: w.chance(w.poll)}
	var texts []string
	if !w.quietClient || w.chance(5) {
		texts = w.texts("c")
	}
	r := c.begin(texts, kind)
	if w.chance(w.cancel) {
		w.after(1+w.rng.Int64N(3*w.delay), r.giveUp)
	}
}

// transmit sends the datagram, and again until something comes.
func (r *request) transmit() {
	w := r.c.w
	if r.over || r.acked || r.c.dead {
		return
	}
	if r.sent == transmissions {
		r.giveUp()
		return
	}
	w.post(func() { w.s.arrive(r) })
	w.after(timeout<<r.sent, r.transmit)
	r.sent++
}

// giveUp has nobody wait for the response any more.
func (r *request) giveUp() {
	w := r.c.w
	if r.over || r.c.dead {
		return
	}
	until := w.now + w.slow + 1
	if w.broken.hasty {
		until = w.now
	}
	r.x.GiveUp(w.clock(until))
	w.broken.reuse(r)
	r.end(failed)
}

func (r *request) end(o outcome) {
	r.over = true
	r.c.open--
	if r.done != nil {
		r.done(o)
	}
}

// acknowledged: an empty ACK came.
func (r *request) acknowledged() {
	if r.over || r.acked || r.c.dead {
		return
	}
	r.acked = true
	r.c.w.after(8*r.c.w.slow, r.giveUp) // patience ends
	if !r.blockwise {
		r.finished = true
		r.x.Arrived()
	}
}

// response: one came, in whatever message.
func (r *request) response(a *answer) {
	w := r.c.w
	if r.over || r.c.dead {
		return
	}
	r.acked, r.finished = true, true
	switch {
	case a.unknown:
		w.counts.unknown++
		if r.repeated == a.from {
			w.fail("the server does not know the request that was made again (%+v, was it told %v)", r.m.state, r.repeated != nil)
		}
		r.c.tables.Reset(r.x)
		r.end(unknown)
		if r.done == nil {
			var texts []string
			for _, word := range r.m.words {
				texts = append(texts, word.text)
			}
			r.c.begin(texts, request{observe: r.observe, repeated: a.from})
		}
	case a.refused:
		w.counts.refused++
		r.x.Refused()
		r.end(failed)
	default:
		w.counts.responses++
		r.x.Answered()
		in, err := r.x.Response(a.m.state)
		if err == nil {
			err = w.read(in, a.m)
		}
		if err != nil {
			w.fail("response (%+v to %+v): %v", a.m.state, r.m.state, err)
		}
		r.observed = r.observe
		r.end(answered)
	}
}

// notification reads one and reports whether it is acknowledged, or refused with RST.
func (r *request) notification(m message) bool {
	w := r.c.w
	if r.c.dead || !r.observed {
		return false
	}
	in, err := r.x.Notification(m.state)
	if err == nil {
		err = w.read(in, m)
	}
	switch {
	case err == nil:
		w.counts.notifications++
		return true
	case errors.Is(err, ErrUnknown):
	case errors.Is(err, errMissing):
		w.counts.unreadable++
	default:
		w.fail("notification (%+v): %v", m.state, err)
	}
	w.counts.rejected++
	r.observed = false
	r.c.begin(w.texts("c"), request{observe: true})
	return false
}

// bounded checks how much is remembered.
func (c *modelClient) bounded() error {
	t, w := c.tables, c.w
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := bounded(w.size, &t.out.store, len(t.out.batches)); err != nil {
		return fmt.Errorf("client's table: %w", err)
	}
	if err := bounded(w.size, &t.in.store, len(t.in.batches)); err != nil {
		return fmt.Errorf("server's table at the client: %w", err)
	}
	if len(t.dead) > maxDeadAge+1 {
		return fmt.Errorf("%d dead batches", len(t.dead))
	}
	waiting := 0
	for x := range t.unfinished {
		if !x.givenUp {
			waiting++
		}
	}
	if waiting > c.open {
		return fmt.Errorf("%d unfinished requests, and %d are waited for", waiting, c.open)
	}
	return nil
}

// bounded checks the size of a table.
func bounded(size int, s *store, batches int) error {
	switch {
	case len(s.entries) > 9*size || cap(s.entries) > 24*size:
		return fmt.Errorf("%d entries of %d", len(s.entries), cap(s.entries))
	case len(s.index) > len(s.entries):
		return fmt.Errorf("%d texts of %d entries", len(s.index), len(s.entries))
	case batches > maxRecords+1:
		return fmt.Errorf("%d batches", batches)
	}
	return nil
}
