package coap_test

import (
	"context"
	"net"
	"os"
	"sync"
	"time"
)

// pipeConn is one end of a datagram connection in memory.
type pipeConn struct {
	name     string
	in       <-chan []byte
	out      chan<- []byte
	done     chan struct{}
	peerDone chan struct{}
	once     sync.Once
	tap      func(from string, datagram []byte)
}

// newPipe returns the two ends of a connection that loses nothing. tap, when not
// nil, sees every datagram.
func newPipe(tap func(from string, datagram []byte)) (client, server *pipeConn) {
	up, down := make(chan []byte, 1024), make(chan []byte, 1024)
	cd, sd := make(chan struct{}), make(chan struct{})
	client = &pipeConn{name: "client", in: down, out: up, done: cd, peerDone: sd, tap: tap}
	server = &pipeConn{name: "server", in: up, out: down, done: sd, peerDone: cd, tap: tap}
	return client, server
}

func (c *pipeConn) Read(p []byte) (int, error) {
	select {
	case d := <-c.in:
		return copy(p, d), nil
	case <-c.done:
		return 0, net.ErrClosed
	}
}

func (c *pipeConn) Write(p []byte) (int, error) {
	if c.tap != nil {
		c.tap(c.name, append([]byte(nil), p...))
	}
	select {
	case <-c.done:
		return 0, net.ErrClosed
	default:
	}
	select {
	case c.out <- append([]byte(nil), p...):
	case <-c.peerDone:
	case <-c.done:
		return 0, net.ErrClosed
	}
	return len(p), nil
}

func (c *pipeConn) Close() error                     { c.once.Do(func() { close(c.done) }); return nil }
func (c *pipeConn) LocalAddr() net.Addr              { return pipeAddr(c.name) }
func (c *pipeConn) RemoteAddr() net.Addr             { return pipeAddr("peer of " + c.name) }
func (c *pipeConn) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (c *pipeConn) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (c *pipeConn) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

type pipeAddr string

func (a pipeAddr) Network() string { return "pipe" }
func (a pipeAddr) String() string  { return string(a) }

// pipeListener accepts the server ends of pipes that are dialled.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
	tap   func(from string, datagram []byte)
}

func newPipeListener(tap func(from string, datagram []byte)) *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{}), tap: tap}
}

func (l *pipeListener) Dial(ctx context.Context) (net.Conn, error) {
	client, server := newPipe(l.tap)
	select {
	case l.conns <- server:
		return client, nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *pipeListener) Addr() net.Addr { return pipeAddr("listener") }
