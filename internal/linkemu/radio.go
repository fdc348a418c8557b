package linkemu

import "time"

// radio decides who transmits on a half-duplex link. A turn ends when its side has
// nothing queued, or when it has lasted MaxTurn and the other side waits.
type radio struct {
	HalfDuplex
	// turn is the side that transmits or did so last, other the one that did not.
	turn, other *lane
	ends        time.Time // of the turn, if the other side waits
	free        time.Time // when the last bit left
	began       bool      // something was sent: a change of direction has its price
	changes     int64
	// next is when to decide, zero while nothing waits: a nanosecond after the
	// link is free. In virtual time everybody has then written what he writes at
	// the same instant, and the decision does not depend on who came first.
	next time.Time
}

// accept queues a datagram. It reports whether p has met its fate already: it
// was refused.
func (r *radio) accept(ln *lane, p *Packet) (refused bool) {
	if !ln.fits(p) {
		return true
	}
	w := waiting{size: ln.size(p), packet: *p}
	if !r.free.After(p.Sent) && len(r.turn.waiting)+len(r.other.waiting) == 0 {
		w.size = 0 // leaves at once: does not wait
	}
	if !ln.admit(p, w) {
		return true
	}
	if r.next.IsZero() {
		r.next = later(r.free, p.Sent).Add(1)
	}
	return false
}

// transmit sends the next datagram, of which there must be one.
func (r *radio) transmit() (ln *lane, p Packet) {
	changed := r.choose()
	if changed {
		r.turn, r.other = r.other, r.turn
	}
	ln = r.turn
	p = ln.pop().packet
	starts := later(later(r.free, p.Sent), ln.ready)
	if changed && r.began {
		starts = starts.Add(r.Turnaround + r.Preamble)
		r.changes++
	}
	starts = ln.begin(&p, starts)
	if changed || starts.After(r.free) {
		r.ends = starts.Add(r.MaxTurn)
	}
	ln.transmit(&p, starts)
	r.free, r.began = p.Departs, true
	r.next = time.Time{}
	if len(r.turn.waiting)+len(r.other.waiting) > 0 {
		r.next = r.free.Add(1)
	}
	return ln, p
}

// choose reports whether the turn goes to the other side.
func (r *radio) choose() bool {
	switch {
	case len(r.other.waiting) == 0:
		return false
	case len(r.turn.waiting) == 0:
		return true
	}
	mine, theirs := &r.turn.waiting[0].packet, &r.other.waiting[0].packet
	if mine.Sent.After(r.free) { // the turn had ended
		return theirs.Sent.Before(mine.Sent)
	}
	return r.free.Add(r.turn.airtime(mine)).After(r.ends)
}
