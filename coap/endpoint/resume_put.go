package endpoint

import (
	"context"
	"errors"
	"slices"
	"time"
)

// An upload that was given up because the peer did not answer is parked: the peer keeps
// what came of it for a while, and its handler waits for the rest (see bulkGet). The same
// request made again, with the same body, goes on where the transfer stopped. As its last
// block was never sent nobody has answered the whole of it, so that also a POST may go
// on: its handler runs once, as if the body had been slow.

// parkedPut is an upload that was given up.
type parkedPut struct {
	s     *bulkPut
	until time.Time
}

// parkPut keeps an upload that failed with err for MAX_TRANSMIT_WAIT, if it may be
// resumed.
func (c *Conn) parkPut(x *exchange, err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := x.putting
	if s == nil || !errors.Is(err, ErrTimeout) || !s.resumable() || c.closed() {
		return false
	}
	if len(c.parkedPuts) == maxParked {
		c.dropPut(c.parkedPuts[0].s.x)
	}
	until := time.Now().Add(c.terms().profile.MaxTransmitWait())
	c.parkedPuts = append(c.parkedPuts, parkedPut{s, until})
	c.sweepBefore(until)
	return true
}

// resumable reports whether the body may be resumed: the peer has some of it and cannot
// have all of it.
func (s *bulkPut) resumable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &s.window
	ended := w.ended && (len(w.blocks) == 0 || w.blocks[len(w.blocks)-1].times > 0)
	bytes := block{num: w.next(), szx: s.szx}.offset()
	return s.key != 0 && w.base > 0 && !ended && bytes <= maxKept
}

// dropPut forgets an upload that is parked: its exchange is over. c.mu is held.
func (c *Conn) dropPut(x *exchange) {
	i := slices.IndexFunc(c.parkedPuts, func(p parkedPut) bool { return p.s.x == x })
	if i >= 0 {
		c.parkedPuts = slices.Delete(c.parkedPuts, i, i+1)
		x.endLocked()
	}
}

// sweepPuts forgets what nobody asked for again. c.mu is held.
func (c *Conn) sweepPuts(now time.Time) {
	for len(c.parkedPuts) > 0 && !now.Before(c.parkedPuts[0].until) {
		c.dropPut(c.parkedPuts[0].s.x)
	}
	if len(c.parkedPuts) > 0 {
		c.sweepBefore(c.parkedPuts[0].until)
	}
}

// resumePut looks for a parked upload of the same request and body, of which buf is the
// first block, and has x go on with it. It returns nil when there is none or the peer has
// forgotten it: then src is where it was.
func (x *exchange) resumePut(ctx context.Context, key uint64, szx uint8, src *source, buf []byte) (*bulkPut, error) {
	if key == 0 {
		return nil, nil
	}
	c := x.c
	c.mu.Lock()
	i := slices.IndexFunc(c.parkedPuts, func(p parkedPut) bool { return p.s.key == key && p.s.szx == szx })
	if i < 0 {
		c.mu.Unlock()
		return nil, nil
	}
	s := c.parkedPuts[i].s
	c.parkedPuts = slices.Delete(c.parkedPuts, i, i+1)
	c.mu.Unlock()
	read, same, err := s.skip(src, buf)
	if same && err == nil {
		err = s.ask(ctx, x)
	}
	var forgotten *BlockError
	switch {
	case err == nil && same:
		c.mu.Lock()
		defer c.mu.Unlock()
		x.takeOver(s)
		return s, nil
	case errors.Is(err, ErrTimeout) && c.parkPut(s.x, err):
		return nil, err
	}
	s.x.end()
	src.unread(read)
	if err != nil && !errors.As(err, &forgotten) {
		return nil, err
	}
	return nil, nil
}

// skip reads as much of a body as was sent of this one and reports whether it is the
// same. It returns what was read behind the first block, buf.
func (s *bulkPut) skip(src *source, buf []byte) (read []byte, same bool, err error) {
	s.mu.Lock()
	sums := s.sums
	s.mu.Unlock()
	if fingerprintOf(buf) != sums[0] {
		return nil, false, nil
	}
	size := block{szx: s.szx}.size()
	for _, sum := range sums[1:] {
		next := make([]byte, size)
		n, more, err := src.next(next)
		read = append(read, next[:n]...)
		if err != nil || !more || fingerprintOf(next[:n]) != sum {
			return read, false, err
		}
	}
	return read, true, nil
}

// ask sends the last block again, confirmable, and waits until the peer has told what it
// has. It fails with a *BlockError when it has forgotten.
func (s *bulkPut) ask(ctx context.Context, by *exchange) error {
	x, answer := s.x, make(chan reply, 1)
	x.c.mu.Lock()
	x.waiting, x.patience, x.class = answer, by.patience, by.class
	x.c.mu.Unlock()
	s.mu.Lock()
	s.answer, s.polls, s.unheard = answer, 0, 0
	num, empty := s.window.next()-1, len(s.window.blocks) == 0
	s.mu.Unlock()
	if empty { // what was under way has come after all, and more is not known
		return &BlockError{Reason: "nothing to ask for"}
	}
	s.transmit(ctx, num, true)
	for asking := true; asking; {
		select {
		case r := <-answer:
			return r.unexpected()
		case <-s.kick:
		case <-ctx.Done():
			x.cancel(answer, ctx.Err())
		}
		s.mu.Lock()
		asking = s.polling
		s.mu.Unlock()
	}
	x.c.mu.Lock() // the report is taken as a whole
	defer x.c.mu.Unlock()
	select {
	case r := <-answer:
		return r.unexpected()
	default:
		return nil
	}
}

// unexpected is what to do about a reply that comes instead of a report: a response to a
// body that nobody has sent completely is not one to this request.
func (r *reply) unexpected() error {
	if r.err != nil {
		return r.err
	}
	return &BlockError{Code: r.m.Code, Reason: "answered before its end"}
}

// takeOver makes x the exchange of an upload that another one began. c.mu is held.
func (x *exchange) takeOver(s *bulkPut) {
	c := x.c
	delete(c.exchanges, x.token)
	c.tokens.release(x.token, c.received)
	x.token, x.waiting, x.unanswered, x.putting = s.x.token, s.answer, s.x.unanswered, s
	s.x.waiting = nil
	c.exchanges[x.token] = x
	s.x = x
}
