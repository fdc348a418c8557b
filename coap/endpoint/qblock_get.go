package endpoint

import (
	"context"
	"slices"
	"time"

	"github.com/coapgw/coapgw/coap/trace"
)

// bulkGet is a request body that arrives in Q-Block1 blocks (RFC 9177 §4.3), in any
// order: a block may come before the first one, which starts the handler. The peer
// drives the transfer: it polls when it hears nothing.
type bulkGet struct {
	c      *Conn
	token  token
	ctx    context.Context // of the handler
	cancel context.CancelFunc
	wake   chan struct{} // the handler or its reader may go on

	// Guarded by c.mu:
	path     path
	opened   *incoming // the request of the first block, nil before
	g        gathering
	fresh    int       // blocks since the last report
	poll     *incoming // a confirmable block that was not answered yet
	over     bool      // the handler has returned: nothing is read any more
	rejected bool
	err      error
	expires  time.Time
	gap      *time.Timer // the report on what came last
	progress *transfer   // what Stats tells
}

// maxGets bounds the bodies that arrive at a time, those included that were answered
// a short while ago.
const maxGets = 2 * defaultMaxRequests

// getFor returns the transfer to which a block belongs, a new one if need be. c.mu is
// held.
func (c *Conn) getFor(in *incoming) *bulkGet {
	tok := tokenOf(in.m.Token)
	i := slices.IndexFunc(c.gets, func(g *bulkGet) bool { return g.token == tok })
	if i >= 0 {
		c.gets[i].touch()
		return c.gets[i]
	}
	if len(c.gets) >= maxGets {
		c.endGet(slices.MinFunc(c.gets, func(a, b *bulkGet) int { return a.expires.Compare(b.expires) }), "too many at a time")
	}
	t := c.terms()
	g := &bulkGet{c: c, token: tok, wake: make(chan struct{}, 1)}
	g.path = t.path(t.side != SideConstrained, in.qBlock1.size())
	g.ctx, g.cancel = context.WithCancel(c.ctx)
	g.touch()
	c.gets = append(c.gets, g)
	return g
}

// gathers reports whether blocks of a body with that token have come: another one of
// them does not show that the peer has what the one before was answered. c.mu is held.
func (c *Conn) gathers(tok token) bool {
	return slices.ContainsFunc(c.gets, func(g *bulkGet) bool { return g.token == tok && !g.over })
}

// beganGet returns the transfer of which in brings the first block.
func (c *Conn) beganGet(in *incoming) *bulkGet {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.getFor(in)
	g.opened = in
	g.progress = c.beginTransfer("", false, in.size1(), in.qBlock1.size(), true)
	g.progress.add(g.g.ahead)
	return g
}

// touch postpones the end of an idle transfer: the peer may give it up, and resume within
// another MAX_TRANSMIT_WAIT. c.mu is held.
func (g *bulkGet) touch() {
	wait := g.c.terms().profile.MaxTransmitWait()
	if g.opened != nil && !g.over {
		wait = g.c.terms().sendingLifetime()
	}
	g.expires = time.Now().Add(wait)
	g.c.sweepBefore(g.expires)
}

// sweepGets ends what the peer does not send any more. c.mu is held.
func (c *Conn) sweepGets(now time.Time) {
	for _, g := range slices.Clone(c.gets) {
		switch {
		case g.opened != nil && g.g.complete() && !g.over: // it is our turn
		case now.Before(g.expires):
			c.sweepBefore(g.expires)
		default:
			c.endGet(g, "peer stopped sending")
		}
	}
}

// dropGet ends the transfer of a token which the peer uses for something else; one
// that waits for its first block is kept if this is it. c.mu is held.
func (c *Conn) dropGet(tok token, first bool) {
	i := slices.IndexFunc(c.gets, func(g *bulkGet) bool { return g.token == tok })
	if i >= 0 && !(first && c.gets[i].opened == nil) {
		c.endGet(c.gets[i], "started over by the peer")
	}
}

// endGet gives a transfer up. c.mu is held.
func (c *Conn) endGet(g *bulkGet, reason string) {
	if i := slices.Index(c.gets, g); i >= 0 {
		c.gets = slices.Delete(c.gets, i, i+1)
	}
	if g.gap != nil {
		g.gap.Stop()
	}
	if g.err == nil {
		g.err = &BlockError{Offset: g.offset(), Reason: reason}
	}
	g.progress.end()
	if !g.over {
		g.cancel()
	}
	signal(g.wake)
}

