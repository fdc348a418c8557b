package endpoint

import (
	"context"
	"errors"
	"time"

	"github.com/coapgw/coapgw/coap/trace"
)

// exchange is our side of requests that share a token: one request, or all those
// of a block-wise transfer, one after the other.
type exchange struct {
	c     *Conn
	token token
	class class
	label string // Request.Label of the request being made
	// waiting receives the reply to the request being made; nil between requests.
	// It is guarded by c.mu.
	waiting chan reply
	pending *transmission // of the request being made; guarded by c.mu
	// patience bounds the wait for a response; 0 means not at all.
	patience time.Duration
	// unanswered is the request to which a response may still come, even when nobody
	// waits any more; guarded by c.mu.
	unanswered *transmission
	// stopProbe ends the ping that asks whether the peer lives, nil when none is
	// under way; guarded by c.mu.
	stopProbe context.CancelFunc
	// arrived is Request.Arrived as long as it was not called, and whole says that the
	// request being made is one message. Who makes the request uses them.
	arrived func()
	whole   bool
	// tag is the Request-Tag of its requests, nil for none; claims says that claimed is
	// taken, see claim. They are guarded by c.mu.
	tag     []byte
	claimed uint64
	claims  bool
	// bulk is the body of the response when it comes in Q-Block2 blocks; guarded by
	// c.mu.
	bulk *bulkBody
	// resumes is the key under which the body may be resumed, 0 for not at all.
	resumes uint64
	// putting is the body of the request when it goes in Q-Block1 blocks; guarded by
	// c.mu.
	putting *bulkPut
	// observation is what else responses with this token may be for; guarded by
	// c.mu.
	observation *Observation
}

// reply is what came of one request.
type reply struct {
	m   Message
	err error
}

// answered reports whether the peer will send no response any more: it has, or it
// has rejected the request.
func (r *reply) answered() bool {
	var reset *ResetError
	var option *OptionError
	return r.err == nil || errors.Is(r.err, ErrForgotten) || errors.As(r.err, &reset) || errors.As(r.err, &option)
}

// maxExchanges bounds our requests in progress, so that there is always a token.
const maxExchanges = 1 << 15

// begin makes an exchange with a token of its own. It fails with ErrBusy when there
// are too many, and with ErrClosed.
func (c *Conn) begin(cl class) (*exchange, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed() {
		return nil, ErrClosed
	}
	if len(c.exchanges) >= maxExchanges {
		return nil, ErrBusy
	}
	x := &exchange{c: c, token: c.tokens.take(c.received), class: cl}
	if c.exchanges == nil {
		c.exchanges = make(map[token]*exchange)
	}
	c.exchanges[x.token] = x
	return x, nil
}

// end gives the token back. It does nothing the second time.
func (x *exchange) end() {
	if x == nil {
		return
	}
	x.c.mu.Lock()
	defer x.c.mu.Unlock()
	x.endLocked()
}

// endLocked is end with c.mu held.
func (x *exchange) endLocked() {
	if x.c.exchanges[x.token] != x {
		return
	}
	delete(x.c.exchanges, x.token)
	x.unclaim()
	if x.bulk != nil || x.putting != nil {
		// Blocks or reports may be under way, and nothing but the token tells whose they are.
		x.c.tokens.rest(x.token, time.Now().Add(x.c.terms().profile.NonLifetime()))
	} else if t := x.unanswered; t != nil {
		x.c.tokens.abandon(x.token, t.mid, x.c.received)
	} else {
		x.c.tokens.release(x.token, x.c.received)
	}
}

// finish passes on the reply to the request being made; c.mu is held. It returns
// false when no request is being made.
func (x *exchange) finish(r reply) bool {
	if x.waiting == nil {
		x.c.dropPut(x) // the peer is done with it, if it was parked
		return false
	}
	x.waiting <- r
	x.waiting = nil
	if r.answered() {
		x.unanswered = nil
	}
	if x.stopProbe != nil {
		x.stopProbe()
	}
	if t := x.pending; t != nil {
		// A response implies the acknowledgement (RFC 7252 §5.2.2).
		x.pending = nil
		x.c.settle(t, nil)
	}
	return true
}

// request sends one confirmable request and waits for its response. Until the
// request is acknowledged retransmission bounds the wait; then a response may take
// as long as a long-poll, while the peer is alive and patience lasts.
func (x *exchange) request(ctx context.Context, m *Message) (Message, error) {
	m.Type, m.Token = Confirmable, x.token.bytes()
	answer, acknowledged := make(chan reply, 1), make(chan struct{}, 1)
	t := &transmission{class: x.class, ended: func(err error) {
		x.pending = nil
		if err != nil {
			x.finish(reply{err: err})
		} else if x.waiting == answer {
			signal(acknowledged)
		}
	}}
	err := x.c.transmit(ctx, m, t, func() { x.waiting, x.pending, x.unanswered = answer, t, t })
	if err != nil {
		return Message{}, err
	}
	watch := time.NewTimer(x.c.terms().profile.MaxTransmitWait())
	defer watch.Stop()
	begun, down := time.Now(), x.c.downtime()
	for {
		select {
		case r := <-answer:
			x.wasAcknowledged(acknowledged)
			return r.m, r.err
		case <-acknowledged:
			x.hasArrived(x.whole)
		case <-ctx.Done():
			x.c.mu.Lock()
			x.finish(reply{err: ctx.Err()})
			x.c.mu.Unlock()
			r := <-answer // the response, if it came at the same moment
			x.wasAcknowledged(acknowledged)
			return r.m, r.err
		case <-watch.C:
			x.check(ctx, answer, time.Since(begun)-(x.c.downtime()-down))
			watch.Reset(x.c.terms().profile.MaxTransmitWait())
		}
	}
}

