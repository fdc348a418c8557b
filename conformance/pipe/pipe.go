// Package pipe are connections of datagrams in memory that lose nothing, and a listener for
// their far ends: the tests of coap and internal/inspect have both ends of a session on one,
// and conformance/vectors one end and the test itself.
package pipe

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Tap is told of each datagram and of the end that sends it, Client or Server.
type Tap func(from string, datagram []byte)

// The ends of a connection.
const (
	Client = "client"
	Server = "server"
)

// Conn is one end of a connection. It has no deadlines.
type Conn struct {
	end      string
	in       <-chan []byte
	out      chan<- []byte
	done     chan struct{}
	peerDone chan struct{}
	once     sync.Once
	tap      Tap
	// endsWithPeer: reading ends when the other end is closed.
	endsWithPeer bool
}

// New returns the two ends of a connection. tap may be nil.
func New(tap Tap) (client, server *Conn) {
	up, down := make(chan []byte, 1024), make(chan []byte, 1024)
	cd, sd := make(chan struct{}), make(chan struct{})
	client = &Conn{end: Client, in: down, out: up, done: cd, peerDone: sd, tap: tap}
	server = &Conn{end: Server, in: up, out: down, done: sd, peerDone: cd, tap: tap}
	return client, server
}

// EndWithPeer has Read return io.EOF from now on when the other end is closed, as over a
// connection that tells of it.
func (c *Conn) EndWithPeer() *Conn {
	c.endsWithPeer = true
	return c
}

// Closed reports whether this end is closed.
func (c *Conn) Closed() bool { return closed(c.done) }

// PeerClosed reports whether the other end is closed.
func (c *Conn) PeerClosed() bool { return closed(c.peerDone) }

func closed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// Read implements net.Conn.
func (c *Conn) Read(p []byte) (int, error) {
	var ended <-chan struct{}
	if c.endsWithPeer {
		ended = c.peerDone
	}
	select {
	case d := <-c.in:
		return copy(p, d), nil
	case <-ended:
		return 0, io.EOF
	case <-c.done:
		return 0, net.ErrClosed
	}
}

// Next returns the next datagram, if one has come.
func (c *Conn) Next() (datagram []byte, ok bool) {
	select {
	case d := <-c.in:
		return d, true
	default:
		return nil, false
	}
}

// Write implements net.Conn. What the other end does not take any more is lost.
func (c *Conn) Write(p []byte) (int, error) {
	if c.tap != nil {
		c.tap(c.end, bytes.Clone(p))
	}
	select {
	case <-c.done:
		return 0, net.ErrClosed
	default:
	}
	select {
	case c.out <- bytes.Clone(p):
	case <-c.peerDone:
	case <-c.done:
		return 0, net.ErrClosed
	}
	return len(p), nil
}

// Close implements net.Conn.
func (c *Conn) Close() error { c.once.Do(func() { close(c.done) }); return nil }

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr { return addr(c.end) }

// RemoteAddr implements net.Conn.
func (c *Conn) RemoteAddr() net.Addr { return addr("peer of " + c.end) }

// SetDeadline implements net.Conn.
func (c *Conn) SetDeadline(time.Time) error { return os.ErrNoDeadline }

// SetReadDeadline implements net.Conn.
func (c *Conn) SetReadDeadline(time.Time) error { return os.ErrNoDeadline }

// SetWriteDeadline implements net.Conn.
func (c *Conn) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

type addr string

// Network implements net.Addr.
func (a addr) Network() string { return "pipe" }

// String implements net.Addr.
func (a addr) String() string { return string(a) }

// Listener accepts connections that are dialled or offered.
type Listener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
	tap   Tap
}

// Listen returns a listener. tap is told of the datagrams of what is dialled and may be nil.
func Listen(tap Tap) *Listener {
	return &Listener{conns: make(chan net.Conn), done: make(chan struct{}), tap: tap}
}

// Dial makes a connection, whose far end it waits to be accepted.
func (l *Listener) Dial(ctx context.Context) (net.Conn, error) {
	client, server := New(l.tap)
	if err := l.Offer(ctx, server); err != nil {
		return nil, err
	}
	return client, nil
}

// Offer waits until a connection is accepted that was made elsewhere.
func (l *Listener) Offer(ctx context.Context, c net.Conn) error {
	select {
	case l.conns <- c:
		return nil
	case <-l.done:
		return net.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *Listener) Close() error { l.once.Do(func() { close(l.done) }); return nil }

// Addr implements net.Listener.
func (l *Listener) Addr() net.Addr { return addr("listener") }
