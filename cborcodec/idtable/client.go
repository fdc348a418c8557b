package idtable

import (
	"sync"
	"time"
)

// Client is the tables of a session at the end that makes requests. It is safe for
// concurrent use.
//
// It never lets a request that may still arrive become ambiguous. C has three values, so
// its batches get no further than maxAhead beyond the oldest such C; when they would, the
// client names none until the requests before are over, and begins with an absolute
// number. A has fifteen, so what it acknowledges gets no further than maxAckStep beyond
// the oldest such A, and the server makes no more than maxUnacknowledged beyond that.
type Client struct {
	size int

	mu sync.Mutex
	// out is the client's table. Numbers go on from epoch to epoch, and messages of the
	// server's may refer to what earlier ones inserted.
	out writer
	*epoch
	// lifetime: see SetLifetime. named is when a request last named a base; before quiet is
	// over, copies of such may arrive that refer to tables of an epoch before.
	lifetime     time.Duration
	named, quiet time.Time
	// plain is how many of the next requests name nothing and insert nothing.
	plain int
	// unfinished are the requests that may still arrive, of all epochs.
	unfinished map[*Exchange]struct{}
}

// epoch is the tables from one reset to the next. Exchanges go on in the one in which
// they began.
type epoch struct {
	in reader
	// base is the newest batch that the server holds; nil for none, or while none is
	// named since numbers have run too far ahead. They are at most maxAhead beyond it.
	base *Batch
	// complete is the batch up to which all are held or dead, nil for none.
	complete *Batch
	// floor is the first batch of the epoch, which is acknowledged by its number until
	// the server is known to have read that.
	floor *Batch
	// rooted: it has.
	rooted bool
	// dead are batches given up of which the server may not know.
	dead map[uint64]bool
	// gap is the first batch that is missing, waited the responses since that was seen.
	gap    uint64
	waited int
	// top is the newest batch of the server's that was heard of.
	top uint64
	// lost, if not 0, is the batch up to which the client holds nothing, and wants nothing:
	// the server had made as many batches as it may, and none came.
	lost uint64
}

func newEpoch(size int) *epoch { return &epoch{in: newReader(size)} }

// NewClient returns the tables of a session; size is how many entries of each are
// referred to, which both ends must agree on.
func NewClient(size int) *Client {
	return &Client{size: size, out: newWriter(size, 0, 0), epoch: newEpoch(size),
		unfinished: make(map[*Exchange]struct{})}
}

// SetLifetime says how long after a request was made copies of it may arrive at a server
// that has lost its tables, and so does not know them as copies of what it has answered.
// As long after a reset nothing is referred to. Without it they must never arrive there.
func (c *Client) SetLifetime(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lifetime = d
}

// Request begins a request. now only has to be on the same clock as Exchange.GiveUp's.
func (c *Client) Request(now time.Time) (*Outgoing, *Exchange) {
	c.mu.Lock()
	for x := range c.unfinished {
		if x.givenUp && !now.Before(x.until) {
			delete(c.unfinished, x)
		}
	}
	e := c.epoch
	x := &Exchange{client: c, epoch: e}
	mayInsert := false
	if e.stuck() || len(e.dead) > maxDeadAge { // more than can be told
		lost := max(e.top, e.lost, e.in.newest)
		c.renew()
		e = c.epoch
		e.lost, x.epoch = lost, e
	}
	plain := c.plain > 0
	if plain {
		c.plain--
	} else if !now.Before(c.quiet) && !c.older() {
		e.advance()
		x.short, x.tells = e.rooted, true
		x.ack = c.acknowledge(x.short)
		mayInsert = c.room()
		if x.ack != nil {
			// Never without: its number, or that of one before, shows that the server is the
			// one that holds the client's batches, and was not restarted since.
			x.base = e.base
		}
	}
	x.known = view{size: c.size}
	if x.ack != nil {
		x.known = e.in.view(x.ack.End, c.size)
		e.in.keep(x.ack.End, c.size)
	}
	o := &Outgoing{
		own: &c.out, base: x.base, other: &e.in, against: x.known, mayInsert: mayInsert,
	}
	if x.ack != nil {
		o.baseNote = x.ack.Note
	}
	o.finish = func(note any, keep bool) State {
		defer c.mu.Unlock()
		if !keep {
			if plain {
				c.plain++ // it is another one that succeeds whatever happened
			}
			return State{}
		}
		if x.ack != nil || x.base != nil {
			c.named = now
		}
		return x.commit(o, note)
	}
	return o, x
}

