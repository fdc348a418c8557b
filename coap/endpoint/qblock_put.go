package endpoint

import (
	"context"
	"sync"
	"time"

	"github.com/coapgw/coapgw/coap/trace"
)

// bulkPut is a request body that this side sends in Q-Block1 blocks (RFC 9177 §4.3).
// The first block has all options of the request. The last one of a turn on a
// half-duplex link, and of the body, is confirmable: its acknowledgement carries the
// report on all. When reports stop, the last block sent is sent again so.
type bulkPut struct {
	x      *exchange
	first  Message
	szx    uint8
	path   path
	answer chan reply
	kick   chan struct{} // a report came, or the confirmable block was settled
	key    uint64        // see putKey
	alone  bool          // nothing follows the first block before it was acknowledged

	mu      sync.Mutex
	window  sendWindow
	sums    []Fingerprint // of all blocks up to window.next
	rate    congestion
	trip    tripTime
	turn    int
	polling bool   // a confirmable block is under way
	asked   uint32 // window.base when it was sent
	polls   int    // in a row without a report
	unheard int    // how often the first block was repeated
	heard   time.Time
	news    time.Time     // the last report, or the beginning
	down    time.Duration // for how long the link had been down then
	// progress is what Stats tells.
	progress *transfer
}

// uploadInBulk sends a body of which buf is the first block, and returns the
// response.
func (x *exchange) uploadInBulk(ctx context.Context, r *Request, first Message, szx uint8, src *source, buf []byte) (Message, error) {
	key := x.c.putKey(r, first.Options)
	s, err := x.resumePut(ctx, key, szx, src, buf)
	if s == nil && err == nil {
		s, err = x.beginPut(ctx, r, first, szx, buf)
	}
	if err != nil {
		return Message{}, err
	}
	s.key = key
	defer s.track(r).end()
	// What follows must not be taken for the rest of what the token was used for before.
	s.alone = x.observation != nil && x.observation.established
	x.c.putting.Add(1)
	defer x.c.putting.Add(-1)
	sending, stop := context.WithCancel(ctx)
	blocks := make(chan chunk)
	var feeding sync.WaitGroup
	feeding.Go(func() { feed(sending, src, block{szx: szx}.size(), blocks) })
	defer feeding.Wait() // the body is the caller's again
	defer stop()
	return s.run(sending, blocks, s.answer)
}

// track lists the transfer, which may go on from an earlier one.
func (s *bulkPut) track(r *Request) *transfer {
	size := block{szx: s.szx}.size()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.progress = s.x.c.beginTransfer(r.Label, true, r.Size, size, true)
	s.progress.resumed(s.window.under(s.szx))
	return s.progress
}

// putKey is the key under which an upload may be resumed: of the request, and the length
// that the peer was told; 0 if it may not.
func (c *Conn) putKey(r *Request, opts Options) uint64 {
	if r.Arrived != nil {
		return 0
	}
	return c.transferKey(r.Code, opts.Remove(Block2)) ^ uint64(max(r.Size, 0))
}

// beginPut makes a transfer with its first block.
func (x *exchange) beginPut(ctx context.Context, r *Request, first Message, szx uint8, buf []byte) (*bulkPut, error) {
	c, t, size := x.c, x.c.terms(), block{szx: szx}.size()
	p := t.path(t.side == SideConstrained, size)
	s := &bulkPut{
		x: x, first: first, szx: szx, path: p, kick: make(chan struct{}, 1), turn: p.burst,
		rate:  newCongestion(p, t.profile.Loss),
		trip:  tripTime{least: p.roundTrip + p.interval, smoothed: t.profile.AckTimeout},
		heard: time.Now(), news: time.Now(), down: c.downtime(),
	}
	// Options of RFC 7959 do not mix with those of RFC 9177 (§4.1), and the peer knows
	// from the profile how large a block of its response may be.
	s.first.Options = first.Options.Remove(Block2)
	if r.Size > 0 {
		s.first.Options = s.first.Options.AddUint(Size1, uint32(min(r.Size, 1<<32-1))) // RFC 7959 §4
	}
	var mid uint16
	if err := c.lockWithID(ctx, &mid); err != nil {
		return nil, err
	}
	answer := make(chan reply, 1)
	s.answer = answer
	x.waiting, x.putting = answer, s
	c.mu.Unlock()
	s.window.add(buf, true, mid)
	s.sums = append(s.sums, fingerprintOf(buf))
	return s, nil
}

