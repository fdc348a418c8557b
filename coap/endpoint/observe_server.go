package endpoint

import (
	"context"
	"errors"
	"io"
)

// maxObservers bounds the observers of one session.
const maxObservers = 64

// Observer is a registration of the peer for a resource of ours (RFC 7641 §4.1).
type Observer struct {
	c     *Conn
	token []byte
	key   uint64 // of the registration, by which further blocks are asked for
	szx   uint8  // the largest block that the peer asked for
	class class
	label string // Request.Label
	ctx   context.Context
	end   context.CancelFunc
	// turn holds one token while no message of the observation is on its way.
	turn chan struct{}
	// first is what the peer fetches of the answer to its registration, nil when
	// that was whole. Who has the turn uses it.
	first *download
}

// StartObservation registers the peer as an observer. A handler calls it before
// it returns; its response is then the first of the observation when its code is
// 2.xx, and no observation otherwise. A registration with the token of an earlier
// one takes its place (RFC 7641 §4.1). It fails with ErrNoRegistration when the
// request does not register, and with ErrTooManyObservers.
func (r *Request) StartObservation() (*Observer, error) {
	if r.Observe != ObserveRegister {
		return nil, ErrNoRegistration
	}
	if r.observer != nil {
		return r.observer, nil
	}
	c, tok := r.Conn, tokenOf(r.token)
	o := &Observer{c: c, token: r.token, key: r.key, szx: r.szx, class: r.class(), label: r.Label, turn: make(chan struct{}, 1)}
	o.ctx, o.end = context.WithCancel(c.ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.observers[tok]; old != nil {
		delete(c.observers, tok)
		old.end()
	}
	if len(c.observers) >= maxObservers {
		o.end()
		return nil, ErrTooManyObservers
	}
	if c.observers == nil {
		c.observers = make(map[token]*Observer)
	}
	c.observers[tok] = o
	r.observer = o
	return o, nil
}

// removeObserver ends the observation of that token, if there is one.
func (c *Conn) removeObserver(tok token) {
	c.mu.Lock()
	o := c.observers[tok]
	c.mu.Unlock()
	if o != nil {
		o.remove()
	}
}

// Done is closed when the observation is over: the peer deregistered or rejected
// a notification, did not acknowledge one (unless it is an endpoint of this package), or
// the session ended.
func (o *Observer) Done() <-chan struct{} { return o.ctx.Done() }

// End ends the observation without a word to the peer: it is for observers of which
// nothing more will come, once they have been told so.
func (o *Observer) End() { o.remove() }

// Token names the observation for as long as the session lasts, over restarts of this
// side too: see Conn.RestoreObserver.
func (o *Observer) Token() []byte { return o.token }

// remove ends the observation.
func (o *Observer) remove() {
	o.c.mu.Lock()
	if tok := tokenOf(o.token); o.c.observers[tok] == o {
		delete(o.c.observers, tok)
	}
	o.c.mu.Unlock()
	o.end()
}

// sequenced adds the Observe option with the next sequence number. The numbers
// rise over the whole session, so that they do not start over when the peer
// registers again with the same token (RFC 7641 §4.4). To a peer of this package those of
// replies to registrations are even, and those of notifications odd: nothing else tells
// the reply to a registration that was made again from a notification that crosses it.
func (o *Observer) sequenced(opts Options, reply bool) Options {
	o.c.mu.Lock()
	defer o.c.mu.Unlock()
	n := o.c.observeSequence
	if even := n&1 == 0; o.c.terms().peerKnown && even != reply {
		n = (n + 1) & observeMask
	}
	o.c.observeSequence = (n + 1) & observeMask
	return opts.AddUint(Observe, n)
}

// observeMask bounds sequence numbers to 24 bits (RFC 7641 §3.4).
const observeMask = 1<<24 - 1

// firstSent is called when the response to the registration was sent; d is what
// the peer fetches of it, nil when it was whole.
func (o *Observer) firstSent(code Code, d *download, err error) {
	if err != nil || code.Class() != 2 {
		o.remove()
		return
	}
	o.first = d
	o.turn <- struct{}{}
}

// Notify sends a response to the observer in a confirmable message (RFC 7641
// §4.2, §4.5) and returns nil when the peer has it: when it is acknowledged, which a peer
// of this package does when it was delivered there, and, if it does not fit one message,
// when its last block was asked for and sent, for the acknowledgement covers only the
// first. Whether the last block of several has arrived shows only in what the peer does
// next. There is one notification at a time: a second one waits,
// because a new representation makes a client drop the rest of the old one
// (RFC 7959 §2.4, §3.4).
//
// It returns *BlockError when the peer asked for no further block during
// MAX_TRANSMIT_WAIT; the observation goes on. The observation is over when it
// returns *ResetError (the peer rejected the notification), ErrTimeout (it did not
// acknowledge it), ErrObserverGone or ErrClosed, and after a response that is not
// 2.xx. After an error of ctx it goes on; the peer may or may not have got the
// notification.
//
// With a peer that is an endpoint of this package it goes on after ErrTimeout too: the
// link was away, as links are. The same may be sent again once the peer is Heard.
func (o *Observer) Notify(ctx context.Context, resp *Response) error {
	sending, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(o.ctx, cancel)()
	select {
	case <-o.turn:
	case <-sending.Done():
		closeBody(resp.Body)
		return o.interrupted(ctx)
	}
	defer func() { o.turn <- struct{}{} }()
	if ctx.Err() != nil || o.ctx.Err() != nil { // it may have ended together with our wait
		closeBody(resp.Body)
		return o.interrupted(ctx)
	}
	if o.first != nil { // the peer fetches the answer to its registration
		select {
		case <-o.first.done:
			o.first = nil
		case <-sending.Done():
			closeBody(resp.Body)
			return o.interrupted(ctx)
		}
	}

	opts := resp.Options.withoutOwned()
	final := resp.Code.Class() != 2
	if !final {
		opts = o.sequenced(opts, false)
	}
	begun := o.begin(resp, opts)
	o.c.reach(sending, begun.datagram(opts, len(o.token)), begun.more)
	m, d := o.c.firstBlock(o.label, resp, opts, begun, false)
	if d != nil {
		d.key, d.token, d.roaming, d.class = o.key, tokenOf(o.token), true, o.class
		o.c.addDownload(d)
	}
	m.Type, m.Token = Confirmable, o.token
	err := o.c.confirm(sending, m, o.class)
	if err == nil && d != nil {
		select {
		case <-d.done:
			err = d.result()
		case <-sending.Done():
			err = sending.Err()
		}
	}
	if err != nil && d != nil {
		o.c.removeDownload(d) // the next notification must not meet it
	}
	if err != nil && sending.Err() != nil {
		return o.interrupted(ctx)
	}
	var rejected *ResetError
	parks := errors.Is(err, ErrTimeout) && o.c.terms().peerKnown
	if !parks && (final || errors.As(err, &rejected) || errors.Is(err, ErrTimeout)) {
		o.remove()
	}
	return err
}

// begin reads the body of a notification, or its first block.
func (o *Observer) begin(resp *Response, opts Options) begunBody {
	if !resp.Whole || resp.Body == nil || resp.Size < 0 || resp.Size > int64(o.c.Whole()) {
		return o.c.beginBody(resp, opts, len(o.token), o.szx)
	}
	first := make([]byte, resp.Size)
	_, err := io.ReadFull(resp.Body, first)
	return begunBody{first: first, err: err}
}

// wholeOptions is room for the options of a notification that goes in one message, in bytes.
const wholeOptions = 16

// Whole is the longest body of a notification that goes in one message, in bytes. It may be as
// long as two blocks: to ask for those takes two messages more, and the time of a round trip.
// No more, for what is long is lost more often where the layer below takes it apart.
func (c *Conn) Whole() int {
	t := c.terms()
	room := t.largestSent() - t.overhead - headerLen - maxTokenLen - wholeOptions - 1
	return min(2*t.blockSize(), room)
}

// interrupted says why a notification was not delivered: ctx ended, or the
// observation.
func (o *Observer) interrupted(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return o.gone()
}

// gone says why the observation is over.
func (o *Observer) gone() error {
	if o.c.ctx.Err() != nil {
		return ErrClosed
	}
	return ErrObserverGone
}
