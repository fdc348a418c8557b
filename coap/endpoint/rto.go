package endpoint

import (
	"time"

	"github.com/coapgw/coapgw/coap/link"
)

// estimator tells how long to wait for the answer to a confirmable message on a
// link of known rates. The airtimes, the changes of direction and the time for
// which the peer holds its acknowledgement are computed. What remains (propagation,
// processing, the queue on the other side) is the residual, and it alone is
// estimated, in the way in which RFC 6298 §2 estimates the whole: at 75 bit/s a
// smoothed round trip of small messages would repeat every large one.
//
// A nil estimator knows nothing of the link.
type estimator struct {
	profile *link.Profile
	up      bool // what this side sends goes up
	// record is what the layer below adds to each datagram, in bytes.
	record int
	// block is the largest datagram that carries a block, in bytes.
	block int
	// hold is how long the peer keeps back an acknowledgement in the hope of a
	// response to go with it.
	hold time.Duration
	// free is when the link takes the first bit of the next datagram: all that
	// this side has written has left by then.
	free time.Time
	// smoothed and variation are SRTT and RTTVAR of the residual (RFC 6298 §2).
	smoothed, variation time.Duration
	sampled             bool
}

// blockHead is room for what a message with a block has besides it: header, token
// and the options of a response.
const blockHead = headerLen + 8 + blockOptions

// newEstimator returns nil where the side is not known, or how fast the link drains:
// by its rates, or by the gap between messages.
func newEstimator(t *terms) *estimator {
	p := t.profile
	if t.side == SideUnknown || min(p.RateUp, p.RateDown) <= 0 && p.MinGap <= 0 {
		return nil
	}
	return &estimator{
		profile: p, up: t.side == SideConstrained, record: t.overhead,
		block: min(t.blockSize()+blockHead, t.largestReceived()-t.overhead),
		// As long as a peer does that knows our profile, or one that does not.
		hold: max(min(p.EmptyAckDelay, p.AckTimeout/2), unknownPeerAckDelay),
	}
}

// succeeded hands what the link still has to send on to the estimator of another
// profile, and returns that.
func (e *estimator) succeeded(by *estimator) *estimator {
	if e != nil && by != nil {
		by.free = e.free
	}
	return by
}

// airtime is how long the link is busy with a message of the given length.
func (e *estimator) airtime(bytes int, up bool) time.Duration {
	return e.profile.Airtime(bytes+e.record, up)
}

// send counts a message that is handed over now, and returns when its first bit
// leaves: behind all that was sent before.
func (e *estimator) send(now time.Time, bytes int) time.Time {
	if e == nil {
		return now
	}
	begins := now
	if e.free.After(now) {
		begins = e.free
	}
	e.free = begins.Add(e.airtime(bytes, e.up) + e.profile.MinGap)
	return begins
}

// leastAhead is how long before the link is free the next datagram is handed over
// at the latest: timers are late by some milliseconds.
const leastAhead = 10 * time.Millisecond

// wait is how long the next datagram must wait until almost all that was handed over
// has left: all but a block on a half-duplex link, where the turn ends when nothing
// more is there, but never more than the link's queue holds beside a full datagram.
func (e *estimator) wait(now time.Time) time.Duration {
	if e == nil || !e.free.After(now) {
		return 0
	}
	p, ahead := e.profile, leastAhead
	queue := p.QueueDown
	if e.up {
		queue = p.QueueUp
	}
	if p.HalfDuplex {
		ahead = max(ahead, e.airtime(e.block, e.up))
	}
	if queue > 0 {
		full := e.airtime(p.MaxDatagram(e.up)-e.record, e.up)
		ahead = min(ahead, max(0, p.Airtime(queue-p.Overhead, e.up)-full))
	}
	return e.free.Sub(now) - ahead
}

// heard tells of a datagram from the peer: on a half-duplex link what had not left
// when the peer took its turn waited while that was on the air.
func (e *estimator) heard(now time.Time, bytes int) {
	if e == nil || !e.profile.HalfDuplex {
		return
	}
	p, airtime := e.profile, e.airtime(bytes, !e.up)
	waited := e.free.After(now.Add(-p.OneWayDelay - airtime - p.Turnaround - p.Preamble))
	// A peer that sends more than the link carries must not put off all that is ours.
	if waited && e.free.Before(now.Add(p.MaxLatency)) {
		e.free = e.free.Add(airtime)
	}
}

