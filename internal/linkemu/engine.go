package linkemu

import (
	"container/heap"
	"net"
	"slices"
	"time"
)

// maxInbox bounds the datagrams in a socket's receive buffer.
const maxInbox = 4096

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
	p := Packet{Up: c.out == &l.up, From: c.local, To: to, Payload: slices.Clone(payload), Sent: l.now()}
	if l.radio == nil {
		c.out.accept(&p)
		l.decided(c.out, p)
		return
	}
	if l.radio.accept(c.out, &p) {
		l.decided(c.out, p)
		return
	}
	l.wakeUp()
}

// decided lets a datagram of known fate fly and tells the taps. The caller holds
// l.mu.
func (l *Link) decided(ln *lane, p Packet) {
	if p.Verdict == Carried {
		l.sent++
		heap.Push(&l.flights, flight{p.Arrives, l.sent, ln, p.From, p.To, p.Payload})
		if l.flights[0].order == l.sent {
			l.wakeUp()
		}
	}
	payload := p.Payload
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
		next, closed := l.work(time.Now())
		if closed {
			return
		}
		if !next.IsZero() {
			timer.Reset(time.Until(next))
		}
	}
}

// work does what is due by now: lets datagrams leave in turn and hands over what
// has arrived. It tells when there is more to do, if there is.
func (l *Link) work(now time.Time) (next time.Time, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return next, true
	}
	if l.radio != nil {
		for !l.radio.next.IsZero() && !l.radio.next.After(now) {
			l.decided(l.radio.transmit())
		}
		next = l.radio.next
	}
	for len(l.flights) > 0 && !l.flights[0].arrives.After(now) {
		f := heap.Pop(&l.flights).(flight)
		c := f.lane.sockets[f.to.String()]
		if c == nil || len(c.inbox) >= maxInbox {
			f.lane.count.Unclaimed++
			continue
		}
		c.inbox = append(c.inbox, received{f.payload, f.from})
		c.broadcast()
	}
	if len(l.flights) > 0 && (next.IsZero() || l.flights[0].arrives.Before(next)) {
		next = l.flights[0].arrives
	}
	return next, false
}
