package idtable

import (
	"math/rand/v2"
	"testing"
)

// controls are rules that a run breaks, to show that the checker can tell.
type controls struct {
	// hasty: a request given up counts as gone at once.
	hasty bool
	// resolveLate: short names are read when the request is, not when it came.
	resolveLate bool
	// ackAhead: maxAckStep is ignored; insertAhead: maxAhead is.
	ackAhead, insertAhead bool
	// reuse: names of a request that was given up are used again.
	reuseNames bool
	// rash: in a new epoch, names are used while requests of the one before may arrive.
	rash bool
	// forgetful: after a reset, names are used before copies of answered requests are gone.
	forgetful bool
}

func (b *controls) request(c *Client, o *Outgoing, x *Exchange) {
	b.rush(c, o, x)
	if b.insertAhead && x.base != nil {
		o.mayInsert = true
	}
	if e := x.epoch; b.ackAhead && x.short && e.complete != nil {
		x.ack = e.complete
		x.known = e.in.view(x.ack.End, c.size)
		o.against, o.baseNote = x.known, x.ack.Note
	}
}

// rush names bases where the client named none.
func (b *controls) rush(c *Client, o *Outgoing, x *Exchange) {
	e := x.epoch
	if !b.rash || x.ack != nil || !c.older() {
		return
	}
	e.advance()
	x.short, x.tells = e.rooted, true
	x.ack = c.acknowledge(x.short)
	o.mayInsert = c.room()
	if x.ack != nil {
		x.base = e.base
		x.known = e.in.view(x.ack.End, c.size)
		o.base, o.against, o.baseNote = x.base, x.known, x.ack.Note
	}
}

func (b *controls) take(s *Server, call *Call) {
	if b.resolveLate {
		s.mu.Lock()
		defer s.mu.Unlock()
		call.top, call.newest, call.rooted = s.out.last, s.in.newest, s.rooted
		call.outThen, call.inThen = s.out.view(s.out.end(), s.size), s.in.view(s.in.end(), s.size)
	}
}

func (b *controls) reuse(r *request) {
	out := &r.c.tables.out
	if x := r.x; b.reuseNames && x.batch != nil && x.batch.Number == out.last {
		out.last--
		out.next = x.batch.First
		delete(out.batches, x.batch.Number)
		out.entries = out.entries[:len(out.entries)-int(x.batch.End-x.batch.First)]
	}
}

// TestControls breaks a rule each time, and the checker must tell.
func TestControls(t *testing.T) {
	for _, c := range []struct {
		rule   string
		broken controls
		seeds  int // enough by far
	}{
		{"a request given up may still arrive", controls{hasty: true}, 60},
		{"names are read as of the arrival", controls{resolveLate: true}, 400},
		{"acknowledgements do not run ahead", controls{ackAhead: true}, 60},
		{"insertions do not run ahead", controls{insertAhead: true}, 30},
		{"names are not used again", controls{reuseNames: true}, 30},
		{"an epoch waits for the one before", controls{rash: true}, 1000},
		{"copies are waited for after a reset", controls{forgetful: true}, 1000},
	} {
		t.Run(c.rule, func(t *testing.T) {
			steps := 0
			for seed := range uint64(c.seeds) {
				w := newSimulation(seed, randomMix(rand.New(rand.NewPCG(seed, 1))), c.broken)
				w.run(12500)
				if steps += w.steps; len(w.failed) > 0 {
					t.Logf("after %d steps: seed %d: %s", steps, seed, w.failed[0])
					return
				}
			}
			t.Errorf("nothing was found in %d steps", steps)
		})
	}
}
