package linkemu

import (
	"cmp"
	"hash/fnv"
	"net"
	"sync"
	"time"

	"github.com/coapgw/coapgw/coap/link"
)

// Direction describes one direction of the link. The zero value is a perfect
// one.
type Direction struct {
	// Rate is in bit/s; 0 means infinite.
	Rate float64
	// Delay is the time from a datagram's last bit sent to its arrival. Jitter
	// adds a random time, evenly distributed from 0 up to Jitter.
	Delay, Jitter time.Duration
	// Loss is the probability from 0 to 1 that a frame is lost on the way, and
	// with it its datagram.
	Loss float64
	// Burst, where it is not zero, takes the place of Loss: the state of the link
	// when a datagram's first bit leaves decides.
	Burst link.GilbertElliott
	// MTU is the largest UDP payload in bytes; a larger datagram is discarded
	// and counted as a violation. 0 means what UDP over IPv4 can carry.
	MTU int
	// Queue bounds the bytes, overhead included, that wait for their turn; a
	// datagram that does not fit is dropped. 0 means unbounded.
	Queue int
	// MinGap is the time from the last bit of a datagram to the first bit of the
	// next.
	MinGap time.Duration
}

// HalfDuplex describes a link on which one side transmits at a time. A side sends
// what it has queued, but keeps the other side waiting no longer than MaxTurn.
type HalfDuplex struct {
	// On makes the link half duplex.
	On bool
	// Turnaround and Preamble are the price of each change of direction.
	Turnaround, Preamble time.Duration
	// MaxTurn bounds a turn while the other side waits, except that the first
	// datagram of a turn may take longer; 0 means one datagram.
	MaxTurn time.Duration
}

// Contact describes a link that is open for Window at the beginning of each
// Period. A datagram leaves only if its last bit fits into the window, or at the
// beginning of one. The zero value is always open.
type Contact struct {
	Window, Period time.Duration
	// Known tells the constrained side when the link is closed: writing fails with
	// ENETUNREACH, as it does where the interface of a modem is down without its
	// satellite.
	Known bool
}

// open reports whether the link is, so long after it was made.
func (c Contact) open(age time.Duration) bool { return c.Period <= 0 || age%c.Period < c.Window }

// Config describes a link.
type Config struct {
	// Up leads from the constrained side to the far side, Down the other way.
	Up, Down Direction
	// Seed decides loss and jitter.
	Seed uint64
	// Overhead is what the layers below add to each frame in bytes, counted in
	// airtime, queue and statistics: 28 for UDP over IPv4.
	Overhead int
	// Frame is the payload of a frame where a datagram takes several, in bytes;
	// 0 means one frame for each datagram.
	Frame int
	// HalfDuplex and Contact restrict who may send when; contacts count from New.
	HalfDuplex HalfDuplex
	Contact    Contact
	// Now, where it is not nil, takes the place of package time: the link then
	// stands still until somebody calls Advance, and deadlines are by that clock
	// but pass unnoticed while a read waits.
	Now func() time.Time
}

// defaultQueue is the queue, in bytes, of a link whose profile does not tell: whatever
// programs send into a relay, it stays finite.
const defaultQueue = 64 << 10

// FromProfile is the link that the profile describes. Profiles of other names meet
// other luck with the same seed.
func FromProfile(p link.Profile, seed uint64) Config {
	name := fnv.New64a()
	_, _ = name.Write([]byte(p.Name)) // never fails
	d := Direction{Delay: p.OneWayDelay, Jitter: p.Jitter, Burst: p.Loss, MinGap: p.MinGap}
	up, down := d, d
	up.Rate, up.MTU, up.Queue = p.RateUp, p.MaxDatagram(true), cmp.Or(p.QueueUp, defaultQueue)
	down.Rate, down.MTU, down.Queue = p.RateDown, p.MaxDatagram(false), cmp.Or(p.QueueDown, defaultQueue)
	return Config{
		Up: up, Down: down, Seed: seed ^ name.Sum64(), Overhead: p.Overhead, Frame: p.Frame,
		HalfDuplex: HalfDuplex{On: p.HalfDuplex, Turnaround: p.Turnaround, Preamble: p.Preamble, MaxTurn: p.MaxTurn},
		Contact:    Contact{Window: p.ContactWindow, Period: p.ContactPeriod},
	}
}

