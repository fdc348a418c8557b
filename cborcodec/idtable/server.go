package idtable

import "sync"

// Server is the tables of a session at the end that answers requests. It is safe for
// concurrent use.
//
// It reads short names of bases only once the client has named one by its number in
// this life of the server, which it does when nothing that it said before can arrive any
// more. And it makes at most maxUnacknowledged batches beyond what the client has
// acknowledged in a request.
type Server struct {
	size int

	mu sync.Mutex
	// life is that of the client: what an earlier one says refers to tables that are
	// gone.
	life uint8
	// met: there is one.
	met bool
	out writer
	in  reader
	// base is the newest batch that the client is known to hold, acked the number up to
	// which it has acknowledged in a request.
	base  *Batch
	acked uint64
	// floor is the number below which the client holds nothing.
	floor uint64
	// rooted: short names may be read.
	rooted bool
	// naming are the bases of notifications that may still arrive.
	naming map[*Notification]struct{}
	// doubt: the client did not take a notification, and has not said since what it holds.
	doubt bool
}

// NewServer returns the tables of a session; size is how many entries of each are
// referred to, which both ends must agree on. start must be larger than for each
// earlier life of the server that had the session, by more than it can have used: 2^32
// times the number of lives will do.
func NewServer(size int, start uint64) *Server {
	return &Server{size: size, out: newWriter(size, start, start), in: newReader(size), acked: start,
		naming: make(map[*Notification]struct{})}
}

// Call is a request that arrived.
type Call struct {
	server *Server
	// top and newest are the newest batches of both tables when the request arrived:
	// short names are read by these.
	top, newest uint64
	life        uint8
	// rooted: short names could be read then. One that came before the client named a
	// base by its number is of a life of the server before, however late it is read.
	rooted bool
	// outThen and inThen are the tables then: the request may take long to come wholly.
	outThen, inThen view

	ack, base *Batch
	// asked is the client's table up to the request's own batch.
	asked view
}

// Admit takes a request in the order of arrival, before it is acknowledged. life tells
// the lives of a client apart: later ones are greater, modulo 256.
func (s *Server) Admit(life uint8) *Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ahead := life - s.life; !s.met || ahead != 0 && ahead < oldLives {
		// The client was restarted and has nothing.
		s.met, s.life = true, life
		s.in = newReader(s.size)
		s.rooted = false
		s.lose(s.out.last)
	}
	return &Call{server: s, top: s.out.last, newest: s.in.newest, life: life, rooted: s.rooted,
		outThen: s.out.view(s.out.end(), s.size), inThen: s.in.view(s.in.end(), s.size)}
}

// oldLives is from where on a life is so far ahead that it is more likely behind. A client
// may be restarted often before anything of it arrives; what is of a life before arrives
// soon or never.
const oldLives = 192

// stale reports whether the request is of an earlier life of the client.
func (c *Call) stale() bool { return c.life != c.server.life }

// lose notes that the client holds nothing up to a batch, and never will.
func (s *Server) lose(top uint64) {
	s.floor = max(s.floor, top+1)
	s.acked = max(s.acked, top)
	if s.base != nil && s.base.Number <= top {
		s.base = nil
	}
	end := s.out.off
	for number, b := range s.out.batches {
		if number <= top {
			b.state = dead
			end = max(end, b.End)
		}
	}
	s.out.trim(end) // older entries are of batches that are not there any more
}

// full reports whether the client must acknowledge before there can be another batch.
func (s *Server) full() bool { return s.out.last >= s.acked+maxUnacknowledged }

// bury lets nothing refer to a batch any more.
func (s *Server) bury(b *Batch) {
	b.state = dead
	s.out.forget(b)
}

// OwnNote returns the note of the base in the client's table that a request names so, nil
// where that is 0. It fails with ErrUnknown, as Request then does.
func (c *Call) OwnNote(client uint8) (any, error) {
	if client == 0 {
		return nil, nil
	}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	b := c.named(client)
	if b == nil {
		return nil, ErrUnknown
	}
	return b.Note, nil
}

// named resolves the short name of a base in the client's table; nil where it is not
// known. The server is locked.
func (c *Call) named(client uint8) *Batch {
	number, ok := resolve(client, c.newest, clientNames)
	if !ok || c.stale() {
		return nil
	}
	return c.inThen.batch(number)
}

