package linkemu

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"net"
	"slices"
	"time"
)

const (
	// maxUDP is the largest UDP payload over IPv4.
	maxUDP = 65507
	// maxInbox bounds the datagrams in a socket's receive buffer.
	maxInbox = 4096
)

// lane is one direction at work.
type lane struct {
	Direction
	overhead int
	random   *rand.Rand
	// sockets are the receivers by address.
	sockets map[string]*Conn
	// free is when the last bit accepted so far has left.
	free time.Time
	// waiting are the datagrams whose first bit has not left, backlog their
	// bytes; kept only where Queue has a bound.
	waiting []waiting
	backlog int
	count   Counters
}

// waiting is a datagram in the queue.
type waiting struct {
	starts time.Time
	size   int
}

func newLane(d Direction, overhead int, seed, stream uint64) lane {
	if d.MTU <= 0 || d.MTU > maxUDP {
		d.MTU = maxUDP
	}
	return lane{
		Direction: d,
		overhead:  overhead,
		random:    rand.New(rand.NewPCG(seed, stream)),
		sockets:   make(map[string]*Conn),
	}
}

// accept decides the fate of a datagram and fills in verdict and times of p.
func (ln *lane) accept(p *Packet) {
	size := len(p.Payload) + ln.overhead
	if len(p.Payload) > ln.MTU {
		p.Verdict = Violation
		ln.count.Violations++
		return
	}
	ln.advance(p.Sent)
	starts := p.Sent
	if ln.free.After(starts) {
		starts = ln.free
		if ln.Queue > 0 && ln.backlog+size > ln.Queue {
			p.Verdict = Dropped
			ln.count.Dropped++
			return
		}
		if ln.Queue > 0 {
			ln.waiting = append(ln.waiting, waiting{starts, size})
			ln.backlog += size
		}
	}
	// Both numbers are drawn for each datagram, so that the loss pattern of a
	// seed does not depend on the jitter and the other way round.
	lost, jitter := ln.random.Float64() < ln.Loss, ln.random.Float64()
	ln.free = starts.Add(ln.airtime(size))
	p.Departs = ln.free
	p.Arrives = ln.free.Add(ln.Delay + time.Duration(jitter*float64(ln.Jitter)))
	ln.count.Datagrams++
	ln.count.Bytes += int64(size)
	if lost {
		p.Verdict = Lost
		ln.count.Lost++
	}
}

// advance takes from the queue what has begun to leave by now.
func (ln *lane) advance(now time.Time) {
	for len(ln.waiting) > 0 && !ln.waiting[0].starts.After(now) {
		ln.backlog -= ln.waiting[0].size
		ln.waiting = ln.waiting[1:]
	}
}

// airtime is how long size bytes take at the lane's rate.
func (ln *lane) airtime(size int) time.Duration {
	if ln.Rate <= 0 {
		return 0
	}
	return time.Duration(math.Round(float64(size) * 8 / ln.Rate * float64(time.Second)))
}

// flight is a datagram on its way.
type flight struct {
	arrives  time.Time
	order    uint64
	lane     *lane
	from, to net.Addr
	payload  []byte
}

// flights is a heap by time of arrival, then by order of sending.
type flights []flight

func (f flights) Len() int { return len(f) }
func (f flights) Less(i, j int) bool {
	if !f[i].arrives.Equal(f[j].arrives) {
		return f[i].arrives.Before(f[j].arrives)
	}
	return f[i].order < f[j].order
}
func (f flights) Swap(i, j int) { f[i], f[j] = f[j], f[i] }
func (f *flights) Push(x any)   { *f = append(*f, x.(flight)) }
func (f *flights) Pop() any {
	last := len(*f) - 1
	x := (*f)[last]
	(*f)[last] = flight{}
	*f = (*f)[:last]
	return x
}

// send puts a datagram on the link. The caller holds l.mu.
func (l *Link) send(c *Conn, payload []byte, to net.Addr) {
	p := Packet{Up: c.out == &l.up, From: c.local, To: to, Payload: slices.Clone(payload), Sent: time.Now()}
	c.out.accept(&p)
	if p.Verdict == Carried {
		l.sent++
		heap.Push(&l.flights, flight{p.Arrives, l.sent, c.out, p.From, to, p.Payload})
		if l.flights[0].order == l.sent {
			l.wakeUp()
		}
	}
	for _, tap := range l.taps {
		p.Payload = slices.Clone(payload)
		tap(p)
	}
}

// wakeUp makes run look at the flights again.
func (l *Link) wakeUp() {
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

// run delivers datagrams as they arrive, until the link is closed.
func (l *Link) run() {
	defer close(l.done)
	timer := time.NewTimer(0) // nothing is due then, and it is set when something is
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-l.kick:
		}
		wait, more, closed := l.deliver(time.Now())
		if closed {
			return
		}
		if more {
			timer.Reset(wait)
		}
	}
}

// deliver hands over what has arrived by now and tells how long to wait for
// more.
func (l *Link) deliver(now time.Time) (wait time.Duration, more, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return 0, false, true
	}
	for len(l.flights) > 0 {
		if wait := l.flights[0].arrives.Sub(now); wait > 0 {
			return wait, true, false
		}
		f := heap.Pop(&l.flights).(flight)
		c := f.lane.sockets[f.to.String()]
		if c == nil || len(c.inbox) >= maxInbox {
			f.lane.count.Unclaimed++
			continue
		}
		c.inbox = append(c.inbox, received{f.payload, f.from})
		c.broadcast()
	}
	return 0, false, false
}
