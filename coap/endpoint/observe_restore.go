package endpoint

import (
	"context"
	"time"
)

// A session may outlive its process, and what the peer observes is to outlive it too: the
// peer waits in silence and would not notice. What this side has to remember is the token
// of each observation and a number that none of its notifications has had.

// RestoreObserver makes an observer of an earlier life of this side out of its Token. It
// fails with ErrTooManyObservers. An observation that the peer has since registered anew
// under the token stays as it is, and ErrObserverGone is returned.
func (c *Conn) RestoreObserver(tok []byte) (*Observer, error) {
	o := &Observer{c: c, token: tok, szx: maxSZX, turn: make(chan struct{}, 1)}
	o.ctx, o.end = context.WithCancel(c.ctx)
	o.turn <- struct{}{}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.observers[tokenOf(tok)] != nil:
		o.end()
		return nil, ErrObserverGone
	case len(c.observers) >= maxObservers:
		o.end()
		return nil, ErrTooManyObservers
	}
	if c.observers == nil {
		c.observers = make(map[token]*Observer)
	}
	c.observers[tokenOf(tok)] = o
	return o, nil
}

// Observers returns the tokens of the observations that the peer has.
func (c *Conn) Observers() [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	tokens := make([][]byte, 0, len(c.observers))
	for tok := range c.observers {
		tokens = append(tokens, tok.bytes())
	}
	return tokens
}

// ObserveNumber is the number of the next notification (RFC 7641 §4.4). It wraps at 2^24.
func (c *Conn) ObserveNumber() uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.observeSequence
}

// SetObserveNumber has the numbers of notifications go on from n, which must be beyond
// all that an earlier life has used.
func (c *Conn) SetObserveNumber(n uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.observeSequence = n & observeMask
}

// Heard returns a channel that is closed when the next datagram comes from the peer, or
// the session ends.
func (c *Conn) Heard() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed() {
		over := make(chan struct{})
		close(over)
		return over
	}
	if c.hearing == nil {
		c.hearing = make(chan struct{})
	}
	return c.hearing
}

// Heard returns a channel that is closed when the next datagram comes from the observer,
// or the session ends.
func (o *Observer) Heard() <-chan struct{} { return o.c.Heard() }

// Silence is for how long nothing has come from the peer.
func (c *Conn) Silence() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.heard)
}

// tellHeard closes the channel of Heard. c.mu is held.
func (c *Conn) tellHeard() {
	if c.hearing != nil && !c.closed() {
		close(c.hearing)
		c.hearing = nil
	}
}
