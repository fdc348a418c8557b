package endpoint

import (
	"bytes"
	"slices"
	"time"
)

// What is too large for where the peer is goes nowhere: the layer below keeps it back. It is
// sent as soon as it may be, because the peer has shown that it receives there, or has
// sent enough itself. A timer, which may have backed off to minutes, knows nothing of that;
// and each datagram of a peer that shows itself under another address every time would
// have the same message kept back once more. So no timer repeats it, no retransmission is
// spent on it, and it is given up only when the peer has not been heard for so long that it
// will not wait for it any more.

// maxWithheld bounds the answers that are kept meanwhile, each no longer than a datagram.
// The peer asks again for what is missing.
const maxWithheld = 8

// withheldAnswer is an answer that could not be sent then.
type withheldAnswer struct {
	*packet
	then time.Time
}

// withholds reports whether the layer below keeps back a message of so many bytes now.
func (c *Conn) withholds(bytes int) bool {
	if c.cfg.Paths == nil {
		return false
	}
	_, room, verified := c.cfg.Paths.PathState()
	return !verified && bytes > room
}

// withhold keeps an answer that cannot go now, and has the path checked. c.mu is held.
func (c *Conn) withhold(p *packet, now time.Time) {
	c.sweepWithheld(now)
	c.withheld = slices.DeleteFunc(c.withheld, func(other withheldAnswer) bool {
		return bytes.Equal(other.data, p.data)
	})
	if len(c.withheld) < maxWithheld {
		c.withheld = append(c.withheld, withheldAnswer{p, now})
		c.sweepBefore(now.Add(c.terms().profile.MaxTransmitWait()))
	}
	c.checkPath()
}

// sweepWithheld forgets answers for which nobody waits any more, so that a peer that has left
// takes up no memory. c.mu is held.
func (c *Conn) sweepWithheld(now time.Time) {
	c.withheld = slices.DeleteFunc(c.withheld, func(a withheldAnswer) bool { return c.stale(a, now) })
	if len(c.withheld) == 0 {
		c.withheld = nil
		return
	}
	c.sweepBefore(c.withheld[0].then.Add(c.terms().profile.MaxTransmitWait()))
}

// stale reports whether nobody waits for an answer any more (RFC 7252 §4.8.2).
func (c *Conn) stale(a withheldAnswer, now time.Time) bool {
	return now.Sub(a.then) >= c.terms().profile.MaxTransmitWait()
}

// rests reports whether t waits for its path instead of its timer, and for how long at most;
// an inquiry after the path itself does not. On a link of little latency that inquiry may be
// answered later than EXCHANGE_LIFETIME, in MAX_TRANSMIT_WAIT. c.mu is held.
func (c *Conn) rests(t *transmission, now time.Time) (most time.Duration, ok bool) {
	if !t.withheld || t.unbidden || !c.withholds(len(t.data)) {
		return 0, false
	}
	since := t.begins // it was sent once more after an outage
	if c.heard.After(since) {
		since = c.heard
	}
	return max(c.terms().lifetime, c.terms().profile.MaxTransmitWait()) - now.Sub(since), true
}

// look is called when a datagram has come. asked says that it only answers one of ours.
func (c *Conn) look(asked bool) {
	if c.cfg.Paths == nil {
		return
	}
	c.mu.Lock()
	c.lastPath = c.pathID()
	if !asked {
		c.strays = 0
	}
	c.mu.Unlock()
	c.release()
}

// release sends what was kept back and may go now, and has the path checked for what may not.
func (c *Conn) release() {
	if c.cfg.Paths == nil {
		return
	}
	c.mu.Lock()
	var free []*transmission
	waits := len(c.sending) > 0 || c.pathCheck != nil
	for _, t := range c.outstanding {
		switch {
		case c.withholds(len(t.data)):
			waits = true
		case t.withheld && !t.queued:
			free = append(free, t)
		}
	}
	c.resend(free)
	now, kept := time.Now(), c.withheld
	c.withheld = nil
	for _, a := range kept {
		switch {
		case c.stale(a, now):
		case c.withholds(len(a.data)):
			c.withheld, waits = append(c.withheld, a), true
		default:
			c.enqueue(a.packet)
		}
	}
	if _, _, verified := c.cfg.Paths.PathState(); verified {
		c.strays = 0
	} else if waits {
		c.checkPath()
	}
	c.mu.Unlock()
	if len(free)+len(kept) > 0 {
		c.flush()
	}
}
