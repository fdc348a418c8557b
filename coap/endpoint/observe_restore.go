package endpoint

import (
	"context"
	"time"
)

// A session may outlive its process, and what the peer observes is to outlive it too: the
// peer waits in silence and would not notice. What this side has to remember is the token
// of each observation, so that it can end it with a word.

// RestoreObserver makes an observer of an earlier life of this side out of its Token. The
// numbers of its notifications are lost (RFC 7641 §4.4): all that it may be told is a last
// one, whose code is not 2.xx. It fails with ErrTooManyObservers, and with ErrObserverGone
// where the peer has since registered anew under the token.
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