// Request begins to read the request. It fails with ErrUnknown where its tables are not
// known, and ErrMalformed.
func (c *Call) Request(st State) (*Incoming, error) {
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.stale() {
		if st.Server != 0 || st.Client != 0 || st.Ack != 0 {
			return nil, ErrUnknown
		}
	} else if err := c.acknowledge(st); err != nil {
		return nil, err
	}
	if st.Client != 0 {
		if c.base = c.named(st.Client); c.ack == nil || c.base == nil {
			return nil, ErrUnknown
		}
	}
	in := &Incoming{own: view{size: s.size}, other: view{size: s.size}, size: s.size}
	if c.base != nil {
		in.own = c.inThen.upTo(c.base.End)
	}
	if c.ack != nil {
		in.other = c.outThen.upTo(c.ack.End)
		in.note = c.ack.Note
	}
	c.asked = in.own
	in.finish = func(texts []string, note any) error { return c.learn(st, texts, note) }
	return in, nil
}

// acknowledge reads what the request says of the server's table.
func (c *Call) acknowledge(st State) error {
	s := c.server
	switch {
	case st.HasAck && st.Ack == 0:
		if st.HasTop && st.Top >= s.floor && st.Top <= c.top {
			s.lose(st.Top)
		}
		return nil
	case st.HasAck:
		b := c.outThen.batch(st.Ack)
		if b == nil || b.state == dead {
			return ErrUnknown
		}
		c.ack = b
		if !s.rooted || s.floor < b.Number {
			s.lose(b.Number - 1)
		}
		s.rooted = true
	case st.Server != 0:
		number, ok := resolve(st.Server, c.top, serverNames)
		b := c.outThen.batch(number)
		if !ok || !c.rooted || b == nil || b.state == dead || number < s.floor {
			return ErrUnknown
		}
		c.ack = b
		for i := range uint64(64) {
			if st.Dead>>i&1 != 0 && number > i+1 {
				if lost := s.out.batches[number-i-1]; lost != nil {
					s.bury(lost)
				}
			}
		}
	default:
		return nil
	}
	for number := max(s.floor, s.acked+1); number <= c.ack.Number; number++ {
		s.out.settle(s.out.batches[number], held)
	}
	s.acked = max(s.acked, c.ack.Number)
	s.doubt = false
	if s.base == nil || s.base.Number < c.ack.Number || s.base.state == dead {
		s.base = c.ack
	}
	s.out.keep(c.ack.End, s.size)
	return nil
}

// learn keeps what the request inserted.
func (c *Call) learn(st State, texts []string, note any) error {
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(texts) == 0 {
		if st.Inserts {
			return ErrMalformed
		}
		return nil
	}
	b, err := batchOf(st, c.base, texts, note)
	if err != nil {
		return err
	}
	if c.stale() {
		return nil
	}
	if _, err := s.in.add(b, texts); err != nil {
		return err
	}
	s.in.keep(b.First, s.size)
	c.asked = s.in.view(b.End, s.size)
	return nil
}

// Response begins the response to a request that was read.
func (c *Call) Response() *Outgoing {
	s := c.server
	s.mu.Lock()
	o := &Outgoing{own: &s.out, base: c.ack, other: &s.in, against: c.asked}
	stale := c.stale()
	if stale {
		o.other, o.against = &reader{}, view{}
	}
	if c.ack != nil {
		o.baseNote = c.ack.Note
	}
	anew := c.ack != nil && c.ack.Number < s.floor // the client has begun anew since
	o.mayInsert = !stale && !anew && !s.full() && s.notAhead()
	o.finish = func(note any, keep bool) State {
		defer s.mu.Unlock()
		if !keep {
			return State{}
		}
		return s.commit(o, c.ack, note, nil)
	}
	return o
}

// notAhead reports whether another batch leaves the names of notifications clear.
func (s *Server) notAhead() bool {
	for n := range s.naming {
		if n.base != nil && s.out.last+1 >= n.base.Number+notificationNames {
			return false
		}
	}
	return true
}

// commit sends a message of the server's. The server is locked.
func (s *Server) commit(o *Outgoing, base *Batch, note any, n *Notification) (st State) {
	if o.wanted && s.full() {
		st.HasTop, st.Top = true, s.out.last
		if base != nil {
			st.Top -= min(base.Number, st.Top)
		}
	}
	if len(o.added) == 0 {
		return st
	}
	b := s.out.add(o.added, note)
	if n != nil {
		n.batch = b
	}
	st.Number, st.First, st.Inserts = b.Number, b.First, true
	if base != nil {
		st.Number -= base.Number + 1
		st.First -= base.End
	}
	return st
}
