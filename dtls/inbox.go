package dtls

import (
	"net"
	"os"
	"sync"
	"time"
)

// Bounds of what waits for one reader, in datagrams and in bytes. What does not
// fit is dropped, as a full socket buffer would.
const (
	inboxDatagrams = 64
	inboxBytes     = 64 << 10
)

type datagram struct {
	data []byte
	from net.Addr
}

// inbox is a bounded queue between the goroutine that reads the socket and those
// that read a session. Its readers have a deadline.
type inbox struct {
	mu       sync.Mutex
	filled   sync.Cond
	queue    []datagram
	bytes    int
	deadline time.Time
	timer    *time.Timer
	end      error // what readers get after the queue, once it is set
	detached bool  // readers get nothing more
}

func newInbox() *inbox {
	b := &inbox{}
	b.filled.L = &b.mu
	return b
}

// put appends a datagram, which the inbox keeps. It reports false when the
// datagram was dropped.
func (b *inbox) put(d datagram) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.end != nil || len(b.queue) == inboxDatagrams || b.bytes+len(d.data) > inboxBytes {
		return false
	}
	b.queue = append(b.queue, d)
	b.bytes += len(d.data)
	b.filled.Signal()
	return true
}

// get waits for a datagram. It fails with os.ErrDeadlineExceeded after the
// deadline, and with what the inbox was closed with.
func (b *inbox) get() (datagram, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		switch {
		case b.detached:
			return datagram{}, net.ErrClosed
		case b.end != nil && len(b.queue) == 0:
			return datagram{}, b.end
		case !b.deadline.IsZero() && !time.Now().Before(b.deadline):
			return datagram{}, os.ErrDeadlineExceeded
		case len(b.queue) > 0:
			d := b.queue[0]
			b.queue[0] = datagram{}
			if b.queue = b.queue[1:]; len(b.queue) == 0 {
				b.queue = nil // an idle session keeps no buffer
			}
			b.bytes -= len(d.data)
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

// close ends the inbox: readers get what is queued and then err, the first one
// given. Nothing is added any more.
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

// detach sends readers away with net.ErrClosed, while the queue keeps growing for
// whoever comes next.
func (b *inbox) detach() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.detached = true
	b.filled.Broadcast()
}

// drain takes all that is queued.
func (b *inbox) drain() []datagram {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queue
	b.queue, b.bytes = nil, 0
	return q
}
