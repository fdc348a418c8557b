package idtable

import "time"

// Exchange is a request and its response as the client sees them: what the request was
// coded against is what the response is read against.
type Exchange struct {
	client *Client
	epoch  *epoch
	// ack and base are the bases in the server's and the client's table, nil for none.
	ack, base *Batch
	// short says that ack may have a short name.
	short bool
	// tells: while it holds no batch, the client tells which it has lost.
	tells bool
	// batch is what the request inserted, nil for nothing; told are the dead batches that
	// it tells.
	batch *Batch
	told  []uint64
	// known is the server's table up to ack, ours the client's up to base or batch.
	known, ours view
	givenUp     bool
	until       time.Time
	// pushed: it reads a notification.
	pushed bool
}

// commit sends the request. The client is locked.
func (x *Exchange) commit(o *Outgoing, note any) State {
	c, e := x.client, x.epoch
	var s State
	if x.ack != nil && x.short {
		s.Server = name(x.ack.Number, serverNames)
		for number := range e.dead {
			if number < x.ack.Number && x.ack.Number-number <= maxDeadAge {
				s.Dead |= 1 << (x.ack.Number - number - 1)
				x.told = append(x.told, number)
			}
		}
	} else if x.ack != nil {
		s.HasAck, s.Ack = true, x.ack.Number
	} else if e.lost > 0 && x.tells {
		s.HasAck, s.HasTop, s.Top = true, true, e.lost
	}
	if x.base != nil {
		s.Client = name(x.base.Number, clientNames)
	}
	end := o.ownEnd()
	if len(o.added) > 0 {
		x.batch = c.out.add(o.added, note)
		s.Inserts, s.Number, s.First = true, x.batch.Number, x.batch.First
		if x.base != nil {
			s.Number -= x.base.Number + 1
			s.First -= x.base.End
		}
		end = x.batch.End
	}
	x.ours = c.out.view(end, c.size)
	if x.base != nil {
		c.out.keep(x.base.End, c.size)
	}
	c.unfinished[x] = struct{}{}
	return s
}

// Arrived says that the request cannot arrive any more: the server has acknowledged it.
// The response may still be to come.
func (x *Exchange) Arrived() {
	x.client.mu.Lock()
	defer x.client.mu.Unlock()
	delete(x.client.unfinished, x)
}

// GiveUp says that nobody waits for the response. If the request has not Arrived, it may
// do so before until.
func (x *Exchange) GiveUp(until time.Time) {
	c := x.client
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.settle(x.batch, dead)
	if _, unfinished := c.unfinished[x]; unfinished {
		x.givenUp, x.until = true, until
	}
}

// Refused says that the server has not read the request, and will not.
func (x *Exchange) Refused() {
	c := x.client
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.settle(x.batch, dead)
	delete(c.unfinished, x)
}

// Answered says that the server has read the request to its end: every response that it
// makes after that shows it.
func (x *Exchange) Answered() {
	c, e := x.client, x.epoch
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.unfinished, x)
	e.waited++
	if x.ack != nil {
		e.rooted = true
	}
	for _, number := range x.told {
		delete(e.dead, number)
	}
	if b := x.batch; b != nil && b.state == sent {
		if x.ack == nil && e.floor != nil {
			c.out.settle(b, dead) // which life of the server has it?
			return
		}
		c.out.settle(b, held)
		if (e.base == nil || e.base.Number < b.Number) && c.out.last <= b.Number+maxAhead {
			e.base = b
		}
	}
}

// Response begins to read the response, or a notification that names no base of its own.
// The caller has called Answered.
func (x *Exchange) Response(s State) (*Incoming, error) {
	return x.read(x.known, x.ack, s)
}

// Notification begins to read a notification. It fails with ErrUnknown when the tables
// that it refers to are gone; so may Commit.
func (x *Exchange) Notification(s State) (*Incoming, error) {
	c, e := x.client, x.epoch
	c.mu.Lock()
	if e != c.epoch && (s.Server != 0 || s.HasAsked) {
		c.mu.Unlock()
		return nil, ErrUnknown
	}
	var base *Batch
	known := view{size: c.size}
	if s.Server != 0 {
		number, ok := resolve(s.Server, e.in.newest, notificationNames)
		if base = e.in.batches[number]; !ok || base == nil {
			c.mu.Unlock()
			return nil, ErrUnknown
		}
		known = e.in.view(base.End, c.size)
	}
	ours := view{size: c.size}
	if s.HasAsked {
		b := c.out.batches[s.Asked]
		if b == nil {
			c.mu.Unlock()
			return nil, ErrUnknown
		}
		ours = c.out.view(b.End, c.size)
	}
	n := *x // locked: it may be given up meanwhile
	c.mu.Unlock()
	n.ours, n.pushed = ours, true
	return n.read(known, base, s)
}

func (x *Exchange) read(known view, base *Batch, s State) (*Incoming, error) {
	in := &Incoming{own: known, other: x.ours, size: x.client.size}
	if base != nil {
		in.note = base.Note
	}
	in.finish = func(texts []string, note any) error { return x.learn(base, s, texts, note) }
	return in, nil
}

// learn keeps what a message of the server's inserted.
func (x *Exchange) learn(base *Batch, s State, texts []string, note any) error {
	c, e := x.client, x.epoch
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(texts) == 0 && s.Inserts {
		return ErrMalformed // before anything else of it counts
	}
	if s.HasTop {
		top := s.Top
		if base != nil {
			top += base.Number
		}
		if !e.in.far(top) {
			e.top = max(e.top, top)
		}
	}
	if len(texts) == 0 {
		return nil
	}
	b, err := batchOf(s, base, texts, note)
	if err != nil {
		return err
	}
	if b.Number <= e.lost || e.floor != nil && b.Number < e.floor.Number || e.dead[b.Number] || e.gone(b.Number) {
		return nil // declared dead before it came
	}
	if x.epoch != c.epoch || e.in.far(b.Number) { // of a server that was restarted
		if x.pushed {
			return ErrUnknown // the server would take it for held
		}
		return nil // nobody will refer to it
	}
	if _, err := e.in.add(b, texts); err != nil {
		return err
	}
	if e.floor == nil {
		e.floor, e.complete = b, b
		x.keepOwn()
	}
	return nil
}

// keepOwn has the client refer to nothing but what the request of x inserted. The server
// that answered it has made the first batch that will be acknowledged; what was answered
// before may have been by a life of the server before.
func (x *Exchange) keepOwn() {
	c := x.client
	c.epoch.base = nil
	for _, b := range c.out.batches {
		switch {
		case b.state != held:
		case b != x.batch:
			b.state = dead
			c.out.forget(b)
		case c.out.last <= b.Number+maxAhead:
			c.epoch.base = b
		}
	}
}

// gone reports whether a batch lies behind what is acknowledged and is not there: it was
// declared dead, and the server knows.
func (e *epoch) gone(number uint64) bool {
	return e.complete != nil && number < e.complete.Number && e.in.batches[number] == nil
}

// batchOf is the batch that a message with this state inserted.
func batchOf(s State, base *Batch, texts []string, note any) (*Batch, error) {
	b := &Batch{Number: s.Number, First: s.First, Note: note}
	if base != nil {
		b.Number += base.Number + 1
		b.First += base.End
	}
	b.End = b.First + uint64(len(texts))
	if b.Number < s.Number || b.First < s.First || b.End < b.First || base == nil && !s.Inserts {
		return nil, ErrMalformed
	}
	return b, nil
}
