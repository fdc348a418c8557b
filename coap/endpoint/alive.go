package endpoint

import (
	"context"
	"errors"
	"time"
)

// A request that was acknowledged may wait long for its response. Two things must
// not make it wait for ever: a peer that restarted meanwhile and knows nothing of
// it, and a response that was given up because it was sent to an address that we
// have left. See inquiry.go for how it finds out.

// check looks after a request that has waited for its response; answer is where
// the reply is awaited.
func (x *exchange) check(ctx context.Context, answer chan reply, waited time.Duration) {
	c := x.c
	c.mu.Lock()
	waiting := x.waiting == answer && x.pending == nil // and acknowledged
	ask := waiting && x.stopProbe == nil
	if waiting && x.patience > 0 && waited >= x.patience {
		ask = false
		x.finish(reply{err: ErrUnanswered})
	}
	if ask {
		ctx, x.stopProbe = context.WithCancel(ctx)
		c.start(func() { x.probe(ctx, answer) })
	}
	c.mu.Unlock()
}

// probe asks whether the response will come, or, of a peer that knows no inquiry,
// whether it lives: a ping (RFC 7252 §4.3) is answered by a peer that still knows us.
// Either shows the peer our present address, to which it may be repeating the response. It
// may have to wait for its place (NSTART), for which a response does not wait.
func (x *exchange) probe(ctx context.Context, answer chan reply) {
	c := x.c
	over := func() {
		if x.stopProbe != nil {
			x.stopProbe()
			x.stopProbe = nil
		}
	}
	c.mu.Lock()
	silence := c.silence(time.Now())
	c.mu.Unlock()
	t := &transmission{class: x.class}
	t.ended = func(err error) {
		over()
		if t.inquires && err == nil {
			c.vigil.mapping.learn(silence, !t.moved)
		}
		if (errors.Is(err, ErrTimeout) || errors.Is(err, ErrForgotten)) && x.waiting == answer {
			x.finish(reply{err: err})
		}
	}
	m := &Message{Type: Confirmable, Code: Empty}
	if c.inquires() {
		m, t.inquires = inquiry(x.token), true
	}
	if err := c.transmit(ctx, m, t, nil); err != nil {
		// The session or ctx has ended, or the response has come.
		c.mu.Lock()
		over()
		c.mu.Unlock()
	}
}
