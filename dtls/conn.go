package dtls

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	pion "github.com/pion/dtls/v3"
)

// Conn is a session: one datagram per Read and Write. It implements net.Conn.
// Its methods may be called concurrently.
type Conn struct {
	c        *pion.Conn
	link     *clientLink  // nil on a server
	assoc    *association // nil on a client
	suite    Suite
	identity string
	withCID  bool
	overhead int

	records atomic.Uint64
	used    atomic.Int64 // when, in Unix nanoseconds
}

func newConn(c *pion.Conn, withCID bool, overhead int) *Conn {
	conn := &Conn{c: c, withCID: withCID, overhead: overhead}
	if st, ok := c.ConnectionState(); ok {
		conn.suite = Suite(st.CipherSuiteID)
		conn.identity = string(st.IdentityHint)
		if len(st.PeerCertificates) > 0 {
			sum := sha256.Sum256(st.PeerCertificates[0])
			conn.identity = hex.EncodeToString(sum[:])
		}
	}
	conn.touch()
	return conn
}

func (c *Conn) touch() { c.used.Store(time.Now().UnixNano()) }

// Read reads one datagram. It fails with io.EOF after either side closed, with
// io.ErrShortBuffer when p cannot hold the datagram, which is then lost, and with
// os.ErrDeadlineExceeded after the deadline.
func (c *Conn) Read(p []byte) (int, error) {
	for {
		n, err := c.c.Read(p)
		switch {
		case err == nil:
			c.touch()
			if c.assoc != nil {
				c.assoc.settle(c.c.RemoteAddr)
			}
			return n, nil
		case errors.Is(err, io.EOF):
			return 0, io.EOF
		case isTimeout(err):
			return 0, os.ErrDeadlineExceeded
		case isShortBuffer(err):
			return 0, io.ErrShortBuffer
		}
		// What remains are warnings of the peer and errors of the socket: neither
		// ends the session.
	}
}

// Write sends p as one record. It fails with ErrTooLong, with ErrExhausted when
// the session has to be renewed, and with net.ErrClosed after Close. That it
// succeeds does not mean that the datagram left: the network may be down.
func (c *Conn) Write(p []byte) (int, error) {
	if len(p)+c.overhead > maxDatagram {
		return 0, ErrTooLong
	}
	if c.records.Add(1) > maxRecords {
		return 0, ErrExhausted
	}
	if _, err := c.c.Write(p); err != nil {
		switch {
		case errors.Is(err, pion.ErrConnClosed):
			err = net.ErrClosed
		case isTimeout(err):
			err = os.ErrDeadlineExceeded
		}
		return 0, err
	}
	c.touch()
	return len(p), nil
}

// Close sends a close_notify and ends the session. On a client it closes the
// socket.
func (c *Conn) Close() error { return c.c.Close() }

// PeerIdentity names the peer: the PSK identity, or the SHA-256 of its
// certificate in hexadecimal; empty for a client that showed neither. It is
// authentic. On a client it is the identity of the key in use.
func (c *Conn) PeerIdentity() string { return c.identity }

// Overhead is what one record adds to its payload on the way to the peer, in
// bytes.
func (c *Conn) Overhead() int { return c.overhead }

// Info describes the session.
func (c *Conn) Info() Info {
	return Info{Suite: c.suite, Identity: c.identity, ConnectionID: c.withCID, Peer: c.RemoteAddr()}
}

// SetPeer sends what follows to another address of the same server, for example
// when its name resolves to a new one: the Connection ID carries the session
// over. Only datagrams from there are accepted from now on. It does nothing on
// a server, which follows its clients by itself (RFC 9146 §6).
func (c *Conn) SetPeer(peer net.Addr) {
	if c.link != nil {
		c.link.setPeer(peer)
	}
}

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr { return c.c.LocalAddr() }

// RemoteAddr implements net.Conn. On a server it is the address of the newest
// authentic record.
func (c *Conn) RemoteAddr() net.Addr {
	if c.link != nil {
		return c.link.peerAddr()
	}
	return c.c.RemoteAddr()
}

// SetDeadline implements net.Conn.
func (c *Conn) SetDeadline(t time.Time) error { return c.c.SetDeadline(t) }

// SetReadDeadline implements net.Conn.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.c.SetReadDeadline(t) }

// SetWriteDeadline implements net.Conn.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.c.SetWriteDeadline(t) }

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}
