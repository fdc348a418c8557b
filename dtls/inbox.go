package dtls

import (
	"net"
	"os"
	"sync"
)

// Bounds of what waits for one association, in datagrams and in bytes. What does
// not fit is dropped, as a full socket buffer would.
const (
	inboxDatagrams = 64
	inboxBytes     = 64 << 10
)

type datagram struct {
	data []byte
	from net.Addr
}

// inbox is the bounded queue between the goroutine that reads the socket and the
// one that reads an association.
type inbox struct {
	mu     sync.Mutex
	filled sync.Cond
	queue  []datagram
	bytes  int
	// handling is the source of the datagram that the reader works on, nil while
	// it waits for the next.
	handling net.Addr
	// interrupted makes readers return at once; closed does so for ever.
	interrupted, closed bool
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
	if b.closed || len(b.queue) == inboxDatagrams || b.bytes+len(d.data) > inboxBytes {
		return false
	}
	b.queue = append(b.queue, d)
	b.bytes += len(d.data)
	b.filled.Signal()
	return true
}

// get waits for a datagram. It fails with os.ErrDeadlineExceeded while the inbox
// is interrupted and with net.ErrClosed once it is closed.
func (b *inbox) get() (datagram, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.handling = nil
	for len(b.queue) == 0 && !b.interrupted && !b.closed {
		b.filled.Wait()
	}
	switch {
	case b.closed:
		return datagram{}, net.ErrClosed
	case b.interrupted:
		return datagram{}, os.ErrDeadlineExceeded
	}
	d := b.queue[0]
	b.queue[0] = datagram{}
	if b.queue = b.queue[1:]; len(b.queue) == 0 {
		b.queue = nil // an idle session keeps no buffer
	}
	b.bytes -= len(d.data)
	b.handling = d.from
	return d, nil
}

// busyWith returns the source of the datagram that the reader works on, nil when
// it is done with all that it took.
func (b *inbox) busyWith() net.Addr {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.handling
}

func (b *inbox) interrupt(on bool) {
	b.mu.Lock()
	b.interrupted = on
	b.mu.Unlock()
	b.filled.Broadcast()
}

func (b *inbox) close() {
	b.mu.Lock()
	b.closed, b.queue, b.bytes = true, nil, 0
	b.mu.Unlock()
	b.filled.Broadcast()
}