// older reports whether a request of an earlier epoch may still arrive: its bases could
// be taken for some of this one, so that none are named until it cannot.
func (c *Client) older() bool {
	for x := range c.unfinished {
		if x.epoch != c.epoch && (x.ack != nil || x.base != nil) {
			return true
		}
	}
	return false
}

// advance moves complete on, over what came and what is given up.
func (e *epoch) advance() {
	for e.complete != nil {
		number := e.complete.Number + 1
		for e.dead[number] {
			number++
		}
		if b := e.in.batches[number]; b != nil {
			e.complete = b
			continue
		}
		if e.gap != number {
			e.gap, e.waited = number, 0
		}
		if number >= e.in.newest || max(e.in.newest, e.top) < number+patience && e.waited <= patience {
			return
		}
		if len(e.dead) > maxDeadAge {
			return // more than can be told: see Request
		}
		// The receiver decides: from now on it will not come.
		if e.dead == nil {
			e.dead = make(map[uint64]bool)
		}
		e.dead[number] = true
	}
}

// stuck reports whether the server can make no more batches, and none of those that it
// made since the last acknowledgement has come.
func (e *epoch) stuck() bool {
	if e.complete == nil {
		return e.top > e.lost
	}
	return e.in.newest == e.complete.Number && e.top >= e.complete.Number+maxUnacknowledged
}

// acknowledge returns the base in the server's table that the next request may name.
func (c *Client) acknowledge(short bool) *Batch {
	e := c.epoch
	if !short {
		return e.floor
	}
	most := e.complete.Number
	for x := range c.unfinished {
		if x.epoch == e && x.ack != nil && x.short {
			most = min(most, x.ack.Number+maxAckStep)
		}
	}
	for number := range e.dead {
		most = min(most, number+maxDeadAge)
	}
	for number := most; number > e.floor.Number; number-- {
		if b := e.in.batches[number]; b != nil && !e.dead[number] {
			return b
		}
	}
	return e.floor
}

// room reports whether the next request may insert. Whatever number has the same short
// name as a base that may still arrive must not be there by then.
func (c *Client) room() bool {
	e := c.epoch
	next := c.out.last + 1
	for x := range c.unfinished {
		if x.base != nil && next > x.base.Number+maxAhead {
			return false
		}
	}
	if e.base != nil {
		if next <= e.base.Number+maxAhead {
			return true
		}
		if c.waiting(e.base.Number) > 0 {
			return false // it may yet be the next base
		}
		// All batches beyond the base were given up, and no request that names a base can
		// arrive any more: begin anew with a number in full.
		e.base = nil
	}
	// The one that is answered last, if none before, still becomes a base.
	return c.waiting(0) < clientNames
}

// waiting counts the batches beyond a number of which nobody knows whether the server has
// them.
func (c *Client) waiting(after uint64) (n int) {
	for number, b := range c.out.batches {
		if number > after && b.state == sent {
			n++
		}
	}
	return n
}

// Reset begins a new epoch: the server has said that it does not know the tables that
// the request of x refers to. The next request, which ought to be the same again, succeeds
// whatever happened to the tables.
func (c *Client) Reset(x *Exchange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.unfinished, x)
	if x.epoch == c.epoch {
		c.renew()
	} else {
		c.plain++ // nothing shows that the server knows the tables of this one
	}
}

func (c *Client) renew() {
	c.out.forgetAll()
	c.quiet = c.named.Add(c.lifetime)
	c.epoch = newEpoch(c.size)
}
