package dtls

import "io"

// end ends the session; first tells one caller that it is the one to see to the
// store, with these counters, and then to call below.gone. Until then the
// Connection ID is taken: what a store still does to the old session must not
// happen to a new one.
func (c *Conn) end(err error) (last counters, first bool) {
	if !c.ended.CompareAndSwap(false, true) {
		return counters{}, false
	}
	c.in.close(err)
	return c.numbers.close(), true
}

// drop ends the session for good, without a word to the peer.
func (c *Conn) drop() error {
	if _, first := c.end(io.EOF); first {
		defer c.below.gone(false)
		return c.kept.delete()
	}
	return nil
}

// rest ends the session's life in this process, without a word to the peer; the
// store keeps it.
func (c *Conn) rest() error {
	last, first := c.end(io.EOF)
	if !first {
		return nil
	}
	err := c.kept.rest(last)
	c.below.gone(err == nil && c.Durable())
	return err
}

// putAway ends the session where it has to make room for others.
func (c *Conn) putAway() error {
	if c.Durable() {
		return c.rest()
	}
	return c.drop()
}

// Close sends a close_notify and ends the session for good: a store forgets it. On
// a client it closes the socket.
func (c *Conn) Close() error {
	_ = c.transmit(typeAlert, []byte{alertWarning, alertCloseNotify})
	err := c.drop()
	c.in.drain()
	c.below.wait()
	return err
}

// Suspend ends the use of the session in this process without a word to the peer,
// and leaves it in the store: the client goes on with Resume, a server with the
// client's next record. Without a store it is Close without close_notify. On a
// client it closes the socket.
func (c *Conn) Suspend() error {
	err := c.rest()
	c.in.drain()
	c.below.wait()
	return err
}

// lost ends the session from within the goroutine that reads the socket, which
// does not wait for the store: other sessions' records wait behind it.
func (c *Conn) lost(err error) {
	if !c.ended.CompareAndSwap(false, true) {
		return
	}
	c.in.close(err)
	if c.Durable() {
		c.below.background(c.forget)
	} else {
		c.forget()
	}
}

// forget is the rest of lost.
func (c *Conn) forget() {
	defer c.below.gone(false)
	c.numbers.close()
	if err := c.kept.delete(); err != nil {
		c.below.warn("dtls: an ended session stays in the store", "error", err)
	}
}
