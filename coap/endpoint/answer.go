package endpoint

import (
	"context"
	"time"

	"github.com/coapgw/coapgw/coap/trace"
)

// startAckTimer has the request acknowledged on its own when the response takes
// long (RFC 7252 §5.2.2).
func (in *incoming) startAckTimer() {
	c := in.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if in.m.Type == Confirmable && in.timer == nil && !in.acknowledged && !in.answered {
		in.timer = c.after(c.terms().ackDelay, in.acknowledge)
	}
}

// acknowledge runs when the timer fires.
func (in *incoming) acknowledge() {
	c := in.c
	c.mu.Lock()
	if in.answered || c.closed() {
		c.mu.Unlock()
		return
	}
	in.acknowledged = true
	data := emptyMessage(Acknowledgement, in.m.MessageID)
	c.seen.setReply(in.mark, data)
	c.mu.Unlock()
	c.write(trace.Sent, data)
}

// takeAnswer claims the right to answer, for there is one answer only; it returns
// false when that was given. c.mu is held.
func (in *incoming) takeAnswer() bool {
	if in.answered {
		return false
	}
	in.answered = true
	if in.timer != nil {
		in.timer.Stop()
	}
	return true
}

// drop gives up a request without an answer: the peer will repeat it.
func (in *incoming) drop() {
	c := in.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if in.takeAnswer() {
		c.seen.remove(in.mark)
	}
}

// reject answers a request with a Reset.
func (in *incoming) reject() {
	c := in.c
	c.mu.Lock()
	if !in.takeAnswer() || in.m.Type != Confirmable {
		c.mu.Unlock()
		return
	}
	data := emptyMessage(Reset, in.m.MessageID)
	c.seen.answered(in.mark, data)
	c.mu.Unlock()
	c.write(trace.Sent, data)
}

// decline answers a request that nothing came of. The first block of a body in NON
// messages is looked at anew when it is repeated, for this answer may be lost.
func (in *incoming) decline(m *Message) {
	if c := in.c; in.hasQBlock1 && in.m.Type == NonConfirmable && in.mark != nil {
		c.mu.Lock()
		in.acknowledged = false
		c.seen.remove(in.mark)
		in.mark = nil
		c.mu.Unlock()
	}
	in.answer(m)
}

// piggyback sends a response in the acknowledgement, if there was none yet.
func (in *incoming) piggyback(m *Message) bool {
	in.c.mu.Lock()
	late := in.answered || in.acknowledged
	in.c.mu.Unlock()
	if !late {
		in.answer(m)
	}
	return !late
}

// answer sends a response. It never waits: where the response must be confirmed,
// another goroutine does.
func (in *incoming) answer(m *Message) {
	if in.needsConfirmation() {
		in.c.start(func() { in.deliver(in.c.ctx, m) })
		return
	}
	in.deliver(in.c.ctx, m)
}

func (in *incoming) needsConfirmation() bool {
	in.c.mu.Lock()
	defer in.c.mu.Unlock()
	return in.acknowledged
}

// deliver sends a response: in the acknowledgement if there was none yet, else in
// a confirmable message, and then it waits until the peer has it (RFC 7252
// §5.2.2). A NON request is answered with a NON response (§5.2.3). It reports
// whether the response was sent and, where that can be known, received.
func (in *incoming) deliver(ctx context.Context, m *Message) error {
	c := in.c
	m.Token = in.m.Token
	if in.hasBlock1 && !m.Options.Has(Block1) {
		b := in.block1
		b.more = m.Code == Continue
		m.Options = m.Options.clone().AddUint(Block1, b.value()) // RFC 7959 §2.3
	}
	c.mu.Lock()
	if !in.takeAnswer() {
		c.mu.Unlock()
		return nil
	}
	if in.taken && m.Code != Continue {
		// It completes a body: repeated, it would not find its transfer.
		c.seen.keep(in.hash)
	}
	if in.acknowledged {
		c.mu.Unlock()
		m.Type = Confirmable
		err := c.confirm(ctx, m, in.class)
		// The peer repeats the request no more: it has the response, or gave up.
		c.mu.Lock()
		defer c.mu.Unlock()
		c.seen.setReply(in.mark, nil)
		c.seen.forget(in.hash)
		return err
	}
	m.Type, m.MessageID = Acknowledgement, in.m.MessageID
	if in.m.Type == NonConfirmable {
		mid, wait := c.mids.take(time.Now(), c.terms().lifetime)
		if wait > 0 { // no message ID is free: the response is lost
			c.seen.forget(in.hash)
			c.mu.Unlock()
			return nil
		}
		m.Type, m.MessageID = NonConfirmable, mid
	}
	data, err := AppendMessage(nil, m)
	if err != nil {
		m.Code, m.Options, m.Payload = InternalServerError, nil, nil
		data, _ = AppendMessage(nil, m)
	}
	if in.mark != nil && m.Type == Acknowledgement {
		c.seen.answered(in.mark, data)
	}
	c.seen.forget(in.hash)
	c.mu.Unlock()
	c.send(&packet{kind: trace.Sent, class: in.class, data: data})
	return err
}