// Counters is what happened in one direction. Each datagram sent counts once, in
// Datagrams, Dropped or Violations; on a half-duplex link it counts when its turn
// comes.
type Counters struct {
	// Datagrams and Bytes (overhead included) used airtime, Busy of it. Payload
	// is Bytes without overhead.
	Datagrams, Bytes, Payload int64
	Busy                      time.Duration
	// Lost of the Datagrams never arrived.
	Lost int64
	// Unclaimed of the Datagrams arrived where no socket had the address, or
	// its receive buffer was full.
	Unclaimed int64
	// Dropped datagrams found the queue full.
	Dropped int64
	// Violations were larger than the MTU.
	Violations int64
}

// Stats is what happened on a link so far.
type Stats struct {
	Up, Down Counters
	// Turnarounds are the changes of direction of a half-duplex link.
	Turnarounds int64
}

// Verdict is the fate of a datagram.
type Verdict uint8

// Verdicts.
const (
	// Carried: it arrives.
	Carried Verdict = iota
	// Lost: it uses airtime and does not arrive.
	Lost
	// Dropped: the queue was full.
	Dropped
	// Violation: it was larger than the MTU.
	Violation
)

// Packet is a datagram as a tap sees it.
type Packet struct {
	// Up tells that it left the constrained side.
	Up       bool
	From, To net.Addr
	// Payload is a copy that the tap may keep.
	Payload []byte
	Verdict Verdict
	// Sent is when the sender wrote it. Departs is when its last bit leaves, and
	// Arrives when it is at the other side, both only for Carried and Lost.
	Sent, Departs, Arrives time.Time
}

// Link is an emulated link with its sockets.
type Link struct {
	mu       sync.Mutex
	up, down lane
	radio    *radio             // nil when both sides may transmit at a time
	conns    map[*Conn]struct{} // open sockets, those without an address included
	taps     []func(Packet)
	flights  flights
	sent     uint64
	closed   bool
	now      func() time.Time

	kick chan struct{} // something earlier than expected, or the end
	done chan struct{}
}

// New starts a link; the caller must Close it. Inside a testing/synctest bubble
// it must be used only there.
func New(cfg Config) *Link {
	clock := cfg.Now
	if clock == nil {
		clock = time.Now
	}
	now := clock()
	l := &Link{
		up:    newLane(cfg, cfg.Up, 1, now),
		down:  newLane(cfg, cfg.Down, 2, now),
		conns: make(map[*Conn]struct{}),
		now:   clock,
		kick:  make(chan struct{}, 1),
		done:  make(chan struct{}),
	}
	if cfg.HalfDuplex.On {
		l.radio = &radio{HalfDuplex: cfg.HalfDuplex, turn: &l.up, other: &l.down}
	}
	if cfg.Now != nil {
		close(l.done)
		return l
	}
	go l.run()
	return l
}

// Advance does what is due by the clock of Config.Now and tells when there is more
// to do, the zero time if nothing is under way. It may be called without one too,
// to no effect.
func (l *Link) Advance() (next time.Time) {
	next, _ = l.work(l.now())
	return next
}

// FarAddr is the address of the far side's socket on every link.
func FarAddr() net.Addr { return &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 5684} }

// Dial opens a socket with the given address at the constrained side. A socket
// that already has the address keeps sending from it but receives no more.
func (l *Link) Dial(local net.Addr) *Conn { return l.open(local, true) }

// Listen opens the socket at the far side, with address FarAddr. A further call
// takes the address over, as a restarted server would.
func (l *Link) Listen() *Conn { return l.open(FarAddr(), false) }

func (l *Link) open(local net.Addr, constrained bool) *Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	out, in := &l.up, &l.down
	if !constrained {
		out, in = in, out
	}
	c := &Conn{link: l, out: out, in: in, local: local, closed: l.closed}
	if !l.closed {
		in.sockets[local.String()] = c
		l.conns[c] = struct{}{}
	}
	return c
}

// Tap calls f for each datagram from now on as soon as its fate is known: when it
// is sent, or on a half-duplex link when its turn comes. f must be quick and must
// not use the link.
func (l *Link) Tap(f func(Packet)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taps = append(l.taps, f)
}

// Stats returns what happened so far.
func (l *Link) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Stats{Up: l.up.count, Down: l.down.count}
	if l.radio != nil {
		s.Turnarounds = l.radio.changes
	}
	return s
}

// Close ends the link and its sockets. What is on the way is lost. It returns
// nil, also when called again.
func (l *Link) Close() error {
	l.mu.Lock()
	l.closed = true
	for c := range l.conns {
		c.shut()
	}
	l.wakeUp()
	l.mu.Unlock()
	<-l.done
	return nil
}
