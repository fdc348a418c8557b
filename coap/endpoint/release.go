package endpoint

import "bytes"

// What is too large for where the peer is goes nowhere: the layer below keeps it back. It is
// sent as soon as it may be, because the peer has shown that it receives there, or has
// sent enough itself. A timer, which may have backed off to minutes, knows nothing of that;
// and each datagram of a peer that shows itself under another address every time would
// have the same message kept back once more.

// maxWithheld bounds the answers that are kept meanwhile, each no longer than a datagram.
// The peer asks again for what is missing.
const maxWithheld = 8

// withholds reports whether the layer below keeps back a message of so many bytes now.
func (c *Conn) withholds(bytes int) bool {
	if c.cfg.Paths == nil {
		return false
	}
	_, room, verified := c.cfg.Paths.PathState()
	return !verified && bytes > room
}

// withhold keeps an answer that cannot go now, and has the path checked. c.mu is held.
func (c *Conn) withhold(p *packet) {
	for _, other := range c.withheld {
		if bytes.Equal(other.data, p.data) {
			return
		}
	}
	if len(c.withheld) < maxWithheld {
		c.withheld = append(c.withheld, p)
	}
	c.checkPath()
}

// look is called when a datagram has come.
func (c *Conn) look() {
	if c.cfg.Paths == nil {
		return
	}
	c.mu.Lock()
	c.lastPath = c.pathID()
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
	waits := len(c.sending) > 0
	for _, t := range c.outstanding {
		switch {
		case c.withholds(len(t.data)):
			waits = true
		case t.withheld && !t.queued:
			free = append(free, t)
		}
	}
	c.resend(free)
	kept := c.withheld
	c.withheld = nil
	for _, p := range kept {
		if c.withholds(len(p.data)) {
			c.withheld, waits = append(c.withheld, p), true
		} else {
			c.enqueue(p)
		}
	}
	if _, _, verified := c.cfg.Paths.PathState(); waits && !verified {
		c.checkPath()
	}
	c.mu.Unlock()
	if len(free)+len(kept) > 0 {
		c.flush()
	}
}
