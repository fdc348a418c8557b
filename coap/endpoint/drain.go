package endpoint

import "context"

// Drain waits until no request of the peer is being served: its handler has
// returned, and the response or its first block is sent. Requests that arrive
// meanwhile are waited for too. It returns early when the session or ctx ends.
func (c *Conn) Drain(ctx context.Context) {
	for {
		c.mu.Lock()
		if c.serving == 0 {
			c.mu.Unlock()
			return
		}
		if c.quiet == nil {
			c.quiet = make(chan struct{})
		}
		quiet := c.quiet
		c.mu.Unlock()
		select {
		case <-quiet:
		case <-c.ctx.Done():
			return
		case <-ctx.Done():
			return
		}
	}
}

// Quiesce has every request ignored that arrives from now on, but for blocks of bodies
// under way. The peer repeats it (RFC 7252 §4.2), to whoever has the session next.
func (c *Conn) Quiesce() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quiesced = true
}
