package endpoint

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/coapgw/coapgw/coap/trace"
)

// bulkSend is a response that this side sends in Q-Block2 blocks (RFC 9177 §4.4).
// The peer drives it: it reports what came, and what is lost. Nothing is sent on a
// timer here; a transfer without a report for three times MAX_TRANSMIT_WAIT is
// forgotten: the peer asks for one, may give up then, and resume within another.
type bulkSend struct {
	c      *Conn
	ctx    context.Context
	end    context.CancelFunc
	token  token
	class  class
	code   Code
	szx    uint8
	path   path
	kick   chan struct{} // a report came
	turned chan struct{} // closed when the first turn was sent

	// Guarded by c.mu:
	expires time.Time
	asked   bool // a report came
	missed  bool // nobody has acknowledged the first block

	mu     sync.Mutex
	window sendWindow
	rate   congestion
	trip   tripTime
	turn   int       // blocks that may still be sent in this turn, where there are turns
	poll   *incoming // a confirmable report, to be answered by the next block
	failed bool      // the body did
	// progress is what Stats tells.
	progress *transfer
}

// newBulkSend makes the transfer of which first is the first block.
func (c *Conn) newBulkSend(cl class, progress *transfer, code Code, tok token, szx uint8, first []byte) *bulkSend {
	t := c.terms()
	p := t.path(t.side == SideConstrained, block{szx: szx}.size())
	s := &bulkSend{
		c: c, class: cl, progress: progress, token: tok, code: code, szx: szx, path: p, turn: p.burst - 1,
		kick: make(chan struct{}, 1), rate: newCongestion(p, t.profile.Loss),
		trip:   tripTime{least: p.roundTrip + p.interval, smoothed: t.profile.AckTimeout},
		turned: make(chan struct{}),
	}
	s.ctx, s.end = context.WithCancel(c.ctx)
	s.window.add(first, true, 0)
	// The message with the first block is repeated by itself, or may be kept back: when it
	// arrives tells nothing of a round trip (Karn's rule).
	s.window.send(0, time.Now()).times++
	return s
}

// addBulk keeps a transfer that was just begun. The one that is idle longest makes
// place, and so does an earlier one of the same token.
func (c *Conn) addBulk(s *bulkSend) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropBulk(s.token)
	if c.sending == nil {
		c.sending = make(map[token]*bulkSend)
	}
	if len(c.sending) >= maxDownloads {
		var idlest *bulkSend
		for _, other := range c.sending {
			if idlest == nil || other.expires.Before(idlest.expires) {
				idlest = other
			}
		}
		c.dropBulk(idlest.token)
	}
	s.expires = time.Now().Add(c.terms().sendingLifetime())
	c.sending[s.token] = s
}

// dropBulk ends the transfer with a token, if there is one. c.mu is held.
func (c *Conn) dropBulk(tok token) {
	if s := c.sending[tok]; s != nil {
		delete(c.sending, tok)
		s.end()
	}
}

// run sends the body behind its first block, and returns when the peer has it or
// does not ask any more. release is called when nothing of body is needed any more.
func (s *bulkSend) run(body io.Reader, src *source, release func()) {
	blocks := make(chan chunk)
	s.c.start(func() {
		feed(s.ctx, src, block{szx: s.szx}.size(), blocks)
		closeBody(body)
		release()
	})
	defer s.forget()
	expiry := time.NewTimer(s.c.terms().sendingLifetime())
	defer expiry.Stop()
	turning := true
	for {
		num, send, next, over := s.what(blocks)
		switch {
		case over:
			return
		case send:
			if !s.transmit(num) {
				return
			}
			continue
		}
		if turning && next == nil {
			turning = false
			close(s.turned)
		}
		select {
		case b := <-next:
			s.take(b)
		case <-s.kick:
		case <-expiry.C:
			idle := s.idle()
			if idle <= 0 {
				return
			}
			expiry.Reset(idle)
		case <-s.ctx.Done():
			return
		}
	}
}

// sendingLifetime is how long a body is kept for a peer that does not report.
func (t *terms) sendingLifetime() time.Duration { return 3 * t.profile.MaxTransmitWait() }

// what says what to do: send a block, wait for the next of the body, or nothing.
func (s *bulkSend) what(blocks <-chan chunk) (num uint32, send bool, next <-chan chunk, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	open := s.rate.open(s.window.flying)
	if s.path.burst > 0 {
		open = s.turn > 0
	}
	switch num, waits := s.window.firstLost(); {
	case s.window.complete():
		return 0, false, nil, true
	case !open:
		return 0, false, nil, false
	case waits:
		return num, true, nil, false
	case !s.window.ended && !s.failed:
		return 0, false, blocks, false
	}
	return 0, false, nil, false
}

// take makes a block of the body the next to be sent.
func (s *bulkSend) take(b chunk) {
	s.c.mu.Lock()
	mid := s.c.bulkID()
	s.c.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	num := s.window.next()
	if b.err == nil && num < noMore {
		s.window.add(b.payload, b.more, mid)
		return
	}
	s.failed = true
	s.c.log.Warn("coap: response body failed", "err", b.err)
}

