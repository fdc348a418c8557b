package integrity

import "io"

// end ends the session; first tells one caller that it is the one to see to the store,
// with these counters, and then to call below.gone.
func (c *Conn) end(err error) (last counters, first bool) {
	c.ended.Do(func() {
		first = true
		last = c.numbers.close()
		c.in.close(err)
	})
	return last, first
}

// lost ends the session for good from within the goroutine that reads the socket.
func (c *Conn) lost(err error) {
	if _, first := c.end(err); first {
		defer c.below.gone(c, false)
		if err := c.numbers.place.forget(c.numbers); err != nil {
			c.below.warn("integrity: an ended session stays in the store", "error", err)
		}
	}
}

// rest ends the session's life in this process, without a word to the peer; the store
// keeps it.
func (c *Conn) rest() error {
	last, first := c.end(io.EOF)
	if !first {
		return nil
	}
	defer c.below.gone(c, c.Durable())
	if !c.Durable() {
		return nil
	}
	return c.numbers.place.put(c.numbers, map[string][]byte{countersKey: last.marshal()})
}

// Close tells the peer and ends the session for good: a store forgets it. On a client
// it closes the socket.
func (c *Conn) Close() error {
	_ = c.transmit(nil) // it fails when the session is over
	var err error
	if _, first := c.end(io.EOF); first {
		err = c.numbers.place.forget(c.numbers)
		c.below.gone(c, false)
	}
	c.below.wait()
	return err
}

// Suspend ends the use of the session in this process without a word to the peer, and
// leaves it in the store: the client goes on with Resume, a server with the client's
// next record. Without a store it is Close without telling. On a client it closes the
// socket.
func (c *Conn) Suspend() error {
	err := c.rest()
	c.below.wait()
	return err
}

// Durable tells whether the session is in a store, so that it may outlive the process.
func (c *Conn) Durable() bool { return c.numbers.place != nil }

// Incarnation counts how often the session was taken from a store.
func (c *Conn) Incarnation() uint32 { return c.numbers.incarnation }

// Mark returns when nothing that was read so far can be accepted again, not even after
// a crash: a server calls it before a request has an effect that must not be had
// twice. Without a store it does nothing.
func (c *Conn) Mark() error { return c.numbers.mark() }

// State returns what SaveState stored last, nil when nothing.
func (c *Conn) State() ([]byte, error) {
	if !c.Durable() {
		return nil, nil
	}
	return c.numbers.place.store.Load(c.numbers.place.prefix + stateKey)
}

// SaveState stores what the layer above wants to find in the session's next life. It
// returns when the state is durable, and does what Mark does in the same write. Without a store it does nothing, and after the
// session's end it fails with net.ErrClosed.
func (c *Conn) SaveState(state []byte) error {
	if !c.Durable() {
		return nil
	}
	return c.numbers.save(stateKey, state)
}

// replaced ends the session when its station has begun another, which takes its place
// in the store.
func (c *Conn) replaced() {
	if _, first := c.end(io.EOF); first {
		c.below.gone(c, false)
	}
}
