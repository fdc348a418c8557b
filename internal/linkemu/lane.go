package linkemu

import (
	"math"
	"math/rand/v2"
	"time"
)

// maxUDP is the largest UDP payload over IPv4.
const maxUDP = 65507

// lane is one direction at work.
type lane struct {
	Direction
	overhead, frame int
	contact         Contact
	opened          time.Time // when the link was made
	random          *rand.Rand
	burst           burst
	// sockets are the receivers by address.
	sockets map[string]*Conn
	// ready is when the next datagram may begin to leave.
	ready time.Time
	// waiting are the datagrams whose first bit has not left, as far as Queue
	// needs them; backlog are their bytes.
	waiting []waiting
	backlog int
	count   Counters
}

// waiting is a datagram in the queue.
type waiting struct {
	starts time.Time // not known on a half-duplex link
	size   int
	packet Packet // on a half-duplex link only
}

func newLane(cfg Config, d Direction, stream uint64, now time.Time) lane {
	if d.MTU <= 0 || d.MTU > maxUDP {
		d.MTU = maxUDP
	}
	return lane{
		Direction: d,
		overhead:  cfg.Overhead,
		frame:     cfg.Frame,
		contact:   cfg.Contact,
		opened:    now,
		random:    rand.New(rand.NewPCG(cfg.Seed, stream)),
		burst:     newBurst(d.Burst, rand.New(rand.NewPCG(cfg.Seed, stream+2)), now),
		sockets:   make(map[string]*Conn),
	}
}

// fits tells whether a datagram keeps to the MTU.
func (ln *lane) fits(p *Packet) bool {
	if len(p.Payload) <= ln.MTU {
		return true
	}
	p.Verdict = Violation
	ln.count.Violations++
	return false
}

// admit takes a datagram into the queue, if there is room.
func (ln *lane) admit(p *Packet, w waiting) bool {
	if ln.Queue > 0 && ln.backlog+w.size > ln.Queue {
		p.Verdict = Dropped
		ln.count.Dropped++
		return false
	}
	ln.waiting = append(ln.waiting, w)
	ln.backlog += w.size
	return true
}

// accept decides the fate of a datagram on a lane that belongs to one side, and
// fills in verdict and times of p.
func (ln *lane) accept(p *Packet) {
	if !ln.fits(p) {
		return
	}
	for len(ln.waiting) > 0 && !ln.waiting[0].starts.After(p.Sent) {
		ln.pop()
	}
	starts := ln.begin(p, later(p.Sent, ln.ready))
	if starts.After(p.Sent) && !ln.admit(p, waiting{starts: starts, size: ln.size(p)}) {
		return
	}
	ln.transmit(p, starts)
}

// pop takes the first datagram from the queue.
func (ln *lane) pop() waiting {
	w := ln.waiting[0]
	ln.waiting[0] = waiting{}
	ln.waiting = ln.waiting[1:]
	ln.backlog -= w.size
	return w
}

// begin is the first time from t on when the link is open for the datagram.
func (ln *lane) begin(p *Packet, t time.Time) time.Time {
	c := ln.contact
	if c.Period <= 0 {
		return t
	}
	into := t.Sub(ln.opened) % c.Period
	if into+min(ln.airtime(p), c.Window) <= c.Window {
		return t
	}
	return t.Add(c.Period - into)
}

// transmit lets the first bit of the datagram leave.
func (ln *lane) transmit(p *Packet, starts time.Time) {
	loss := ln.Loss
	if ln.burst.on() {
		loss = ln.burst.loss(starts)
	}
	delivered := math.Pow(1-loss, float64(ln.frames(p)))
	// Both numbers are drawn for each datagram, so that the loss pattern of a
	// seed does not depend on the jitter and the other way round.
	lost, jitter := ln.random.Float64() < 1-delivered, ln.random.Float64()
	airtime := ln.airtime(p)
	p.Departs = starts.Add(airtime)
	p.Arrives = p.Departs.Add(ln.Delay + time.Duration(jitter*float64(ln.Jitter)))
	ln.ready = p.Departs.Add(ln.MinGap)
	ln.count.Datagrams++
	ln.count.Bytes += int64(ln.size(p))
	ln.count.Payload += int64(len(p.Payload))
	ln.count.Busy += airtime
	if lost {
		p.Verdict = Lost
		ln.count.Lost++
	}
}

// frames is how many frames the datagram takes.
func (ln *lane) frames(p *Packet) int {
	if ln.frame <= 0 {
		return 1
	}
	return max(1, (len(p.Payload)+ln.frame-1)/ln.frame)
}

// size is what the datagram takes of rate and queue, in bytes.
func (ln *lane) size(p *Packet) int { return len(p.Payload) + ln.overhead*ln.frames(p) }

// airtime is how long the datagram takes at the lane's rate.
func (ln *lane) airtime(p *Packet) time.Duration {
	if ln.Rate <= 0 {
		return 0
	}
	return time.Duration(math.Round(float64(ln.size(p)) * 8 / ln.Rate * float64(time.Second)))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