// receivePut takes a block, on the reading goroutine.
func (c *Conn) receivePut(in *incoming) {
	c.mu.Lock()
	reply := c.getFor(in).take(in)
	c.mu.Unlock()
	reply()
}

// take takes the block of a request, and returns what answers that: to be called
// without c.mu. It is one step, for a handler that was given the last block must find
// the request that can carry its response. c.mu is held.
func (g *bulkGet) take(in *incoming) (reply func()) {
	g.add(in)
	return g.answer(in)
}

// add takes the block of a request. c.mu is held.
func (g *bulkGet) add(in *incoming) {
	if g.over || g.err != nil {
		return
	}
	left := maxSessionBytes
	for _, other := range g.c.gets {
		if other != g {
			left -= other.g.waiting + other.g.ahead
		}
	}
	g.g.limit = min(g.path.gathered(in.qBlock1.size()), max(left, leastShare))
	now := time.Now()
	missed := g.g.missed(in.qBlock1.num, now.Add(-g.path.jitter))
	fresh, err := g.g.add(in.qBlock1, in.m.Payload, now)
	if err == nil && g.offset() > g.c.maxBody.Load()+int64(g.g.size()) {
		err = &BlockError{Offset: g.c.maxBody.Load(), Reason: "body is too large"}
	}
	if err != nil {
		g.c.endGet(g, err.(*BlockError).Reason)
		return
	}
	if fresh {
		g.fresh++
		g.progress.add(len(in.m.Payload))
		g.c.tally.arrived(missed)
	}
	if g.g.complete() {
		g.progress.end()
	}
	signal(g.wake)
}

// answer returns what answers a block, if it is time to. c.mu is held.
func (g *bulkGet) answer(in *incoming) (reply func()) {
	confirmable := in.m.Type == Confirmable
	switch {
	case g.rejected && confirmable:
		return in.reject
	case g.err != nil && !g.over && confirmable:
		return func() { in.answer(&Message{Code: RequestEntityIncomplete}) } // RFC 7959 §2.9.2
	case confirmable && (g.over || g.opened != nil && (g.g.complete() || g.g.full())):
		g.poll = in
		signal(g.wake)
		return in.startAckTimer
	case g.err != nil || g.over:
		return func() {}
	}
	if confirmable || g.path.burst == 0 && g.opened != nil && !g.g.full() && g.fresh >= g.path.every {
		m := g.report()
		return func() { g.send(m, in) }
	}
	if g.path.burst == 0 && !g.g.complete() {
		g.later()
	}
	return func() {}
}

// report makes the report on what came. c.mu is held.
func (g *bulkGet) report() *Message {
	g.fresh = 0
	before := time.Now()
	if g.path.burst == 0 {
		before = before.Add(-g.path.jitter)
	}
	p := g.g.progress(before, g.c.terms().missingFit())
	if p.next < g.g.high || len(p.missing) > 0 {
		g.later() // there is more to say soon
	}
	return p.qBlock1(g.g.szx)
}

// later has the report on what came last sent when nothing follows. c.mu is held.
func (g *bulkGet) later() {
	if g.path.burst > 0 {
		return
	}
	wait := max(2*g.path.interval, g.path.interval+g.path.jitter, leastGap)
	if g.gap == nil {
		g.gap = g.c.after(wait, g.paused)
		return
	}
	g.gap.Reset(wait)
}

// paused runs when no block came for a while.
func (g *bulkGet) paused() {
	c := g.c
	c.mu.Lock()
	if c.closed() || g.over || g.err != nil || g.fresh == 0 && len(g.g.holes) == 0 || g.g.full() {
		c.mu.Unlock()
		return
	}
	m := g.report()
	if g.fresh == 0 && g.gap != nil {
		g.gap.Stop() // the peer polls if this is lost
	}
	c.mu.Unlock()
	g.send(m, nil)
}

// send sends a report: in the acknowledgement of in, if that is confirmable, else in a
// NON message, for the next report says what this one said.
func (g *bulkGet) send(m *Message, in *incoming) {
	if in != nil && in.m.Type == Confirmable {
		in.answer(m)
		return
	}
	c := g.c
	c.mu.Lock()
	m.Type, m.Token, m.MessageID = NonConfirmable, g.token.bytes(), c.bulkID()
	c.mu.Unlock()
	if data, err := AppendMessage(nil, m); err == nil {
		c.write(trace.Sent, data)
	}
}

func (g *bulkGet) offset() int64 { return block{num: g.g.next, szx: g.g.szx}.offset() }
