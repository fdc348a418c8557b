package endpoint

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// bulkBody is the body of a response that comes in Q-Block2 blocks (RFC 9177 §4.4).
// It reports what has come, early enough for a full-duplex link never to idle, and
// when a burst is over on a half-duplex one; and it asks again when nothing comes.
type bulkBody struct {
	x     *exchange
	begun bool // the first block came; guarded by c.mu

	// Set when the first block came:
	ctx  context.Context
	code Code // of the requests
	path path
	key  uint64 // see resumable
	// options are those of the response.
	options Options
	// closing says that the end is reported too, so that the peer need not remember.
	closing bool

	due    chan struct{} // there may be something to report, or it is over
	unread chan struct{} // there may be something to read

	mu           sync.Mutex
	g            gathering
	responseCode Code
	err          error // no more will come
	closed       bool
	finished     bool      // run has returned
	ended        bool      // by the peer, or it is gone
	fresh        int       // blocks since the last report
	arrived      time.Time // the last block
	reported     time.Time
	polls        int       // in a row, without a block in between
	size         int64     // announced, -1 if not
	progress     *transfer // what Stats tells
	// On a half-duplex link, what the peer sends in its turn: so many blocks, and the
	// last of them.
	turn     int
	turnLast uint32
}

func newBulkBody(x *exchange) *bulkBody {
	return &bulkBody{x: x, g: gathering{limit: 2 * maxUnknownBytes}, due: make(chan struct{}, 1), unread: make(chan struct{}, 1)}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// bulkResponse makes the Response of which m is the first block.
func (c *Conn) bulkResponse(ctx context.Context, x *exchange, code Code, key uint64, m Message) (*Response, error) {
	b, _, legal := blockOption(m.Options, QBlock2)
	if !legal || b.num != 0 || !b.more || m.Options.Has(Block2) {
		x.end()
		return nil, &BlockError{Code: m.Code, Reason: "malformed first block"}
	}
	r := &Response{Code: m.Code, Options: m.Options.withoutOwned(), Size: -1, Observed: m.Options.Has(Observe)}
	if size, ok := m.Options.GetUint(Size2); ok {
		r.Size = int64(size)
	}
	t := c.terms()
	c.mu.Lock()
	if x.bulk == nil {
		x.bulk = newBulkBody(x)
	}
	d := x.bulk
	d.mu.Lock()
	d.ctx, d.code, d.responseCode = ctx, code, m.Code
	d.path = t.path(t.side != SideConstrained, b.size())
	d.closing = !t.profile.HalfDuplex && !t.profile.Slow()
	d.size, d.options, d.key = r.Size, r.Options.clone(), key
	d.g.keeps, d.g.shelf = key != 0, &c.kept
	for len(c.parked) > 0 && key != 0 && c.kept.bytes.Load()+max(r.Size, 0) > maxKept {
		c.parked[0].d.discard() // the oldest makes place
		c.parked = slices.Delete(c.parked, 0, 1)
	}
	d.g.limit = d.path.gathered(b.size())
	if !d.g.begun {
		d.g.szx = b.szx
	}
	d.expect(progress{})
	d.progress = c.beginTransfer(x.label, false, r.Size, b.size(), true)
	d.progress.add(d.g.ahead)
	d.mu.Unlock()
	d.begun = true
	c.mu.Unlock()
	d.take(&m)
	c.start(d.run)
	r.Body = d
	return r, nil
}

// receiveBulk takes a message that belongs to a body which comes in blocks. It
// reports whether it does. c.mu is held.
func (c *Conn) receiveBulk(x *exchange, m *Message) bool {
	isBlock := m.Options.Has(QBlock2)
	switch {
	case x == nil:
		return isBlock && m.Type == NonConfirmable // the transfer is over
	case x.bulk == nil && isBlock && m.Type == NonConfirmable:
		x.bulk = newBulkBody(x) // it came before the first block
	case x.bulk == nil, !x.bulk.begun && m.Type != NonConfirmable:
		return false
	}
	x.bulk.take(m)
	if x.bulk.begun && x.pending != nil { // it answers our poll
		c.settle(x.pending, nil) // after take: whoever waits would poll again, for nothing
	}
	return true
}

// take takes a block, or what the peer says instead.
func (d *bulkBody) take(m *Message) {
	b, present, legal := blockOption(m.Options, QBlock2)
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	var err error
	switch {
	case d.err != nil || d.g.complete():
		return
	case !present || d.responseCode != 0 && m.Code != d.responseCode:
		d.ended = true
		err = &BlockError{Offset: d.offset(), Code: m.Code, Reason: "server ended the transfer"}
	case !legal:
		err = d.g.fail("block of no legal size")
	default:
		var fresh bool
		missed := d.g.missed(b.num, now.Add(-d.path.jitter))
		if fresh, err = d.g.add(b, m.Payload, now); fresh {
			d.fresh++
			d.progress.add(len(m.Payload))
			d.x.c.tally.arrived(missed)
		}
		d.arrived, d.polls = now, 0
	}
	if limit := d.x.c.maxBody.Load(); err == nil && d.offset() > limit {
		err = &BlockError{Offset: d.offset(), Reason: fmt.Sprintf("body is larger than %d bytes", limit)}
	}
	if err != nil {
		d.err = err
	}
	signal(d.due)
	signal(d.unread)
}

func (d *bulkBody) offset() int64 { return block{num: d.g.next, szx: d.g.szx}.offset() }

// expect computes what the peer sends in its turn after a report.
func (d *bulkBody) expect(p progress) {
	if d.path.burst == 0 {
		return
	}
	d.turn = d.path.burst
	if end := d.end(); end > p.next || d.g.ended {
		d.turn = min(d.turn, len(p.missing)+int(end-p.next))
	}
	if d.turn <= len(p.missing) {
		d.turnLast = p.missing[max(d.turn, 1)-1]
		return
	}
	d.turnLast = p.next + uint32(d.turn-len(p.missing)) - 1
}

// end is the number of blocks, as far as that is known or was announced, else 0.
func (d *bulkBody) end() uint32 {
	switch size := int64(d.g.size()); {
	case d.g.ended:
		return d.g.high
	case d.size > 0:
		return uint32(min((d.size+size-1)/size, maxBlocks))
	}
	return 0
}

// finish lets the reader see the end: what the reader does next comes after the last
// report.
func (d *bulkBody) finish() {
	if c := d.x.c; !c.park(d) {
		c.mu.Lock()
		d.discard()
		c.mu.Unlock()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.finished = true
	d.progress.end()
	signal(d.unread)
}

// fail ends the body where it is.
func (d *bulkBody) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil && !d.g.complete() {
		d.err = err
		d.ended = err != d.ctx.Err()
	}
	signal(d.due)
	signal(d.unread)
}

// Read implements io.Reader.
func (d *bulkBody) Read(p []byte) (int, error) {
	for {
		d.mu.Lock()
		wasFull := d.g.full()
		n := d.g.read(p)
		if wasFull && !d.g.full() {
			signal(d.due)
		}
		var err error
		switch {
		case d.closed:
			err = io.ErrClosedPipe
		case d.finished && d.g.complete():
			err = io.EOF
		case d.finished:
			err = d.err
		}
		d.mu.Unlock()
		if n > 0 || len(p) == 0 {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
		<-d.unread
	}
}

// Close ends the transfer.
func (d *bulkBody) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	signal(d.due)
	signal(d.unread)
	return nil
}
