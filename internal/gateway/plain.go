package gateway

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Plain coap:// has no associations: a session is whatever comes from one
// address. It is for loopback, tests and links that are secured by other means.
const (
	// maxDatagram is the largest UDP payload, in bytes.
	maxDatagram = 65535
	// plainBacklog bounds the sessions that wait for Accept, plainQueue the
	// datagrams that wait in a session; more are dropped, as UDP may.
	plainBacklog = 64
	plainQueue   = 32
	// plainSessions bounds the sessions where the caller does not.
	plainSessions = 10_000
)

// plainListener tells the peers of one socket apart by address.
type plainListener struct {
	pc      net.PacketConn
	limit   int
	arrived chan *plainConn
	done    chan struct{}

	mu    sync.Mutex
	conns map[string]*plainConn
}

// listenPlain takes pc over. With limit sessions held, a new one takes the place
// of the one that has been silent for longest; 0 means 10,000.
func listenPlain(pc net.PacketConn, limit int) *plainListener {
	if limit <= 0 {
		limit = plainSessions
	}
	l := &plainListener{
		pc: pc, limit: limit,
		arrived: make(chan *plainConn, plainBacklog),
		done:    make(chan struct{}),
		conns:   make(map[string]*plainConn),
	}
	go l.read()
	return l
}

// read hands datagrams to their sessions until the socket is closed.
func (l *plainListener) read() {
	defer close(l.done)
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := l.pc.ReadFrom(buf)
		if err != nil {
			l.mu.Lock()
			defer l.mu.Unlock()
			for _, c := range l.conns {
				c.end()
			}
			clear(l.conns)
			return
		}
		if c := l.session(from); c != nil {
			c.deliver(buf[:n])
		}
	}
}

// session finds or opens the session with an address, nil when too many wait.
func (l *plainListener) session(from net.Addr) *plainConn {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := from.String()
	if c, ok := l.conns[key]; ok {
		c.heard = time.Now()
		return c
	}
	c := newPlainConn(l.pc, from, func() { l.forget(key) })
	c.heard = time.Now()
	select {
	case l.arrived <- c:
	default:
		return nil
	}
	if len(l.conns) >= l.limit {
		l.evict()
	}
	l.conns[key] = c
	return c
}

// evict ends the session that has been silent for longest.
func (l *plainListener) evict() {
	var oldest string
	for key, c := range l.conns {
		if o, ok := l.conns[oldest]; !ok || c.heard.Before(o.heard) {
			oldest = key
		}
	}
	l.conns[oldest].end()
	delete(l.conns, oldest)
}

func (l *plainListener) forget(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, key)
}

// Accept implements net.Listener.
func (l *plainListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.arrived:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. It ends all sessions.
func (l *plainListener) Close() error {
	err := l.pc.Close()
	<-l.done
	return err
}

// Addr implements net.Listener.
func (l *plainListener) Addr() net.Addr { return l.pc.LocalAddr() }

// plainConn is a session without encryption.
type plainConn struct {
	pc      net.PacketConn
	peer    net.Addr
	inbox   chan []byte
	onClose func()
	heard   time.Time // guarded by plainListener.mu

	once   sync.Once
	closed chan struct{}

	mu       sync.Mutex
	deadline time.Time
	moved    chan struct{} // closed when deadline changes
}

func newPlainConn(pc net.PacketConn, peer net.Addr, onClose func()) *plainConn {
	return &plainConn{
		pc: pc, peer: peer, onClose: onClose,
		inbox:  make(chan []byte, plainQueue),
		closed: make(chan struct{}),
		moved:  make(chan struct{}),
	}
}

// dialPlain returns a session with peer over pc, which it takes over.
func dialPlain(pc net.PacketConn, peer net.Addr) net.Conn {
	done := make(chan struct{})
	c := newPlainConn(pc, peer, func() { _ = pc.Close(); <-done })
	go func() {
		defer close(done)
		buf := make([]byte, maxDatagram)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				c.end()
				return
			}
			if from.String() == peer.String() {
				c.deliver(buf[:n])
			}
		}
	}()
	return c
}

// deliver queues a copy of datagram, or drops it when the queue is full.
func (c *plainConn) deliver(datagram []byte) {
	own := append(make([]byte, 0, len(datagram)), datagram...) // not nil when empty
	select {
	case c.inbox <- own:
	default:
	}
}

// end makes Read and Write fail.
func (c *plainConn) end() { c.once.Do(func() { close(c.closed) }) }

// Read implements net.Conn: one datagram each. It fails with io.ErrShortBuffer
// when p cannot hold the datagram.
func (c *plainConn) Read(p []byte) (int, error) {
	for {
		datagram, err := c.next()
		switch {
		case err != nil:
			return 0, err
		case len(datagram) > len(p):
			return 0, io.ErrShortBuffer
		case datagram != nil:
			return copy(p, datagram), nil
		}
	}
}

// next waits for a datagram; it returns nil when the deadline moved.
func (c *plainConn) next() ([]byte, error) {
	c.mu.Lock()
	deadline, moved := c.deadline, c.moved
	c.mu.Unlock()
	var expired <-chan time.Time
	if !deadline.IsZero() {
		t := time.NewTimer(time.Until(deadline))
		defer t.Stop()
		expired = t.C
	}
	select {
	case <-c.closed:
		return nil, io.EOF
	case datagram := <-c.inbox:
		return datagram, nil
	case <-expired:
		return nil, os.ErrDeadlineExceeded
	case <-moved:
		return nil, nil
	}
}

// Write implements net.Conn: one datagram each. Sending never blocks for long, so
// it minds no deadline.
func (c *plainConn) Write(p []byte) (int, error) {
	select {
	case <-c.closed:
		return 0, net.ErrClosed
	default:
		return c.pc.WriteTo(p, c.peer)
	}
}

// Close implements net.Conn.
func (c *plainConn) Close() error {
	c.end()
	c.onClose()
	return nil
}

// LocalAddr implements net.Conn.
func (c *plainConn) LocalAddr() net.Addr { return c.pc.LocalAddr() }

// RemoteAddr implements net.Conn.
func (c *plainConn) RemoteAddr() net.Addr { return c.peer }

// SetDeadline implements net.Conn.
func (c *plainConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetReadDeadline implements net.Conn.
func (c *plainConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	close(c.moved)
	c.moved = make(chan struct{})
	return nil
}

// SetWriteDeadline implements net.Conn.
func (c *plainConn) SetWriteDeadline(time.Time) error { return nil }
