package integrity

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Conn is a session: one datagram per Read and Write. It implements net.Conn. Its
// methods may be called concurrently.
type Conn struct {
	below   below
	server  bool
	call    string
	secrets secrets
	// resetKey is a client's, to know a reset by.
	resetKey []byte
	numbers  *ledger
	in       *inbox

	mu   sync.Mutex
	peer net.Addr
	sent sentTags

	ended         sync.Once
	writeDeadline atomic.Int64 // in Unix nanoseconds, 0 for none
	forged        atomic.Uint64
}

// below is the socket, or the part of one, that a session lives on.
type below interface {
	send(b []byte, to net.Addr) error
	localAddr() net.Addr
	// gone takes note that the session has ended. resting says that the store keeps it.
	gone(c *Conn, resting bool)
	// wait returns when all goroutines of the session have ended.
	wait()
	// warn tells the operator.
	warn(message string, args ...any)
}

// sentTags remembers the newest records, to know which one a reset is about.
type sentTags struct {
	counters [16]uint32
	tags     [16][tagSize]byte
	n        int
}

func (s *sentTags) add(counter uint32, tag []byte) {
	i := s.n % len(s.tags)
	s.counters[i], s.tags[i] = counter, [tagSize]byte(tag)
	s.n++
}

// find returns the tag of a record, nil when it is not among the newest.
func (s *sentTags) find(counter uint32) []byte {
	for i := range min(s.n, len(s.tags)) {
		if s.counters[i] == counter {
			return s.tags[i][:]
		}
	}
	return nil
}

// sendKey and receiveKey are the keys of the two directions.
func (c *Conn) sendKey() []byte {
	if c.server {
		return c.secrets.keys.down
	}
	return c.secrets.keys.up
}

func (c *Conn) receiveKey() []byte {
	if c.server {
		return c.secrets.keys.up
	}
	return c.secrets.keys.down
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
	if len(d) > len(p) {
		return 0, io.ErrShortBuffer
	}
	return copy(p, d), nil
}

// Write sends p as one datagram. It fails with ErrEmpty, ErrTooLong, with ErrExhausted
// when the session has to be renewed, with net.ErrClosed after its end, and when the
// store of the session fails. A client's socket may say that the network is down; the
// session goes on.
func (c *Conn) Write(p []byte) (int, error) {
	switch t := c.writeDeadline.Load(); {
	case len(p) == 0:
		return 0, ErrEmpty
	case len(p)+overhead > maxDatagram:
		return 0, ErrTooLong
	case t != 0 && time.Now().UnixNano() >= t:
		return 0, os.ErrDeadlineExceeded
	}
	if err := c.transmit(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (c *Conn) transmit(payload []byte) error {
	counter, err := c.numbers.take()
	if err != nil {
		return err
	}
	b := record{c.secrets.session, counter, payload}.seal(c.sendKey())
	c.mu.Lock()
	if !c.server {
		c.sent.add(counter, tagOf(b))
	}
	to := c.peer
	c.mu.Unlock()
	return c.below.send(b, to)
}

// receive takes a datagram, which stays the caller's; false when it is no authentic
// record of the session.
func (c *Conn) receive(b []byte, from net.Addr) bool {
	r, ok := parseRecord(b)
	if !ok || r.session != c.secrets.session {
		return false
	}
	if !c.numbers.fresh(r.counter) {
		// Whether it is a copy or a forgery, nothing comes of it; but a copy must not
		// look like a record of a session that is lost.
		return authentic(b, c.receiveKey(), nil)
	}
	if !authentic(b, c.receiveKey(), nil) {
		c.forgery()
		return false
	}
	newest, ok := c.numbers.accept(r.counter)
	if !ok {
		return true
	}
	if newest && c.server {
		c.mu.Lock()
		c.peer = from
		c.mu.Unlock()
	}
	if len(r.payload) == 0 {
		c.lost(io.EOF)
		return true
	}
	c.in.put(bytes.Clone(r.payload))
	return true
}

// checkReset ends a client's session whose server has proven that it is lost: only who
// has the station's key can answer one of the newest records so.
func (c *Conn) checkReset(b []byte) {
	session, counter, ok := parseReset(b)
	if !ok || session != c.secrets.session {
		return
	}
	c.mu.Lock()
	tag := slices.Clone(c.sent.find(counter))
	c.mu.Unlock()
	if tag != nil && authentic(b, c.resetKey, tag) {
		c.lost(ErrReset)
	}
}

// forgeryAlarm is how many records that do not authenticate are too many for a tag of
// eight bytes.
const forgeryAlarm = 1 << 20

func (c *Conn) forgery() {
	if c.forged.Add(1) == forgeryAlarm {
		c.below.warn("integrity: many forged records", "station", c.call)
	}
}

// PeerIdentity is the call sign of the station. It is authentic. On a client it is its
// own.
func (c *Conn) PeerIdentity() string { return c.call }

// Overhead is what one datagram adds to its payload, in bytes.
func (c *Conn) Overhead() int { return overhead }

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr { return c.below.localAddr() }

// RemoteAddr implements net.Conn. On a server it is the address of the newest
// authentic record.
func (c *Conn) RemoteAddr() net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.peer
}

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
	var at int64
	if !t.IsZero() {
		at = t.UnixNano()
	}
	c.writeDeadline.Store(at)
	return nil
}