// run sends until the response has come.
func (s *bulkPut) run(ctx context.Context, blocks <-chan chunk, answer chan reply) (Message, error) {
	x := s.x
	watch := time.NewTimer(x.c.terms().profile.MaxTransmitWait())
	defer watch.Stop()
	silence := time.NewTimer(0)
	defer silence.Stop()
	for {
		num, send, poll, next, wait := s.what(blocks)
		if send {
			s.transmit(ctx, num, poll)
		} else {
			silence.Reset(wait)
			select {
			case b := <-next:
				if err := s.take(b); err != nil {
					x.cancel(answer, err)
				}
			case <-s.kick:
			case <-silence.C:
			case <-ctx.Done():
				x.cancel(answer, ctx.Err())
			case <-watch.C:
				x.check(ctx, answer, s.silence())
				watch.Reset(x.c.terms().profile.MaxTransmitWait())
			case r := <-answer:
				return r.m, r.err
			}
			continue
		}
		select {
		case r := <-answer:
			return r.m, r.err
		default:
			if s.deaf() {
				x.cancel(answer, ErrTimeout)
			}
		}
	}
}

// burst is how many blocks this body may send in a turn on a half-duplex link, of which
// all bodies that this side sends have a share.
func (s *bulkPut) burst() int {
	return max(s.path.burst/max(int(s.x.c.putting.Load()), 1), 1)
}

// silence is for how long the peer has not reported, outages left out.
func (s *bulkPut) silence() time.Duration {
	down := s.x.c.downtime()
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.news) - (down - s.down)
}

// deaf reports whether the peer is given up, of which nothing was heard yet. Later the
// confirmable blocks are.
func (s *bulkPut) deaf() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unheard > s.x.c.terms().profile.MaxRetransmit+maxPollShift
}

// cancel ends the request being made, unless its response has come.
func (x *exchange) cancel(answer chan reply, err error) {
	x.c.mu.Lock()
	defer x.c.mu.Unlock()
	if x.waiting == answer {
		x.finish(reply{err: err})
	}
}

// what says what to do: send a block, confirmable or not, or wait for the next one
// of the body and for so long for a report.
func (s *bulkPut) what(blocks <-chan chunk) (num uint32, send, poll bool, next <-chan chunk, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &s.window
	if w.complete() {
		return 0, false, false, nil, time.Hour // only the response is missing
	}
	open := s.rate.open(w.flying)
	if s.path.burst > 0 {
		open = s.turn > 0
	}
	num, waits := w.firstLost()
	if s.alone {
		return 0, waits, waits, nil, time.Hour
	}
	if open && waits {
		last := w.ended && num == w.next()-1 && w.lost == 1 // nothing follows for now
		turned := s.path.burst > 0 && (s.turn == 1 || w.ended && w.lost == 1)
		return num, true, (last || turned) && !s.polling, nil, 0
	}
	if open && !w.ended {
		next = blocks
	}
	if s.polling || w.flying == 0 {
		return 0, false, false, next, time.Hour
	}
	quiet := s.trip.upper() + s.path.jitter + time.Duration(2*s.path.every)*s.path.interval
	quiet <<= min(s.polls, maxPollShift)
	if wait = time.Until(s.heard.Add(quiet)); wait > 0 {
		return 0, false, false, next, wait
	}
	if num = w.next() - 1; num == 0 {
		// Only the first block was sent, and a second handler must not see it: it is
		// repeated as it was.
		w.lose(0)
		s.polls++
		s.unheard++
	}
	return num, true, num > 0, nil, 0
}

