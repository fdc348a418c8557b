package dtls

import (
	"fmt"
	"maps"
	"net"
	"sync"
	"time"
)

// maxRecords is how many sequence numbers one session may use before its keys are
// renewed by a new handshake.
const maxRecords = 1 << 23

// defaultStride is how many sequence numbers are reserved in one durable write. A
// crash costs at most as many of maxRecords.
const defaultStride = 512

// ledger keeps the sequence numbers of a session: which may be used to send, so
// that none is used twice, and which were received, so that none is accepted
// twice. With a store both hold beyond a crash: a number is used only after a
// durable reservation covers it, and what mark covers is never accepted again.
type ledger struct {
	store  Store
	key    string        // of the counters in the store
	peer   func() string // the peer's verified address, to be stored along
	stride uint64
	tag    sessionTag // of the secrets that the numbers are for

	// saving is held over a commit, so that counters never go back. It is taken
	// before mu. A channel, since in virtual time a mutex must not be waited for
	// while its holder sleeps.
	saving      semaphore
	incarnation uint32
	marked      uint64    // numbers below it are durably received
	saved       time.Time // of the last write

	mu       sync.Mutex
	next     uint64 // the next number to send
	limit    uint64 // numbers below it may be used
	received window
	closed   bool
}

// semaphore is a mutex that is a channel.
type semaphore chan struct{}

func (s semaphore) acquire() { s <- struct{}{} }
func (s semaphore) release() { <-s }

// newLedger begins with a new session. Without a store all numbers are free.
func newLedger(send uint64, received window) *ledger {
	return &ledger{
		stride: defaultStride, saving: make(semaphore, 1),
		next: send, limit: maxRecords, received: received,
	}
}

// storedLedger is for open.
func storedLedger() *ledger { return newLedger(0, window{}) }

// keep makes the ledger durable from now on; the caller commits the counters that
// it returns.
func (l *ledger) keep(store Store, key string, peer func() string) counters {
	l.saving.acquire()
	defer l.saving.release()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.store, l.key, l.peer = store, key, peer
	l.limit, l.marked, l.saved = min(l.next+l.stride, maxRecords), l.received.next, time.Now()
	return l.counters(l.limit, closedWindow(l.marked))
}

// open takes the counters of a session out of the store. What the store says
// afterwards was used up by this life: a second one begins beyond it.
func (l *ledger) open(store Store, key string, peer func() string) error {
	b, err := store.Load(key)
	if err != nil {
		return fmt.Errorf("dtls: session not loaded: %w", err)
	}
	c, err := parseCounters(b)
	if err == nil && c.session != l.tag {
		err = errState
	}
	if err != nil {
		return err
	}
	l.store, l.key, l.peer = store, key, peer
	l.incarnation, l.marked, l.received = c.incarnation+1, c.received.next, c.received
	l.next, l.limit = c.send, min(c.send+l.stride, maxRecords)
	// The exact window is good for one life: what this one accepts below its end
	// is known to nobody after a crash.
	taken := l.counters(l.limit, closedWindow(l.marked))
	taken.peer = c.peer
	if err := store.Commit(map[string][]byte{key: taken.marshal()}); err != nil {
		return fmt.Errorf("dtls: session not taken: %w", err)
	}
	l.saved = time.Now()
	return nil
}

// counters returns what is to be stored.
func (l *ledger) counters(send uint64, received window) counters {
	c := counters{session: l.tag, incarnation: l.incarnation, send: max(send, l.next), received: received, used: time.Now()}
	if l.peer != nil {
		c.peer = l.peer()
	}
	return c
}

// take returns a number to send with. It fails with ErrExhausted, with
// net.ErrClosed, or when no more numbers could be reserved. The last number is not
// given: it is for the alert that ends the session.
func (l *ledger) take() (uint64, error) {
	for {
		if seq, ok := l.takeReserved(maxRecords - 1); ok {
			return seq, nil
		}
		l.mu.Lock()
		closed, exhausted := l.closed, l.next >= maxRecords-1
		l.mu.Unlock()
		switch {
		case closed:
			return 0, net.ErrClosed
		case exhausted:
			return 0, ErrExhausted
		}
		if err := l.commit(func() bool { return l.next >= l.limit }); err != nil {
			return 0, err
		}
	}
}

// takeReserved returns a number below a bound for who must not wait for the store;
// false when there is none.
func (l *ledger) takeReserved(below uint64) (seq uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.next >= min(l.limit, below) {
		return 0, false
	}
	l.next++
	return l.next - 1, true
}

// fresh tells whether a record with this number may be accepted.
func (l *ledger) fresh(seq uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.closed && l.received.fresh(seq)
}

// accept notes an authentic record; false when its number was seen before. The
// newest record tells where the peer is.
func (l *ledger) accept(seq uint64) (newest, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || !l.received.fresh(seq) {
		return false, false
	}
	return l.received.add(seq), true
}

// mark returns when nothing that was accepted before the call can be accepted
// again, not even after a crash.
func (l *ledger) mark() error {
	l.mu.Lock()
	upTo := l.received.next
	l.mu.Unlock()
	return l.commit(func() bool { return l.marked < upTo })
}

// refresh writes the counters if that was not done for an age, so that the next life
// knows that the session was in use.
func (l *ledger) refresh(age time.Duration) error {
	return l.commit(func() bool { return time.Since(l.saved) >= age })
}

// save makes values of the session durable, and in the same write what mark does.
func (l *ledger) save(values map[string][]byte) error {
	return l.write(values, func() bool { return true })
}

// commit writes the counters with a new reservation, unless another caller's
// write has done what was needed. Needed is called with all locks held.
func (l *ledger) commit(needed func() bool) error { return l.write(nil, needed) }

// write is for save and commit. It fails with net.ErrClosed when what is needed is
// left to the write that follows close.
func (l *ledger) write(values map[string][]byte, needed func() bool) error {
	if l.store == nil {
		return nil
	}
	l.saving.acquire()
	defer l.saving.release()
	l.mu.Lock()
	switch {
	case !needed():
		l.mu.Unlock()
		return nil
	case l.closed:
		l.mu.Unlock()
		return net.ErrClosed
	}
	// Half a stride is left at least: marks come more often than reservations.
	limit := l.limit
	if l.next+l.stride/2 >= limit {
		limit = min(l.next+l.stride, maxRecords)
	}
	c := l.counters(limit, closedWindow(l.received.next))
	l.mu.Unlock()
	changes := map[string][]byte{l.key: c.marshal()}
	maps.Copy(changes, values)
	if err := l.store.Commit(changes); err != nil {
		return fmt.Errorf("dtls: session not stored: %w", err)
	}
	l.marked, l.saved = c.received.next, time.Now()
	l.mu.Lock()
	l.limit = limit
	l.mu.Unlock()
	return nil
}

// close ends the use of the numbers and returns the exact counters, for a store
// to keep until the next life.
func (l *ledger) close() counters {
	l.saving.acquire()
	defer l.saving.release()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return l.counters(l.next, l.received)
}