// backoff is the timeout after one that was in vain. It doubles (RFC 7252 §4.2) as
// far as RFC 6298 §2.5 asks for where the link is known: where each fifth exchange is
// lost in the air, longer silence helps nobody.
func (e *estimator) backoff(timeout time.Duration) time.Duration {
	if e == nil {
		return 2 * timeout
	}
	return max(timeout, min(2*timeout, max(time.Minute, 4*e.profile.AckTimeout)))
}

// mayRepeat reports whether a message that was first sent then may be sent again
// after so many retransmissions. Shorter timeouts leave room for up to twice
// MAX_RETRANSMIT within the shortest MAX_TRANSMIT_SPAN of RFC 7252 §4.8.2, which is
// what peers remember messages by.
func (e *estimator) mayRepeat(repeated int, first, now time.Time) bool {
	return e != nil && repeated < 2*e.profile.MaxRetransmit &&
		now.Sub(first) <= e.profile.AckTimeout*(1<<e.profile.MaxRetransmit-1)
}

// computed is the part of a round trip that follows from the lengths of a message
// and its answer.
func (e *estimator) computed(sent, answer int) time.Duration {
	d := e.airtime(sent, e.up) + e.airtime(answer, !e.up)
	if e.profile.HalfDuplex {
		d += 2 * (e.profile.Turnaround + e.profile.Preamble)
	}
	return d
}

// timeout is how long to wait after the first bit of a message has left until it
// is sent again. The part that is estimated is spread as RFC 7252 §4.2 spreads the
// whole. No timeout is longer than one by §4.2 can be, so that the times of §4.8.2,
// for which peers remember messages, hold.
func (e *estimator) timeout(m *Message, bytes int) time.Duration {
	p := e.profile
	d := e.computed(bytes, headerLen)
	if m.Code.IsRequest() {
		// The peer acknowledges at once with a response, or later without.
		d = max(d+e.hold, e.computed(bytes, e.answer(m)))
	}
	spread := 1 + random.Float64()*max(p.AckRandomFactor-1, 0)
	d += time.Duration(float64(e.residual()) * spread)
	return min(d, time.Duration(float64(p.AckTimeout)*max(p.AckRandomFactor, 1)))
}

// patience is how long at least to wait until a message is given up: as long as by
// RFC 7252 §4.2 with the smallest random factor, though all retransmissions may be
// used up sooner. Profiles count on it where a link is closed for long.
func (e *estimator) patience() time.Duration {
	if e == nil {
		return 0
	}
	return e.profile.AckTimeout * (1<<(e.profile.MaxRetransmit+1) - 1)
}

// answer is the length of the longest message expected to answer a request.
func (e *estimator) answer(m *Message) int {
	if b, present, _ := blockOption(m.Options, Block1); present && b.more {
		return blockHead // 2.31 (Continue) carries no payload
	}
	if b, present, _ := blockOption(m.Options, Block2); present {
		return min(b.size()+blockHead, e.block)
	}
	return e.block
}

// residual is what a round trip may take beyond its computed part. It is no less
// than delay and jitter of the profile and what is on the air before the answer: one
// block of the peer's, or on a link for single messages three of them, such as a block,
// a report and an acknowledgement. Before the first sample it is what ACK_TIMEOUT,
// which is made for a full datagram and an empty acknowledgement, leaves for it.
func (e *estimator) residual() time.Duration {
	p := e.profile
	estimate := p.AckTimeout - e.computed(p.MaxDatagram(e.up)-e.record, headerLen)
	if e.sampled {
		estimate = e.smoothed + 4*e.variation
	}
	return max(estimate, 2*(p.OneWayDelay+p.Jitter)+3*p.MinGap+e.airtime(e.block, !e.up))
}

// sample takes the round trip of a message that was sent once, for else nobody
// knows which transmission was answered (Karn's rule, RFC 6298 §3).
func (e *estimator) sample(rtt time.Duration, sent, answer int) {
	if e == nil {
		return
	}
	r := max(rtt-e.computed(sent, answer), 0)
	if !e.sampled {
		e.sampled, e.smoothed, e.variation = true, r, r/2
		return
	}
	e.variation += ((e.smoothed - r).Abs() - e.variation) / 4
	e.smoothed += (r - e.smoothed) / 8
}
