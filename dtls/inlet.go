package dtls

import (
	"net"
	"sync"
)

// inlet takes the datagrams of one session: for the handshake at first, and for
// the session's records once that is there. What comes in between waits.
type inlet struct {
	mu    sync.Mutex
	early *inbox // nil when conn takes the datagrams
	conn  *Conn
	// allowance bounds what early is given in all.
	allowance allowance
}

// put hands a datagram in, which stays the caller's.
func (i *inlet) put(b []byte, from net.Addr, cidLen func(byte) int) verdict {
	i.mu.Lock()
	if i.early == nil {
		i.mu.Unlock()
		i.conn.receive(b, from)
		return delivered
	}
	defer i.mu.Unlock()
	if b = sieve(b, cidLen); len(b) == 0 {
		return malformed
	}
	if !i.allowance.take(len(b)) || !i.early.put(datagram{data: b, from: from}) {
		return overflowed
	}
	return delivered
}

// verdict says what became of a datagram.
type verdict uint8

const (
	delivered verdict = iota
	malformed
	overflowed
)

// attach hands what came first, what waited, and all that follows to the session.
func (i *inlet) attach(c *Conn, first ...datagram) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, d := range append(first, i.early.drain()...) {
		c.receive(d.data, d.from)
	}
	i.conn, i.early = c, nil
}

// established tells whether the handshake is over.
func (i *inlet) established() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.early == nil
}
