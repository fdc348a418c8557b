package plainudp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Bounds of a listener. Addresses can be forged, so all that one costs is bounded.
const (
	// DefaultMaxPeers is the number of sessions that a listener keeps.
	DefaultMaxPeers = 1024

	backlog       = 64   // sessions that wait for Accept
	queueLen      = 64   // datagrams that wait for Read, per session
	maxDatagram   = 2048 // bytes; longer ones are cut and fail as CoAP
	maxReadErrors = 16   // in a row, which end the listener
)

// Listener tells the peers of one socket apart by their address. It implements
// net.Listener.
type Listener struct {
	pc     net.PacketConn
	max    int
	ctx    context.Context
	cancel context.CancelCauseFunc
	accept chan *conn
	done   chan struct{}

	mu    sync.Mutex
	conns map[addrKey]*conn
}

type addrKey struct {
	ip    netip.AddrPort
	other string
}

func keyOf(a net.Addr) addrKey {
	if u, ok := a.(*net.UDPAddr); ok {
		ap := u.AddrPort()
		return addrKey{ip: netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())}
	}
	return addrKey{other: a.String()}
}

// Listen serves pc and takes it over: Close closes it. A session begins with the
// first datagram from an address. Beyond maxPeers sessions (0 means
// DefaultMaxPeers) the one that was silent for longest is closed.
func Listen(pc net.PacketConn, maxPeers int) *Listener {
	if maxPeers <= 0 {
		maxPeers = DefaultMaxPeers
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	l := &Listener{
		pc: pc, max: maxPeers, ctx: ctx, cancel: cancel,
		accept: make(chan *conn, backlog), done: make(chan struct{}), conns: map[addrKey]*conn{},
	}
	go l.read()
	return l
}

// Accept returns the next session. It fails with net.ErrClosed after Close, and
// with the socket's error when that broke.
func (l *Listener) Accept() (net.Conn, error) {
	if l.ctx.Err() != nil {
		return nil, context.Cause(l.ctx)
	}
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.ctx.Done():
		return nil, context.Cause(l.ctx)
	}
}

// Addr returns the address of the socket.
func (l *Listener) Addr() net.Addr { return l.pc.LocalAddr() }

// Close ends every session, closes the socket and waits for its reader.
func (l *Listener) Close() error {
	l.cancel(net.ErrClosed)
	err := l.pc.Close()
	<-l.done
	return err
}

func (l *Listener) read() {
	defer close(l.done)
	defer l.closeAll()
	buf := make([]byte, maxDatagram)
	for failures := 0; ; {
		n, from, err := l.pc.ReadFrom(buf)
		switch {
		case errors.Is(err, net.ErrClosed) || l.ctx.Err() != nil:
			l.cancel(net.ErrClosed)
			return
		case err != nil:
			if failures++; failures == maxReadErrors {
				l.cancel(fmt.Errorf("plainudp: reading from the socket: %w", err))
				return
			}
		default:
			failures = 0
			if c := l.session(from); c != nil {
				c.put(append([]byte(nil), buf[:n]...))
			}
		}
	}
}

// session returns the session of an address, a new one if need be, nil when too
// many wait for Accept.
func (l *Listener) session(from net.Addr) *conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := keyOf(from)
	if c := l.conns[key]; c != nil {
		c.used = time.Now()
		return c
	}
	c := newConn(l, from, key)
	select {
	case l.accept <- c:
	default:
		return nil
	}
	if len(l.conns) >= l.max {
		var idle *conn
		for _, c := range l.conns {
			if idle == nil || c.used.Before(idle.used) {
				idle = c
			}
		}
		l.end(idle)
	}
	l.conns[key] = c
	return c
}

func (l *Listener) closeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		l.end(c)
	}
}

// end closes a session; l.mu is held.
func (l *Listener) end(c *conn) {
	if !c.ended {
		c.ended = true
		close(c.closed)
	}
	if l.conns[c.key] == c {
		delete(l.conns, c.key)
	}
}
