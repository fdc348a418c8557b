package linkemu

import (
	"net"
	"os"
	"syscall"
	"time"
)

// Conn is a socket of a link, a net.PacketConn with the manners of UDP: a write
// never blocks, and a read into a short buffer discards the rest. Its methods
// may be called at the same time.
type Conn struct {
	link    *Link
	out, in *lane // data leaves by out and arrives by in

	// Guarded by link.mu:
	local         net.Addr
	inbox         []received
	closed        bool
	readDeadline  time.Time
	writeDeadline time.Time
	wake          chan struct{} // closed at a change, nil while no reader waits
}

type received struct {
	payload []byte
	from    net.Addr
}

var _ net.PacketConn = (*Conn)(nil)

// ReadFrom waits for a datagram. It fails with net.ErrClosed or, after the
// deadline, os.ErrDeadlineExceeded.
func (c *Conn) ReadFrom(p []byte) (n int, from net.Addr, err error) {
	for {
		r, wake, deadline, err := c.take()
		if err != nil {
			return 0, nil, err
		}
		if wake == nil {
			return copy(p, r.payload), r.from, nil
		}
		if deadline.IsZero() {
			<-wake
			continue
		}
		timer := time.NewTimer(deadline.Sub(c.link.now()))
		select {
		case <-wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// take returns the next datagram or, if there is none yet, a channel that is
// closed when it is worth trying again.
func (c *Conn) take() (r received, wake <-chan struct{}, deadline time.Time, err error) {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	switch {
	case c.closed:
		return r, nil, deadline, net.ErrClosed
	case c.link.expired(c.readDeadline):
		return r, nil, deadline, os.ErrDeadlineExceeded
	case len(c.inbox) > 0:
		r = c.inbox[0]
		c.inbox[0] = received{}
		c.inbox = c.inbox[1:]
		return r, nil, deadline, nil
	}
	if c.wake == nil {
		c.wake = make(chan struct{})
	}
	return r, c.wake, c.readDeadline, nil
}

// WriteTo sends a datagram. Like UDP it does not tell whether the datagram
// arrives; it fails only with net.ErrClosed, os.ErrDeadlineExceeded or, as
// Contact.Known says, ENETUNREACH.
func (c *Conn) WriteTo(p []byte, to net.Addr) (n int, err error) {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	switch {
	case c.closed:
		return 0, net.ErrClosed
	case c.link.expired(c.writeDeadline):
		return 0, os.ErrDeadlineExceeded
	case c.unplugged():
		return 0, &net.OpError{Op: "write", Net: "udp", Source: c.local, Addr: to, Err: syscall.ENETUNREACH}
	}
	c.link.send(c, p, to)
	return len(p), nil
}

// unplugged reports whether the link is closed and the socket is where one knows.
func (c *Conn) unplugged() bool {
	contact := c.out.contact
	return contact.Known && c.out == &c.link.up && !contact.open(time.Since(c.out.opened))
}

// Close closes the socket: waiting reads end with net.ErrClosed. What it has
// sent still arrives.
func (c *Conn) Close() error {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	c.shut()
	return nil
}

// LocalAddr returns the address that peers see.
func (c *Conn) LocalAddr() net.Addr {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	return c.local
}

// Rebind changes the address that peers see, as a NAT does that forgot its
// mapping: datagrams on their way to the old address are lost.
func (c *Conn) Rebind(local net.Addr) {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	c.release()
	c.local = local
	if !c.closed {
		c.in.sockets[local.String()] = c
	}
}

// SetDeadline sets both deadlines; the zero time means none.
func (c *Conn) SetDeadline(t time.Time) error {
	return c.setDeadlines(t, &c.readDeadline, &c.writeDeadline)
}

// SetReadDeadline sets the deadline of ReadFrom, also for reads that wait.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadlines(t, &c.readDeadline) }

// SetWriteDeadline sets the deadline of WriteTo.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(t, &c.writeDeadline) }

func (c *Conn) setDeadlines(t time.Time, deadlines ...*time.Time) error {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	for _, d := range deadlines {
		*d = t
	}
	c.broadcast()
	return nil
}

// expired reports whether a deadline is set and has passed.
func (l *Link) expired(deadline time.Time) bool {
	return !deadline.IsZero() && !l.now().Before(deadline)
}

// release gives the address up, unless another socket took it over.
func (c *Conn) release() {
	if key := c.local.String(); c.in.sockets[key] == c {
		delete(c.in.sockets, key)
	}
}

// shut closes the socket and ends its reads.
func (c *Conn) shut() {
	c.release()
	delete(c.link.conns, c)
	c.closed = true
	c.inbox = nil
	c.broadcast()
}

// broadcast lets waiting reads look again.
func (c *Conn) broadcast() {
	if c.wake != nil {
		close(c.wake)
		c.wake = nil
	}
}
