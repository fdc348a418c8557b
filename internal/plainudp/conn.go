package plainudp

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// conn is a session of a Listener.
type conn struct {
	l      *Listener
	peer   net.Addr
	key    addrKey
	in     chan []byte
	closed chan struct{}
	read   deadline

	// Guarded by l.mu.
	used  time.Time
	ended bool
}

func newConn(l *Listener, peer net.Addr, key addrKey) *conn {
	return &conn{
		l: l, peer: peer, key: key, used: time.Now(),
		in: make(chan []byte, queueLen), closed: make(chan struct{}), read: newDeadline(),
	}
}

// put queues a datagram, or drops it as a full socket buffer would.
func (c *conn) put(b []byte) {
	select {
	case c.in <- b:
	default:
	}
}

// Read reads one datagram. It fails with io.EOF once the session is closed.
func (c *conn) Read(p []byte) (int, error) {
	expired := c.read.wait()
	select {
	case <-c.closed:
		return 0, io.EOF
	case <-expired:
		return 0, os.ErrDeadlineExceeded
	default:
	}
	select {
	case b := <-c.in:
		if copy(p, b) < len(b) {
			return 0, io.ErrShortBuffer
		}
		return len(b), nil
	case <-c.closed:
		return 0, io.EOF
	case <-expired:
		return 0, os.ErrDeadlineExceeded
	}
}

// Write sends one datagram.
func (c *conn) Write(p []byte) (int, error) {
	select {
	case <-c.closed:
		return 0, net.ErrClosed
	default:
		return c.l.pc.WriteTo(p, c.peer)
	}
}

// Close ends the session. The next datagram of the peer begins another.
func (c *conn) Close() error {
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	c.l.end(c)
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return c.l.pc.LocalAddr() }
func (c *conn) RemoteAddr() net.Addr { return c.peer }

func (c *conn) SetDeadline(t time.Time) error     { return c.SetReadDeadline(t) }
func (c *conn) SetReadDeadline(t time.Time) error { c.read.set(t); return nil }

// SetWriteDeadline does nothing: writes do not block.
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

// deadline is a moment that can be moved while others wait for it.
type deadline struct {
	mu      *sync.Mutex
	timer   *time.Timer
	expired chan struct{}
}

func newDeadline() deadline { return deadline{mu: new(sync.Mutex), expired: make(chan struct{})} }

func (d *deadline) wait() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.expired
}

// set moves the deadline; the zero time takes it away.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fired := d.timer != nil && !d.timer.Stop()
	d.timer = nil
	if fired {
		d.expired = make(chan struct{})
	}
	if !t.IsZero() {
		expired := d.expired
		d.timer = time.AfterFunc(time.Until(t), func() { close(expired) })
	}
}

// client is a session that was dialled.
type client struct {
	pc   net.PacketConn
	peer net.Addr
	key  addrKey
}

// Dial makes a session with peer over pc, which it takes over: Close closes it.
// No datagram is sent, so that a peer that is not there shows up later.
func Dial(pc net.PacketConn, peer net.Addr) net.Conn {
	return &client{pc: pc, peer: peer, key: keyOf(peer)}
}

// Read reads one datagram of the peer and skips those of others.
func (c *client) Read(p []byte) (int, error) {
	for {
		n, from, err := c.pc.ReadFrom(p)
		if err != nil {
			return 0, err
		}
		if keyOf(from) == c.key {
			return n, nil
		}
	}
}

func (c *client) Write(p []byte) (int, error)        { return c.pc.WriteTo(p, c.peer) }
func (c *client) Close() error                       { return c.pc.Close() }
func (c *client) LocalAddr() net.Addr                { return c.pc.LocalAddr() }
func (c *client) RemoteAddr() net.Addr               { return c.peer }
func (c *client) SetDeadline(t time.Time) error      { return c.pc.SetDeadline(t) }
func (c *client) SetReadDeadline(t time.Time) error  { return c.pc.SetReadDeadline(t) }
func (c *client) SetWriteDeadline(t time.Time) error { return c.pc.SetWriteDeadline(t) }
