package endpoint

import (
	"math"
	"time"
)

// transfer is a body under way in blocks, as Stats tells of it. All methods may be called
// on nil, and with any lock held.
type transfer struct {
	y       *tally
	label   string
	sending bool
	began   time.Time
	// rate is what the profile promises in bytes per second, 0 for nothing.
	rate float64
	// turn is how long nothing may come without a meaning.
	turn time.Duration

	// Guarded by y.mu:
	done, total int64
	past        history
}

// beginTransfer lists a body of total bytes, -1 for unknown, which goes in blocks of size
// bytes; in bulk says that many are under way at a time.
func (c *Conn) beginTransfer(label string, sending bool, total int64, size int, bulk bool) *transfer {
	terms, now := c.terms(), time.Now()
	if total <= 0 {
		total = -1
	}
	up := (terms.side == SideConstrained) == sending
	t := &transfer{
		y: &c.tally, label: label, sending: sending, began: now,
		total: total,
	}
	t.rate, t.turn = terms.goodput(up, size, bulk)
	t.past.add(now, 0)
	c.tally.begin(t)
	return t
}

// name says whose body it is, where that is known late.
func (t *transfer) name(label string) {
	if t == nil {
		return
	}
	t.y.mu.Lock()
	defer t.y.mu.Unlock()
	t.label = label
}

// advance says that the body has come so far, in bytes. It never goes back.
func (t *transfer) advance(done int64) {
	if t == nil {
		return
	}
	t.y.mu.Lock()
	defer t.y.mu.Unlock()
	t.progress(done)
}

// add says that so many bytes more have come.
func (t *transfer) add(n int) {
	if t == nil {
		return
	}
	t.y.mu.Lock()
	defer t.y.mu.Unlock()
	t.progress(t.done + int64(n))
}

func (t *transfer) progress(done int64) {
	if t.total >= 0 {
		done = min(done, t.total) // the last block is shorter
	}
	if done <= t.done {
		return
	}
	now := time.Now()
	if t.done == 0 && now.Sub(t.began) < t.turn/4 {
		t.past = history{} // the block with which it began tells nothing of the rate
	}
	t.done = done
	t.past.add(now, done)
}

// resumed says that so much had come before.
func (t *transfer) resumed(done int64) {
	if t == nil || done <= 0 {
		return
	}
	t.y.mu.Lock()
	defer t.y.mu.Unlock()
	t.done, t.past = done, history{}
	t.past.add(time.Now(), done)
}

func (t *transfer) end() {
	if t != nil {
		t.y.end(t)
	}
}

// snapshot is what Stats tells. y.mu is held.
func (t *transfer) snapshot(now time.Time) Transfer {
	s := Transfer{
		Label: t.label, Sending: t.sending, Began: t.began,
		Done: t.done, Total: t.total, Rate: t.speed(now), Left: -1,
	}
	switch {
	case t.total < 0:
	case t.done >= t.total:
		s.Left = 0
	case s.Rate > 0:
		left := float64(t.total-t.done) / s.Rate * float64(time.Second)
		if left < math.MaxInt64 { // what is on its way is not news yet
			s.Left = max(time.Duration(left)-min(now.Sub(t.past.last), t.turn), 0)
		}
	}
	return s
}

// speed is the rate in bytes per second over the later half of the transfer, but no less
// than two turns. The profile counts for the time of one turn, for before anything came it
// is all that is known, and for a fifth of all that: a run of losses is over some time. When
// nothing has come for longer than a turn the rate sinks. It is 0 while nothing tells.
func (t *transfer) speed(now time.Time) float64 {
	until := now.Add(-t.turn)
	if last := t.past.last; last.After(until) {
		until = last
	}
	from := t.past.at(t.began.Add(min(until.Sub(t.began)/2, until.Sub(t.began)-2*t.turn)))
	bytes, seconds := float64(t.done-from.done), max(until.Sub(from.when), 0).Seconds()
	if t.rate > 0 {
		prior := max(t.turn.Seconds(), seconds/4)
		bytes += t.rate * prior
		seconds += prior
	}
	if seconds <= 0 {
		return 0
	}
	return bytes / seconds
}

// history is how far a transfer was when: few moments, spread over all of it.
type history struct {
	marks   []moment
	spacing time.Duration
	last    time.Time // when it was told last
}

type moment struct {
	when time.Time
	done int64
}

const maxMoments = 16

func (h *history) add(now time.Time, done int64) {
	h.last = now
	n := len(h.marks)
	if n > 0 && now.Sub(h.marks[n-1].when) < h.spacing {
		return
	}
	if n == maxMoments {
		for i := range n / 2 {
			h.marks[i] = h.marks[2*i]
		}
		h.marks = h.marks[:n/2]
		h.spacing = now.Sub(h.marks[0].when) / maxMoments
	}
	h.marks = append(h.marks, moment{now, done})
}

// at returns the last moment up to when, or else the first.
func (h *history) at(when time.Time) moment {
	found := h.marks[0]
	for _, m := range h.marks[1:] {
		if m.when.After(when) {
			break
		}
		found = m
	}
	return found
}

// goodput is at how many bytes per second a body gets through on an idle link by the
// profile, and how long a turn takes, after which it should have come further; 0 where the
// profile does not tell.
func (t *terms) goodput(up bool, blockSize int, bulk bool) (rate float64, turn time.Duration) {
	p := t.profile
	datagram := blockSize + bulkHead
	interval := p.Airtime(datagram, up) + p.MinGap
	if t.side == SideUnknown || interval == 0 {
		return 0, 0
	}
	blocks, turn := leastTurn, leastTurn*interval
	path := t.path(up, blockSize)
	switch {
	case !bulk: // each block is asked for or acknowledged alone (RFC 7959)
		each := interval + p.Airtime(bulkHead, !up) + p.MinGap + 2*p.OneWayDelay + p.Jitter
		if p.HalfDuplex {
			each += 2 * (p.Turnaround + p.Preamble)
		}
		turn = leastTurn * each
	case path.burst > 0:
		blocks = path.burst
		turn = time.Duration(blocks)*interval + path.roundTrip
	}
	rate = float64(blocks*blockSize) / turn.Seconds()
	rate *= math.Pow(1-p.Loss.Mean(), float64(p.Frames(datagram)))
	if p.ContactPeriod > 0 {
		rate *= float64(p.ContactWindow) / float64(p.ContactPeriod)
	}
	return rate, turn
}

// leastTurn is of how many blocks a turn is taken to consist where the link has none.
const leastTurn = 2
