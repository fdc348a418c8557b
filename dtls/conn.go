package dtls

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Conn is a session: one datagram per Read and Write. It implements net.Conn.
// Its methods may be called concurrently.
type Conn struct {
	below    below
	server   bool
	suite    Suite
	identity string

	own, peer *protector
	numbers   *ledger
	path      *path
	in        *inbox
	kept      kept

	mu sync.Mutex
	// used is a time with a monotonic reading: when a server finds out what time it
	// is, its sessions must not seem to have been idle for years.
	used time.Time
	// changeCipherSpec and finished repeat a server's final flight, until the
	// client's first data says that it has come.
	changeCipherSpec, finished []byte
	repeats                    int

	ended         atomic.Bool
	writeDeadline atomic.Pointer[time.Time]
	forged        atomic.Uint64
	resetToken    atomic.Pointer[ResetToken]
}

// below is the socket, or the part of one, that a session lives on.
type below interface {
	send(b []byte, to net.Addr) error
	localAddr() net.Addr
	// gone takes note that the session has ended, and the store has done its
	// part: it may keep the session.
	gone(stored bool)
	// wait returns when all goroutines of the session have ended.
	wait()
	// setPeer has effect on a client.
	setPeer(net.Addr)
	// background runs f, for a goroutine of the socket.
	background(f func())
	// overflowed counts a datagram that was dropped since nobody read.
	overflowed()
	// warn tells the operator.
	warn(message string, args ...any)
}

// newConn makes a session out of its secrets and numbers.
func newConn(b below, s secrets, numbers *ledger, p *path, server bool) (*Conn, error) {
	own, peer, err := s.protectors()
	if err != nil {
		return nil, err
	}
	c := &Conn{
		below: b, server: server, suite: s.suite, identity: s.identity,
		own: own, peer: peer, numbers: numbers, path: p, in: newInbox(),
		changeCipherSpec: s.changeCipherSpec, finished: s.finished,
	}
	numbers.tag = s.tag()
	c.touch()
	return c, nil
}

func (c *Conn) touch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used = time.Now()
}

// idleSince is when the session was last used.
func (c *Conn) idleSince() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.used
}

// Read reads one datagram. It fails with io.EOF after either side closed, with
// ErrReset when the server does not know the session any more, with
// io.ErrShortBuffer when p cannot hold the datagram, which is then lost, and with
// os.ErrDeadlineExceeded after the deadline.
func (c *Conn) Read(p []byte) (int, error) {
	d, err := c.in.get()
	if err != nil {
		return 0, err
	}
	if len(d.data) > len(p) {
		return 0, io.ErrShortBuffer
	}
	return copy(p, d.data), nil
}

// Write sends p as one record. It fails with ErrTooLong, with ErrExhausted when
// the session has to be renewed, with net.ErrClosed after the session's end, and
// when the store of the session fails. A client's socket may say that the network is
// down, ENETUNREACH for one; the session goes on. That Write succeeds does not mean
// that the datagram left: the path may not be verified (Path.Held).
func (c *Conn) Write(p []byte) (int, error) {
	if len(p)+c.Overhead() > maxDatagram {
		return 0, ErrTooLong
	}
	if t := c.writeDeadline.Load(); t != nil && !t.IsZero() && !time.Now().Before(*t) {
		return 0, os.ErrDeadlineExceeded
	}
	if err := c.transmit(typeApplicationData, p); err != nil {
		return 0, err
	}
	c.touch()
	return len(p), nil
}

// PeerIdentity names the peer: the PSK identity, or the SHA-256 of its
// certificate in hexadecimal; empty for a client that showed neither. It is
// authentic. On a client it is the identity of the key in use.
func (c *Conn) PeerIdentity() string { return c.identity }

// Overhead is what one record adds to its payload on the way to the peer, in
// bytes.
func (c *Conn) Overhead() int { return c.own.overhead() }

// withCID tells whether the client sends a Connection ID.
func (c *Conn) withCID() bool { return len(c.peer.cid) > 0 || !c.server && len(c.own.cid) > 0 }

// Info describes the session.
func (c *Conn) Info() Info {
	return Info{Suite: c.suite, Identity: c.identity, ConnectionID: c.withCID(), Peer: c.RemoteAddr()}
}

// SetPeer sends what follows to another address of the same server, for example
// when its name resolves to a new one: the Connection ID carries the session
// over. Only datagrams from there are accepted from now on. It does nothing on
// a server, which follows its clients by itself (RFC 9146 §6).
func (c *Conn) SetPeer(peer net.Addr) {
	if c.server {
		return
	}
	c.below.setPeer(peer)
	c.path.moved(peer)
	c.path.verified(c.path.snapshot().ID) // a client trusts the addresses that it was given
}

// Move has a client's session go on over another socket, which it takes over, towards an
// address of the same server: the network has changed. It closes the socket before. Nothing
// is sent; the Connection ID tells the server with the next record. Without one (Info) the
// session goes on only where the server sees the same address. It fails with net.ErrClosed
// after the session's end.
func (c *Conn) Move(pc net.PacketConn, peer net.Addr) error {
	l, ok := c.below.(*clientLink)
	if !ok {
		pc.Close()
		return errors.New("dtls: a server's session has no socket of its own")
	}
	if err := l.move(pc, peer); err != nil {
		return err
	}
	c.path.moved(peer)
	c.path.verified(c.path.snapshot().ID) // a client trusts the addresses that it was given
	return nil
}

// Path returns where the peer is. After a change of the address of a session with
// Connection ID it is not verified; whoever set Config.CheckPaths then makes the
// peer show that it receives there, for example by Echo (RFC 9175), and calls
// PathVerified.
func (c *Conn) Path() Path { return c.path.snapshot() }

// PathVerified says that the peer answered something that was sent only to the
// path of this ID. It reports false, and changes nothing, when the peer has moved
// on since.
func (c *Conn) PathVerified(id uint32) bool { return c.path.verified(id) }

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr { return c.below.localAddr() }

// RemoteAddr implements net.Conn. On a server it is the address of the newest
// authentic record.
func (c *Conn) RemoteAddr() net.Addr { return c.path.peer() }

// SetDeadline implements net.Conn.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.in.setDeadline(t)
	return nil
}

// SetWriteDeadline implements net.Conn. Writes do not block but for the store.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.writeDeadline.Store(&t)
	return nil
}
