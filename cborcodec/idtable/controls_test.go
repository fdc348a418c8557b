package idtable

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
	// copies of a request that was answered reach later lives of the server.
	copies bool
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
