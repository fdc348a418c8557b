package endpoint

import (
	"context"
	"time"

	"github.com/coapgw/coapgw/coap/trace"
)

const (
	// maxQueued bounds the notifications that wait for deliver; a peer that sends
	// more has to repeat them.
	maxQueued = 8
	// reorderWindow is the time after which a notification is newer whatever its
	// number (RFC 7641 §3.4).
	reorderWindow = 128 * time.Second
)

// notification is a response that waits to be delivered.
type notification struct {
	m       Message
	mark    *mark // nil when it needs no acknowledgement
	arrived time.Time
	reply   bool // it is the reply to a registration, and fresh whatever its number
}

// receive takes a notification. It returns what to send at once, if anything.
// c.mu is held.
func (o *Observation) receive(m *Message, h uint64) (answer []byte) {
	c := o.c
	r := c.accept(*m)
	if o.ended || r.err != nil {
		return emptyMessage(Reset, m.MessageID)
	}
	now := time.Now()
	n := notification{m: r.m, arrived: now}
	if len(o.queue) >= maxQueued || c.seen.full() {
		return nil
	}
	if m.Type == Confirmable {
		expires := now.Add(c.terms().lifetime)
		n.mark = c.seen.add(h, token{}, expires, false)
		c.sweepBefore(expires)
	}
	o.queue = append(o.queue, n)
	o.startDelivering()
	return nil
}

// startDelivering starts a goroutine if something waits and none runs. c.mu is
// held.
func (o *Observation) startDelivering() {
	if !o.delivering && len(o.queue) > 0 && !o.c.closed() {
		o.delivering = true
		o.c.start(o.drain)
	}
}

// drain delivers what waits, in order.
func (o *Observation) drain() {
	for {
		o.c.mu.Lock()
		if len(o.queue) == 0 {
			o.delivering = false
			o.c.mu.Unlock()
			return
		}
		n := o.queue[0]
		o.queue = o.queue[1:]
		o.c.mu.Unlock()
		if err := o.pass(o.ctx, &n); err != nil {
			o.end(err)
		} else if n.m.Code.Class() != 2 || !n.m.Options.Has(Observe) {
			o.end(nil) // RFC 7641 §3.2
		}
	}
}

// pass delivers one notification and answers it.
func (o *Observation) pass(ctx context.Context, n *notification) error {
	number, numbered := n.m.Options.GetUint(Observe)
	if numbered && !n.reply && !o.fresh(number, n.arrived) {
		o.acknowledge(n, Acknowledgement)
		return nil
	}
	if numbered {
		o.number, o.arrived = number, n.arrived
	}
	// The other blocks are fetched with a token of their own (RFC 7959 §3.4).
	b, _, _ := blockOption(n.m.Options, Block2)
	if b.more {
		o.acknowledge(n, Acknowledgement)
	}
	o.c.mu.Lock()
	code, opts := o.code, o.opts
	o.c.mu.Unlock()
	resp, err := o.c.response(ctx, nil, o.x.class, o.label, code, opts, n.m)
	if err == nil {
		err = o.deliver(resp)
		closeBody(resp.Body)
	}
	if err != nil {
		o.acknowledge(n, Reset)
		return err
	}
	o.acknowledge(n, Acknowledgement)
	return nil
}

// fresh reports whether a notification is newer than the latest one (RFC 7641
// §3.4). The numbers of a peer of this package do not start over in the life of a
// session, so that none becomes fresh by its age.
func (o *Observation) fresh(number uint32, arrived time.Time) bool {
	const half = 1 << 23
	v1, v2 := o.number, number
	return v1 < v2 && v2-v1 < half || v1 > v2 && v1-v2 > half ||
		!o.c.terms().peerKnown && arrived.After(o.arrived.Add(reorderWindow))
}

// acknowledge answers a notification that needs it, once.
func (o *Observation) acknowledge(n *notification, t Type) {
	if n.mark == nil {
		return
	}
	data := emptyMessage(t, n.m.MessageID)
	o.c.mu.Lock()
	o.c.seen.setReply(n.mark, data)
	o.c.mu.Unlock()
	n.mark = nil
	o.c.write(trace.Sent, data)
}
