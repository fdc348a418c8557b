package endpoint

import (
	"context"
	"errors"
	"time"

	"github.com/coapgw/coapgw/coap/trace"
)

// transmission is a confirmable message until it is acknowledged, rejected or
// given up (RFC 7252 §4.2). It occupies a place of the gate.
type transmission struct {
	class    class
	steady   bool // it asks for a report, see pollTimeout
	mid      uint16
	data     []byte
	timeout  time.Duration // from begins
	begins   time.Time     // when the first bit of the last transmission leaves
	stood    time.Duration // how much later because the link was busy
	first    time.Time     // when that of the first did, outages left out
	sent     time.Time     // when it was sent first
	once     bool          // executed twice it would do harm
	giveUp   time.Time     // not before
	repeated int           // because of a timeout
	timer    *time.Timer   // nil until it was sent
	// queued: it waits to be sent, for the first time or again.
	queued bool
	// resumed: it is sent again because the link is up again. resent: it was.
	resumed, resent bool
	// held: an acknowledgement that comes alone was kept back by the peer.
	held bool
	// unbidden: it does not wait for its turn at the gate.
	unbidden bool
	// path is that of the last transmission, strayed says that others went elsewhere.
	path    uint32
	strayed bool
	// withheld: the layer below kept the last transmission back.
	withheld bool
	// inquires: it asks about an earlier request (see inquiry).
	inquires bool
	// moved: the answer to that says that our address has changed.
	moved bool
	// ended is called once, with c.mu held: nil means acknowledged.
	ended func(error)
}

// transmit sends a confirmable message, the ID of which it assigns, when the gate
// lets it through. prepare is called with c.mu held when the message has its ID,
// before the first transmission.
func (c *Conn) transmit(ctx context.Context, m *Message, t *transmission, prepare func()) error {
	if t.unbidden {
		c.gate.intrude()
	} else if err := c.gate.enter(ctx, c.ctx, t.class); err != nil {
		return err
	}
	if err := c.lockWithID(ctx, &m.MessageID); err != nil {
		c.gate.leave()
		return err
	}
	data, err := AppendMessage(nil, m)
	if err != nil {
		c.mu.Unlock()
		c.gate.leave()
		return err
	}
	t.mid, t.data = m.MessageID, data
	if c.outstanding == nil {
		c.outstanding = make(map[uint16]*transmission)
	}
	c.outstanding[t.mid] = t
	if prepare != nil {
		prepare()
	}
	t.held = m.Code.IsRequest()
	t.once = m.Code == POST || m.Code == PATCH // not idempotent: RFC 7252 §5.8, RFC 8132 §3
	t.timeout = c.firstTimeout(m, len(data))
	t.queued = true
	c.handOver(&packet{kind: trace.Sent, class: t.class, data: data, t: t})
	c.mu.Unlock()
	return nil
}

// departs is called when the message is sent, the first bit of which leaves at
// begins: then its timer starts. c.mu is held.
func (t *transmission) departs(c *Conn, now, begins time.Time) {
	t.begins, t.stood, t.queued = begins, 0, false
	switch {
	case t.timer == nil:
		t.first, t.sent = begins, now
		t.giveUp = begins.Add(c.estimator.patience())
		if t.steady {
			t.giveUp = begins.Add(c.terms().profile.MaxTransmitWait())
		}
		t.timer = c.after(begins.Sub(now)+t.timeout, func() { c.retransmit(t) })
		return
	case t.resumed:
		t.resumed, t.resent = false, true
	default:
		t.repeated++
		t.timeout = c.estimator.backoff(t.timeout)
		if t.steady {
			t.timeout = min(t.timeout, c.terms().pollTimeout(now.Sub(t.first)))
		}
	}
	t.timer.Reset(begins.Sub(now) + t.timeout)
}

// busy tells that a datagram of that length, ours or the peer's, takes a half-duplex
// link. Neither an answer nor a retransmission can cross it meanwhile, so that timers
// stand still, but for no longer than a turn of either side: the peer may send without
// end. c.mu is held.
func (c *Conn) busy(bytes int, ours bool) {
	e := c.estimator
	if e == nil || !e.profile.HalfDuplex {
		return
	}
	airtime := e.airtime(bytes, e.up == ours)
	for _, t := range c.outstanding {
		if t.queued || t.stood+airtime > 2*max(airtime, e.profile.MaxTurn) {
			continue
		}
		t.stood += airtime
		t.begins = t.begins.Add(airtime)
		t.timer.Reset(time.Until(t.begins) + t.timeout)
	}
}

// pollTimeout bounds the timeout of a message without which a body in blocks stands
// still, and that was in vain for so long. A run of losses ends all of a sudden: what
// still doubles then costs as long again. So silence grows by a quarter each time, and
// the message is repeated until MAX_TRANSMIT_SPAN is over (RFC 7252 §4.8.2), for which
// peers remember messages.
func (t *terms) pollTimeout(silent time.Duration) time.Duration {
	return max(4*t.profile.AckTimeout, silent/4)
}