// receiveAck handles an acknowledgement or a reset: of a message of ours, or of
// none that we remember, and then it is ignored (RFC 7252 §4.2). The message has
// that many bytes.
func (c *Conn) receiveAck(m *Message, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, ok := c.outstanding[m.MessageID]
	if ok {
		c.showed(t)
	}
	switch {
	case !ok:
		// A block counts although its poll was settled by an earlier one.
		late := m.Options.Has(QBlock2) && c.receiveBulk(c.exchanges[tokenOf(m.Token)], m)
		if m.Code != Empty && !late {
			c.tokens.answered(tokenOf(m.Token), &m.MessageID, c.received)
		}
	case m.Type == Reset:
		c.measure(t, m, bytes)
		c.settle(t, &ResetError{m.MessageID})
	case m.Code == Empty:
		c.measure(t, m, bytes)
		c.settle(t, nil)
		c.watch()
	case t.inquires:
		c.measure(t, m, bytes)
		t.moved = m.Code == Changed
		c.settle(t, inquired(m))
	case c.exchanges[tokenOf(m.Token)].receiveContinue(m), m.Options.Has(QBlock1):
		c.settle(t, nil) // after what it says is taken
	case c.receiveBulk(c.exchanges[tokenOf(m.Token)], m):
		c.settle(t, nil)
	default:
		// A piggybacked response must match in message ID and in token (RFC 7252
		// §5.3.2).
		if x := c.exchanges[tokenOf(m.Token)]; x != nil && x.pending == t {
			c.measure(t, m, bytes)
			x.finish(c.accept(*m))
		}
	}
}

// receiveResponse handles a response in a message of its own (RFC 7252 §5.2.2).
func (c *Conn) receiveResponse(m *Message, data []byte) {
	h := c.seen.hash(data)
	now := time.Now()
	c.mu.Lock()
	if m.Type == NonConfirmable && (c.exchanges[tokenOf(m.Token)].receiveContinue(m) || c.receiveBulk(c.exchanges[tokenOf(m.Token)], m)) {
		c.mu.Unlock()
		return
	}
	if again, ok := c.seen.find(h, now); ok {
		c.mu.Unlock()
		c.repeat(data, again)
		return
	}
	x := c.exchanges[tokenOf(m.Token)]
	if x != nil && x.isNotification(m) {
		answer := x.observation.receive(m, h)
		c.mu.Unlock()
		if answer != nil {
			c.write(trace.Sent, answer)
		}
		return
	}
	r := c.accept(*m)
	answer := emptyMessage(Acknowledgement, m.MessageID)
	rejected := x == nil || !x.finish(r) || r.err != nil
	if rejected { // unknown (RFC 7252 §4.2), or not understood (§5.4.1)
		answer = emptyMessage(Reset, m.MessageID)
	}
	if x == nil {
		c.tokens.answered(tokenOf(m.Token), nil, c.received)
	}
	if m.Type == Confirmable && !c.seen.full() {
		expires := now.Add(c.terms().lifetime)
		c.seen.setReply(c.seen.add(h, token{}, expires, false), answer)
		c.sweepBefore(expires)
	}
	c.mu.Unlock()
	if m.Type == Confirmable || rejected {
		c.write(trace.Sent, answer)
	}
}

// isNotification reports whether a response that is no acknowledgement is a
// notification, rather than the reply to the request being made: none is being
// made, or it was not acknowledged yet, so that the peer may not even have it. Of a peer
// of this package the number tells, see sequenced. c.mu is held.
func (x *exchange) isNotification(m *Message) bool {
	o := x.observation
	number, numbered := m.Options.GetUint(Observe)
	switch {
	case o == nil:
		return false
	case numbered && x.c.terms().peerKnown:
		return number&1 == 1 // which may overtake the reply
	case x.waiting == nil || !o.established:
		return x.waiting == nil
	}
	return x.pending != nil
}

// accept makes the reply out of a response: critical options that are not
// understood spoil it (RFC 7252 §5.4.1).
func (c *Conn) accept(m Message) reply {
	opts, bad, ok := c.cfg.check(m.Options)
	if !ok {
		return reply{err: &OptionError{bad}}
	}
	m.Options = opts
	return reply{m: m}
}
