package endpoint

import (
	"time"

	"github.com/coapgw/coapgw/coap/trace"
)

// report is what to send, and after how long to look again; 0 means at a signal.
type report struct {
	p    progress
	send bool
	poll bool // confirmable
	over bool
	wait time.Duration
}

// next says what to do now.
func (d *bulkBody) next() (r report) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.x.c.terms()
	switch {
	case d.g.complete():
		return report{p: d.g.progress(now, 0), send: d.closing, over: true}
	case d.closed, d.err != nil:
		return report{p: progress{next: noMore}, send: !d.ended, over: true}
	case d.g.full():
		return report{} // the reader must read first
	}
	r.poll, r.wait = d.when(t, now)
	r.send = r.wait <= 0
	if !r.send {
		return r
	}
	r.p = d.g.progress(now.Add(-d.path.jitter), t.missingFit())
	if r.poll {
		d.polls++
	}
	d.fresh, d.reported = 0, now
	d.expect(r.p)
	return r
}

// when says in how long the next report is due, if nothing comes until then, and
// whether it must be confirmed.
func (d *bulkBody) when(t *terms, now time.Time) (poll bool, wait time.Duration) {
	last := d.arrived
	if d.reported.After(last) {
		last = d.reported
	}
	silence := max(d.path.roundTrip+2*d.path.interval, d.path.roundTrip*5/4)
	if d.path.interval == 0 {
		silence = t.profile.AckTimeout
	}
	silence <<= min(d.polls, maxPollShift)
	silence = min(silence, t.profile.MaxTransmitWait()/4)
	switch {
	case d.path.burst > 0 && d.fresh > 0:
		if d.g.has(d.turnLast) {
			return true, 0
		}
		// The rest of the turn is on the way, or lost.
		rest := time.Duration(max(d.turn-d.fresh, 1)) * d.path.interval
		return true, last.Add(rest + d.path.jitter + d.path.interval/4).Sub(now)
	case d.path.burst > 0:
		return true, last.Add(silence).Sub(now)
	case d.fresh >= d.path.every:
		return false, 0
	case d.fresh > 0:
		gap := max(2*d.path.interval, d.path.interval+d.path.jitter, leastGap)
		return false, last.Add(gap).Sub(now)
	}
	return true, last.Add(silence).Sub(now)
}

const (
	// leastGap is the shortest pause that ends a run of blocks.
	leastGap = 10 * time.Millisecond
	// maxPollShift bounds how far polls move apart.
	maxPollShift = 6
)

// run reports until the body is complete, or nobody wants it any more.
func (d *bulkBody) run() {
	defer d.finish()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		r := d.next()
		switch {
		case r.send && r.poll:
			if err := d.poll(r.p); err != nil {
				d.fail(err)
			}
			continue
		case r.send:
			d.send(r.p)
		}
		if r.over {
			return
		}
		if r.send {
			continue
		}
		if r.wait <= 0 {
			r.wait = time.Hour // until a signal
		}
		timer.Reset(r.wait)
		select {
		case <-d.due:
		case <-timer.C:
		case <-d.ctx.Done():
			d.fail(d.ctx.Err())
		case <-d.x.c.ctx.Done():
			d.fail(ErrClosed)
		}
	}
}

// message is the request that carries a report.
func (d *bulkBody) message(p progress) *Message {
	return &Message{Type: NonConfirmable, Code: d.code, Token: d.x.token.bytes(), Options: p.qBlock2(d.szx())}
}

func (d *bulkBody) szx() uint8 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.g.szx
}

// send reports without confirmation: the next report says what this one said.
func (d *bulkBody) send(p progress) {
	c, m := d.x.c, d.message(p)
	c.mu.Lock()
	m.MessageID = c.bulkID()
	c.mu.Unlock()
	data, _ := AppendMessage(nil, m) // options of one number are in order
	c.write(trace.Sent, data)
}

// poll reports in a confirmable message, and waits for any sign of life.
func (d *bulkBody) poll(p progress) error {
	c, x, m := d.x.c, d.x, d.message(p)
	m.Type = Confirmable
	result := make(chan error, 1)
	t := &transmission{class: x.class, steady: true, ended: func(err error) {
		x.pending = nil
		result <- err
	}}
	if err := c.transmit(d.ctx, m, t, func() { x.pending = t }); err != nil {
		return err
	}
	select {
	case err := <-result:
		return err
	case <-d.ctx.Done():
		c.mu.Lock()
		c.settle(t, d.ctx.Err())
		c.mu.Unlock()
		return <-result
	}
}
