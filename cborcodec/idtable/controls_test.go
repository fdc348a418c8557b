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
	// forgetful: after a reset, names are used before copies of answered requests are gone.
	forgetful bool
}

func (b *controls) request(c *Client, o *Outgoing, x *Exchange) {
	if b.insertAhead && x.base != nil {
		o.mayInsert = true
	}
	if e := x.epoch; b.ackAhead && x.short && e.complete != nil {
		x.ack = e.complete
		x.known = e.in.view(x.ack.End, c.size)
		o.against, o.baseNote = x.known, x.ack.Note
	}
}

func (b *controls) take(s *Server, call *Call) {
	if b.resolveLate {
		s.mu.Lock()
		defer s.mu.Unlock()
		call.top, call.newest = s.out.last, s.in.newest
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
	for name, broken := range map[string]controls{
		"given up is gone":            {hasty: true},
		"names are read late":         {resolveLate: true},
		"acknowledgements run ahead":  {ackAhead: true},
		"insertions run ahead":        {insertAhead: true},
		"names are used again":        {reuseNames: true},
		"copies reach another server": {forgetful: true},
	} {
		t.Run(name, func(t *testing.T) {
			steps := 0
			var found []int
			first := ""
			for seed := uint64(1); seed <= 300; seed++ {
				w := newSimulation(seed, randomMix(rand.New(rand.NewPCG(seed, 1))), broken)
				w.run(12500)
				steps += w.steps
				if len(w.failed) > 0 {
					found = append(found, int(seed))
					if first == "" {
						first = w.failed[0]
					}
				}
			}
			t.Logf("%d steps: %d %.300s", steps, len(found), first)
		})
	}
}
