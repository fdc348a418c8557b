package integrity

import (
	"maps"
	"net"
	"sync"
)

// stride is how many counters are reserved in one durable write. A crash costs at
// most as many.
const defaultStride = 512

// ledger keeps the counters of a session: which may be used to send, so that none is
// used twice, and which were received, so that none is accepted twice. With a place
// both hold beyond a crash: a counter is used only after a durable reservation covers
// it, and what mark covers is never accepted again.
type ledger struct {
	place  *place
	peer   func() string // where the peer is, to be stored along; nil at a client
	stride uint64
	tag    sessionTag

	// saving is held over a commit, so that counters never go back. It is taken
	// before mu.
	saving      semaphore
	incarnation uint32
	marked      uint64 // counters below it are durably received

	mu       sync.Mutex
	next     uint64 // the next counter to send
	limit    uint64 // counters below it may be used
	received window
	closed   bool
}

// semaphore is a mutex for as long as a disk takes: a channel, since in virtual time
// nobody may wait for a mutex whose holder sleeps.
type semaphore chan struct{}

func newSemaphore() semaphore { return make(semaphore, 1) }
func (s semaphore) acquire()  { s <- struct{}{} }
func (s semaphore) release()  { <-s }

// newLedger begins with a new session. Without a place all counters are free.
func newLedger() *ledger {
	return &ledger{stride: defaultStride, saving: newSemaphore(), limit: maxRecords}
}

// keep makes the ledger durable from now on; the caller commits the counters that it
// returns.
func (l *ledger) keep(p *place, tag sessionTag) counters {
	l.place, l.tag = p, tag
	l.limit, l.marked = min(l.next+l.stride, maxRecords), l.received.next
	return l.counters(l.limit, closedWindow(l.marked))
}

// resumeLedger goes on with stored counters. The caller commits those that it returns
// before the ledger is used: a second life begins beyond them.
func resumeLedger(p *place, tag sessionTag, c counters) (*ledger, counters) {
	l := &ledger{
		place: p, tag: tag, stride: defaultStride, saving: newSemaphore(), incarnation: c.incarnation + 1,
		next: c.send, limit: min(c.send+defaultStride, maxRecords),
		received: c.received, marked: c.received.next,
	}
	// The exact window is good for one life: what this one accepts below its end is
	// known to nobody after a crash.
	taken := l.counters(l.limit, closedWindow(l.marked))
	taken.peer = c.peer
	return l, taken
}

// counters returns what is to be stored.
func (l *ledger) counters(send uint64, received window) counters {
	c := counters{session: l.tag, incarnation: l.incarnation, send: send, received: received}
	if l.peer != nil {
		c.peer = l.peer()
	}
	return c
}

// take returns a counter to send with. It fails with ErrExhausted, with
// net.ErrClosed, or when no more could be reserved.
func (l *ledger) take() (uint32, error) {
	for {
		l.mu.Lock()
		switch {
		case l.closed:
			l.mu.Unlock()
			return 0, net.ErrClosed
		case l.next >= maxRecords:
			l.mu.Unlock()
			return 0, ErrExhausted
		case l.next < l.limit:
			counter := l.next
			l.next++
			l.mu.Unlock()
			return uint32(counter), nil
		}
		l.mu.Unlock()
		if err := l.commit(func() bool { return l.next >= l.limit }); err != nil {
			return 0, err
		}
	}
}

// fresh tells whether a record with this counter may be accepted.
func (l *ledger) fresh(counter uint32) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.closed && l.received.fresh(uint64(counter))
}

// accept notes an authentic record; false when its counter was seen before. The newest
// record tells where the peer is.
func (l *ledger) accept(counter uint32) (newest, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || !l.received.fresh(uint64(counter)) {
		return false, false
	}
	return l.received.add(uint64(counter)), true
}

// mark returns when nothing that was accepted before the call can be accepted again,
// not even after a crash.
func (l *ledger) mark() error {
	l.mu.Lock()
	upTo := l.received.next
	l.mu.Unlock()
	return l.commit(func() bool { return l.marked < upTo })
}

// save makes a value of the layer above durable while the session lives, and in the same
// write what mark does.
func (l *ledger) save(key string, value []byte) error {
	return l.write(map[string][]byte{key: value}, func() bool { return true })
}

// commit writes the counters with a new reservation, unless another caller's write has
// done what was needed. needed is called with all locks held.
func (l *ledger) commit(needed func() bool) error { return l.write(nil, needed) }

// write is for save and commit. It fails with net.ErrClosed when there are values and the
// session has ended; counters are left to the write that follows close.
func (l *ledger) write(values map[string][]byte, needed func() bool) error {
	if l.place == nil {
		return nil
	}
	l.saving.acquire()
	defer l.saving.release()
	l.mu.Lock()
	if l.closed && len(values) > 0 {
		l.mu.Unlock()
		return net.ErrClosed
	}
	if l.closed || !needed() {
		l.mu.Unlock()
		return nil
	}
	// Half a stride is left at least: marks come more often than reservations.
	limit := l.limit
	if l.next+l.stride/2 >= limit {
		limit = min(l.next+l.stride, maxRecords)
	}
	c := l.counters(limit, closedWindow(l.received.next))
	l.mu.Unlock()
	changes := map[string][]byte{countersKey: c.marshal()}
	maps.Copy(changes, values)
	if err := l.place.put(l, changes); err != nil {
		return err
	}
	l.marked = c.received.next
	l.mu.Lock()
	l.limit = limit
	l.mu.Unlock()
	return nil
}

// close ends the use of the counters and returns them exactly, for a store to keep
// until the next life.
func (l *ledger) close() counters {
	l.saving.acquire()
	defer l.saving.release()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return l.counters(l.next, l.received)
}
