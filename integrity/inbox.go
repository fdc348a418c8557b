package integrity

import (
	"os"
	"sync"
	"time"
)

// Bounds of what waits for a reader, in datagrams and in bytes. What does not fit is
// dropped, as a full socket buffer would.
const (
	inboxDatagrams = 64
	inboxBytes     = 64 << 10
)

// inbox is a bounded queue between the goroutine that reads the socket and those that
// read a session.
type inbox struct {
	mu       sync.Mutex
	filled   sync.Cond
	queue    [][]byte
	bytes    int
	deadline time.Time
	timer    *time.Timer
	end      error // what readers get after the queue, once it is set
}

func newInbox() *inbox {
	b := &inbox{}
	b.filled.L = &b.mu
	return b
}

// put appends a datagram, which the inbox keeps, or drops it.
func (b *inbox) put(d []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.end != nil || len(b.queue) == inboxDatagrams || b.bytes+len(d) > inboxBytes {
		return
	}
	b.queue = append(b.queue, d)
	b.bytes += len(d)
	b.filled.Signal()
}

// get waits for a datagram. It fails with os.ErrDeadlineExceeded after the deadline,
// and with what the inbox was closed with.
func (b *inbox) get() ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		switch {
		case b.end != nil && len(b.queue) == 0:
			return nil, b.end
		case !b.deadline.IsZero() && !time.Now().Before(b.deadline):
			return nil, os.ErrDeadlineExceeded
		case len(b.queue) > 0:
			d := b.queue[0]
			b.queue[0] = nil
			if b.queue = b.queue[1:]; len(b.queue) == 0 {
				b.queue = nil // an idle session keeps no buffer
			}
			b.bytes -= len(d)
			return d, nil
		}
		b.filled.Wait()
	}
}

// setDeadline lets readers wait until t, the zero time means for ever.
func (b *inbox) setDeadline(t time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
	if b.deadline = t; !t.IsZero() {
		b.timer = time.AfterFunc(time.Until(t), func() {
			b.mu.Lock() // else it could come between a reader's look at the clock and its wait
			defer b.mu.Unlock()
			b.filled.Broadcast()
		})
	}
	b.filled.Broadcast()
}

// close ends the inbox: readers get what is queued and then err, the first one given.
func (b *inbox) close(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.end == nil {
		b.end = err
	}
	if b.timer != nil {
		b.timer.Stop()
	}
	b.filled.Broadcast()
}