// returns takes departs back: the link is down. The message waits again. c.mu is
// held.
func (t *transmission) returns(before *transmission) {
	t.timer.Stop()
	t.begins, t.first, t.giveUp, t.timer = before.begins, before.first, before.giveUp, before.timer
	t.repeated, t.timeout = before.repeated, before.timeout
	t.resumed, t.resent = t.timer != nil, before.resent // the next one costs no retransmission
	t.queued = true
}

// firstTimeout is the timeout of a message that was not sent before; it doubles
// with each retransmission (RFC 7252 §4.2).
func (c *Conn) firstTimeout(m *Message, bytes int) time.Duration {
	if c.estimator != nil {
		return c.estimator.timeout(m, bytes)
	}
	// Random between ACK_TIMEOUT and ACK_TIMEOUT times ACK_RANDOM_FACTOR.
	p := c.terms().profile
	return time.Duration(float64(p.AckTimeout) * (1 + random.Float64()*max(p.AckRandomFactor-1, 0)))
}

// lockWithID locks c.mu and assigns a message ID, for which it may have to wait.
// After an error c.mu is not locked.
func (c *Conn) lockWithID(ctx context.Context, id *uint16) error {
	for {
		c.mu.Lock()
		if c.closed() {
			c.mu.Unlock()
			return ErrClosed
		}
		mid, wait := c.mids.take(time.Now(), c.terms().lifetime)
		if wait == 0 {
			*id = mid
			return nil
		}
		c.mu.Unlock()
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-c.ctx.Done():
			t.Stop()
			return ErrClosed
		}
	}
}

// retransmit runs when the timer of t fires.
func (c *Conn) retransmit(t *transmission) {
	c.mu.Lock()
	if c.outstanding[t.mid] != t {
		c.mu.Unlock()
		return
	}
	if t.queued || time.Now().Before(t.begins.Add(t.timeout)) { // the timer fired when it was stopped or set anew
		c.mu.Unlock()
		return
	}
	if c.out.outage.on { // SetLink told so while the message left
		t.resumed = true
		c.repeatLater(t)
		c.mu.Unlock()
		return
	}
	now := time.Now()
	if rest, ok := c.rests(t, now); ok {
		if rest > 0 {
			t.timer.Reset(rest)
			c.mu.Unlock()
			return
		}
		c.settle(t, ErrTimeout)
		c.mu.Unlock()
		c.record(trace.GaveUp, t.data)
		return
	}
	if t.repeated < c.terms().profile.MaxRetransmit || c.estimator.mayRepeat(t.repeated, t.first, now) || t.steady && now.Sub(t.first) < c.terms().profile.MaxTransmitSpan() {
		c.repeatLater(t)
		c.handOver(nil)
		c.mu.Unlock()
		return
	}
	if rest := t.giveUp.Sub(now); rest > 0 {
		t.timer.Reset(rest)
		c.mu.Unlock()
		return
	}
	c.settle(t, ErrTimeout)
	c.mu.Unlock()
	c.record(trace.GaveUp, t.data)
}

// measure learns from m, which acknowledges or rejects t and has that many bytes.
// c.mu is held.
func (c *Conn) measure(t *transmission, m *Message, bytes int) {
	if t.repeated == 0 && !t.resent && (m.Type == Reset || m.Code != Empty || !t.held) {
		rtt := time.Since(t.begins)
		c.estimator.sample(rtt, len(t.data), bytes)
		c.measured(rtt, t)
	}
}

// settle ends a transmission; c.mu is held. It does nothing the second time.
func (c *Conn) settle(t *transmission, err error) {
	if c.outstanding[t.mid] != t {
		return
	}
	delete(c.outstanding, t.mid)
	if t.timer != nil {
		t.timer.Stop()
	}
	c.gate.leave()
	if err == nil || t.repeated > 0 {
		arrived := 0
		if err == nil {
			arrived = 1
		}
		c.tally.fate(true, t.repeated, arrived)
	}
	t.ended(err)
}

// confirm sends a confirmable message that expects no response, and waits until
// it is acknowledged: a separate response, a notification or a ping.
func (c *Conn) confirm(ctx context.Context, m *Message, cl class) error {
	result := make(chan error, 1)
	t := &transmission{class: cl, ended: func(err error) { result <- err }}
	if err := c.transmit(ctx, m, t, nil); err != nil {
		return err
	}
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		c.mu.Lock()
		c.settle(t, ctx.Err())
		c.mu.Unlock()
		return <-result
	}
}

// Ping asks whether the peer is there (RFC 7252 §4.3): an empty confirmable
// message, which the peer rejects. It returns nil when it did.
func (c *Conn) Ping(ctx context.Context) error {
	err := c.confirm(ctx, &Message{Type: Confirmable, Code: Empty}, class{priority: PriorityInteractive})
	var rejected *ResetError
	if errors.As(err, &rejected) {
		return nil
	}
	return err
}

// measured tells of the round trip of t. c.mu is held.
func (c *Conn) measured(rtt time.Duration, t *transmission) {
	c.tally.measured(rtt)
	if c.cfg.Recorder != nil {
		c.cfg.Recorder.Record(trace.Event{
			Session: c.cfg.Session, Kind: trace.Measured, At: time.Now(), RoundTrip: rtt,
			MessageID: t.mid, Type: t.data[0] >> 4 & 3, Code: t.data[1], Bytes: len(t.data),
		})
	}
}
