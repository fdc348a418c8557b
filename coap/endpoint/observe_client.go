package endpoint

import (
	"context"
	"time"
)

// Observation is our registration for a resource of the peer (RFC 7641 §3.1).
type Observation struct {
	c       *Conn
	x       *exchange
	deliver func(*Response) error
	ctx     context.Context // ends with the observation
	cancel  context.CancelFunc
	// asking admits one registration or deregistration at a time.
	asking chan struct{}
	label  string // Request.Label of the registration

	// Guarded by c.mu:
	code        Code
	opts        Options
	established bool
	ended       bool
	err         error
	queue       []notification
	delivering  bool

	// Used by whoever is delivering:
	number  uint32    // of the latest notification
	arrived time.Time // when that came
}

// Observe registers for a resource (RFC 7641 §3.1). The first response is
// delivered before Observe returns, each notification when it arrives: one after
// the other, those that are older than one delivered before left out (§3.4). When
// deliver returns nil the notification is acknowledged; an error rejects it and
// ends the observation. deliver must not call methods of the Observation; it may
// read the body only until it returns.
//
// A notification that travels in several blocks is acknowledged before deliver is
// called, because reading its body takes longer than the peer's retransmission.
//
// ctx bounds the registration and reading the first body. When the peer does not
// register (no Observe option, or a code other than 2.xx), its response is
// delivered and the error is ErrNotObserved. Other errors are those of Do.
func (c *Conn) Observe(ctx context.Context, r *Request, deliver func(*Response) error) (*Observation, error) {
	x, err := c.begin(r.class())
	if err != nil {
		return nil, err
	}
	o := &Observation{c: c, x: x, deliver: deliver, asking: make(chan struct{}, 1), label: r.Label, delivering: true}
	o.ctx, o.cancel = context.WithCancel(c.ctx)
	c.mu.Lock()
	x.observation = o
	c.mu.Unlock()

	m, err := o.register(ctx, r)
	if err != nil {
		o.end(err)
		return nil, err
	}
	n := notification{m: m, arrived: time.Now(), reply: true}
	if registered := m.Code.Class() == 2 && m.Options.Has(Observe); !registered {
		if err := o.refused(ctx, m); err != nil {
			return nil, err
		}
		return nil, ErrNotObserved
	}
	if err := o.pass(ctx, &n); err != nil {
		o.end(err)
		return nil, err
	}
	c.mu.Lock()
	o.delivering = false
	o.startDelivering()
	c.mu.Unlock()
	return o, nil
}

// refused delivers the response to a registration that the peer answered like any other
// request.
func (o *Observation) refused(ctx context.Context, m Message) error {
	c := o.c
	c.mu.Lock()
	o.finish(ErrNotObserved)
	o.x.observation = nil
	code, opts := o.code, o.opts
	c.mu.Unlock()
	resp, err := c.response(ctx, o.x, o.x.class, o.label, code, opts, m)
	if err != nil {
		return err
	}
	defer closeBody(resp.Body)
	return o.deliver(resp)
}

// register sends a registration and returns its response.
func (o *Observation) register(ctx context.Context, r *Request) (Message, error) {
	opts := o.x.claim(r.Code, r.Options.withoutOwned())
	o.c.mu.Lock()
	o.code, o.opts = r.Code, opts
	o.c.mu.Unlock()
	m, err := o.ask(ctx, r, opts.clone().AddUint(Observe, 0))
	if err == nil {
		o.c.mu.Lock()
		o.established = true
		o.c.watch()
		o.c.mu.Unlock()
	}
	return m, err
}

// ask sends a request with the token of the observation.
func (o *Observation) ask(ctx context.Context, r *Request, opts Options) (Message, error) {
	select {
	case o.asking <- struct{}{}:
	case <-ctx.Done():
		return Message{}, ctx.Err()
	}
	defer func() { <-o.asking }()
	return o.x.send(ctx, r, opts)
}

// Reregister registers again with the same token (RFC 7641 §3.3.1): because the
// last notification is older than its Max-Age, or to tell the peer something new,
// for which r may differ from the first request. It returns when the response has
// come; that is delivered as a notification.
func (o *Observation) Reregister(ctx context.Context, r *Request) error {
	o.c.mu.Lock()
	ended := o.ended
	o.c.mu.Unlock()
	if ended {
		return ErrObserverGone
	}
	m, err := o.register(ctx, r)
	if err != nil {
		return err
	}
	o.c.mu.Lock()
	defer o.c.mu.Unlock()
	o.queue = append(o.queue, notification{m: m, arrived: time.Now(), reply: true})
	o.startDelivering()
	return nil
}

// Cancel deregisters (RFC 7641 §3.6) and ends the observation. It returns when
// the peer has answered; when it fails the observation is over all the same, and
// the next notification is rejected.
func (o *Observation) Cancel(ctx context.Context) error {
	o.c.mu.Lock()
	already := o.ended
	o.finish(nil)
	r := &Request{Code: o.code}
	opts := o.opts.clone().AddUint(Observe, 1)
	o.c.mu.Unlock()
	if already {
		return nil
	}
	defer o.x.end()
	_, err := o.ask(ctx, r, opts)
	return err
}

// Leave ends the observation without a word to the peer: its next notification is rejected.
func (o *Observation) Leave() { o.end(nil) }

// Token is the token of the observation, by which the peer knows it.
func (o *Observation) Token() []byte { return o.x.token.bytes() }

// Done is closed when the observation is over.
func (o *Observation) Done() <-chan struct{} { return o.ctx.Done() }

// Err says why the observation is over: nil while it is not, and when it was
// cancelled or the peer ended it with a last notification (RFC 7641 §3.2), which
// was delivered; the error of deliver; or ErrClosed.
func (o *Observation) Err() error {
	o.c.mu.Lock()
	defer o.c.mu.Unlock()
	if o.err == nil && !o.ended && o.c.ctx.Err() != nil {
		return ErrClosed
	}
	return o.err
}

// end ends the observation and gives its token back.
func (o *Observation) end(err error) {
	o.c.mu.Lock()
	o.finish(err)
	o.c.mu.Unlock()
	o.x.end()
}

// finish ends the observation but for its token; c.mu is held. Notifications that
// wait are rejected when they are repeated.
func (o *Observation) finish(err error) {
	if o.ended {
		return
	}
	o.ended, o.err = true, err
	for _, n := range o.queue {
		if n.mark != nil {
			o.c.seen.setReply(n.mark, emptyMessage(Reset, n.m.MessageID))
		}
	}
	o.queue = nil
	o.cancel()
}