// take makes a block of the body the next to be sent.
func (s *bulkPut) take(b chunk) error {
	s.x.c.mu.Lock()
	mid := s.x.c.bulkID()
	s.x.c.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	num := s.window.next()
	switch {
	case b.err != nil:
		return b.err
	case num >= noMore:
		return &BlockError{Offset: block{num: num, szx: s.szx}.offset(), Reason: "body has too many blocks of this size"}
	}
	s.window.add(b.payload, b.more, mid)
	s.sums = append(s.sums, fingerprintOf(b.payload))
	return nil
}

// transmit sends a block when it is its turn. Sent again in a NON message it is the
// same to the byte, so that the first block starts one handler only (RFC 7252 §4.5).
func (s *bulkPut) transmit(ctx context.Context, num uint32, poll bool) {
	s.mu.Lock()
	if num < s.window.base { // it arrived meanwhile
		s.mu.Unlock()
		return
	}
	b := *s.window.send(num, time.Now())
	s.turn--
	s.rate.again = false
	s.polling = s.polling || poll
	if poll {
		s.polls++
		s.asked = s.window.base
	}
	s.mu.Unlock()
	m := &Message{Type: NonConfirmable, Code: s.first.Code, MessageID: b.mid, Token: s.x.token.bytes(), Payload: b.payload}
	if num == 0 {
		m.Options = s.first.Options.clone()
	}
	m.Options = m.Options.AddUint(QBlock1, block{num: num, more: b.more, szx: s.szx}.value())
	if poll {
		s.poll(ctx, m)
	} else if data, err := AppendMessage(nil, m); err == nil {
		_ = s.x.c.sendBulk(ctx, s.x.class, trace.Sent, data)
	} else {
		s.x.cancel(s.answer, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = time.Now()
	s.window.left(num, s.heard)
	s.progress.advance(s.window.under(s.szx))
}

// poll sends a block in a confirmable message.
func (s *bulkPut) poll(ctx context.Context, m *Message) {
	x := s.x
	m.Type = Confirmable
	over := func() {
		s.mu.Lock()
		s.polling, s.alone, s.heard = false, false, time.Now()
		s.mu.Unlock()
		signal(s.kick)
	}
	t := &transmission{class: x.class, steady: true, ended: func(err error) {
		x.pending = nil
		if err != nil {
			x.finish(reply{err: err})
		}
		over()
	}}
	if err := x.c.transmit(ctx, m, t, func() { x.pending, x.unanswered = t, t }); err != nil {
		over()
	}
}

// receiveContinue takes a report on a body of ours. It reports whether m is one. c.mu
// is held.
func (x *exchange) receiveContinue(m *Message) bool {
	if x == nil || !m.Options.Has(QBlock1) {
		return false
	}
	if s := x.putting; s != nil {
		if p, ok := qBlock1Progress(m, s.szx); ok {
			s.report(p)
			if m.Type == Acknowledgement && s.forgotten(p) {
				x.finish(reply{err: &BlockError{Offset: block{num: p.next, szx: s.szx}.offset(), Reason: "the peer has forgotten the transfer"}})
			}
		}
	}
	return true
}

// forgotten reports whether the peer, in answer to a confirmable block, misses what it
// had before that was sent.
func (s *bulkPut) forgotten(p progress) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return p.next < s.asked || len(p.missing) > 0 && p.missing[0] < s.asked
}

// report takes what the peer reports. c.mu is held.
func (s *bulkPut) report(p progress) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.next > s.window.next() {
		return // of another body
	}
	trip := s.trip.upper()
	silence := trip + s.path.jitter + time.Duration(s.path.every)*s.path.interval
	if s.path.burst > 0 {
		trip, silence = 0, 0
		s.turn = s.burst()
	}
	h := s.window.report(p, now, trip, silence)
	s.trip.sample(h.roundTrip)
	s.x.c.tally.fate(true, h.lost, h.arrived)
	s.rate.report(now, h, s.trip.smoothed, s.trip.queued(h.roundTrip))
	s.heard, s.news, s.down, s.polls, s.unheard = now, now, s.x.c.downtimeLocked(), 0, 0
	signal(s.kick)
}