// transmit sends a block when it is its turn: in the acknowledgement of a report that
// waits for one, else in a NON message. It returns false when the transfer is over.
func (s *bulkSend) transmit(num uint32) bool {
	s.mu.Lock()
	if num < s.window.base || !s.window.blocks[num-s.window.base].lost { // it arrived meanwhile
		s.mu.Unlock()
		return true
	}
	b := *s.window.send(num, time.Now())
	s.turn--
	s.rate.again = false
	poll := s.poll
	s.poll = nil
	s.mu.Unlock()
	m := &Message{
		Type: NonConfirmable, Code: s.code, MessageID: b.mid, Token: s.token.bytes(), Payload: b.payload,
		Options: Options{}.AddUint(QBlock2, block{num: num, more: b.more, szx: s.szx}.value()),
	}
	if poll != nil && poll.piggyback(m) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.advance()
		return true
	}
	data, _ := AppendMessage(nil, m) // one option is in order
	if s.c.sendBulk(s.ctx, s.class, trace.Sent, data) != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.window.left(num, time.Now())
	s.advance()
	return true
}

// advance tells how far the transfer is. When all of it has left that is its end for
// Stats: on a slow link the peer need not say that it has come. s.mu is held.
func (s *bulkSend) advance() {
	s.progress.advance(s.window.under(s.szx))
	if s.window.ended && s.window.lost == 0 {
		s.progress.end()
	}
}

// report takes what the peer reports.
func (s *bulkSend) report(p progress, in *incoming) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.next > s.window.next() || p.next == noMore {
		p = progress{next: s.window.next()}
		s.window.ended = true // nothing is wanted any more
	}
	trip := s.trip.upper()
	// The peer holds back what it misses until it cannot have been overtaken, and
	// reports on several blocks at a time.
	silence := trip + s.path.jitter + time.Duration(s.path.every)*s.path.interval
	if s.path.burst > 0 {
		// It reports when a turn is over: then nothing is under way.
		trip, silence = 0, 0
		s.turn = s.path.burst
	}
	h := s.window.report(p, now, trip, silence)
	s.trip.sample(h.roundTrip)
	s.c.tally.fate(true, h.lost, h.arrived)
	s.rate.report(now, h, s.trip.smoothed, s.trip.queued(h.roundTrip))
	if in.m.Type == Confirmable && !s.window.complete() {
		s.poll = in
	}
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// idle is how long to wait for the next report, or to look again while the link is down.
func (s *bulkSend) idle() time.Duration {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if s.c.out.outage.on {
		return s.c.terms().sendingLifetime()
	}
	return time.Until(s.expires)
}

// settled takes what came of the message with the first block.
func (s *bulkSend) settled(err error) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.missed = errors.Is(err, ErrTimeout)
}

// expected reports whether the peer knows of the transfer, as far as can be told. If its first
// block was given up and it has asked for no other, it is to hear that there will be no response
// when it asks that (see inquiry): it has nothing to ask for blocks by. But it may have them all
// the same, where only what it sends is lost: then its next report goes on with them. c.mu is
// held.
func (s *bulkSend) expected() bool { return s.asked || !s.missed }

// forget ends the transfer.
func (s *bulkSend) forget() {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if s.c.sending[s.token] == s {
		delete(s.c.sending, s.token)
	}
	s.progress.end()
	s.end()
}

// receiveReport handles a report on a response of ours, on the reading goroutine.
func (c *Conn) receiveReport(in *incoming) {
	c.mu.Lock()
	s := c.sending[tokenOf(in.m.Token)]
	if s != nil {
		s.expires = time.Now().Add(c.terms().sendingLifetime())
		s.asked = true
	}
	c.mu.Unlock()
	var p progress
	ok := s != nil
	if ok {
		p, ok = qBlock2Progress(in.m.Options, s.szx)
	}
	switch {
	case !ok:
		in.answer(&Message{Code: RequestEntityIncomplete}) // RFC 7959 §2.9.2
	case s.broken():
		in.answer(&Message{Code: InternalServerError})
	default:
		in.startAckTimer()
		s.report(p, in)
	}
}

func (s *bulkSend) broken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// respondInBulk sends a response that does not fit one message, and returns when the
// peer has its first block or was given up.
func (c *Conn) respondInBulk(in *incoming, label string, resp *Response, opts Options, b begunBody, release func()) {
	progress := c.beginTransfer(label, true, resp.Size, block{szx: b.szx}.size(), true)
	s := c.newBulkSend(in.class, progress, resp.Code, tokenOf(in.m.Token), b.szx, b.first)
	c.addBulk(s)
	m := &Message{Code: resp.Code, Payload: b.first}
	m.Options = withSize2(opts.AddUint(QBlock2, block{more: true, szx: b.szx}.value()), resp.Size)
	run := func() { s.run(resp.Body, &b.src, release) }
	if in.needsConfirmation() && s.path.burst > 0 {
		// The first block ends the turn, so that its timer starts when the peer may speak.
		c.start(run)
		select {
		case <-s.turned:
		case <-s.ctx.Done():
		}
		s.settled(in.deliver(c.ctx, m))
		return
	}
	if in.needsConfirmation() {
		c.start(run)
		s.settled(in.deliver(c.ctx, m))
		return
	}
	_ = in.deliver(c.ctx, m)
	c.start(run)
}
