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
	// changeCipherSpec and finished repeat a server's final flight, until the
	// client's first data says that it has come.
	changeCipherSpec, finished []byte
	repeats                    int

	ended         sync.Once
	used          atomic.Int64 // when, in Unix nanoseconds
	writeDeadline atomic.Int64 // the same, 0 for none
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

func (c *Conn) touch() { c.used.Store(time.Now().UnixNano()) }

// idleSince is when the session was last used.
func (c *Conn) idleSince() time.Time { return time.Unix(0, c.used.Load()) }

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
	if t := c.writeDeadline.Load(); t != 0 && time.Now().UnixNano() >= t {
		return 0, os.ErrDeadlineExceeded
	}
	if err := c.transmit(typeApplicationData, p); err != nil {
		return 0, err
	}
	c.touch()
	return len(p), nil
}

// transmit sends a record of its own in a datagram, after what is given in clear.
func (c *Conn) transmit(typ uint8, content []byte, clear ...byte) error {
	seq, err := c.numbers.take()
	if err != nil {
		return err
	}
	b := make([]byte, 0, len(clear)+len(content)+c.own.overhead())
	b = c.own.seal(append(b, clear...), typ, seq, content)
	if to, ok := c.path.send(len(b)); ok {
		return c.below.send(b, to)
	}
	return nil
}

// receive takes a datagram, which stays the caller's.
func (c *Conn) receive(b []byte, from net.Addr) {
	cidLen := noCID
	if c.server {
		cidLen = shortCIDLen
	}
	authentic := false
	for rest := b; len(rest) > 0; {
		r, next, ok := nextRecord(rest, cidLen)
		if !ok {
			break
		}
		rest = next
		if c.record(r, from) {
			authentic = true
		}
	}
	if authentic {
		c.path.heard(from, len(b))
	} else {
		c.checkReset(b)
	}
}

// record takes one record; false when it is not authentic or was here before. Of
// epoch 0 there is nothing to come.
func (c *Conn) record(r record, from net.Addr) bool {
	if r.epoch != epoch {
		return false
	}
	if !c.numbers.fresh(r.seq) {
		c.repetition(r)
		return false
	}
	typ, content, ok := c.peer.open(r)
	if !ok {
		c.forgery()
		return false
	}
	newest, ok := c.numbers.accept(r.seq)
	if !ok {
		return false
	}
	// Only a record with a Connection ID may move the peer (RFC 9146 §6). Without
	// one there is but one address that leads here; and a client stays with its
	// server.
	if newest && c.server && len(c.peer.cid) > 0 {
		c.path.moved(from)
	}
	switch typ {
	case typeApplicationData:
		c.touch()
		c.mu.Lock()
		c.changeCipherSpec, c.finished = nil, nil
		c.mu.Unlock()
		if !c.in.put(datagram{data: content}) {
			c.below.overflowed()
		}
	case typeAlert:
		c.alert(content)
	case typeHandshake:
		if isFinished(typ, content) {
			c.repeatFlight()
		}
	}
	return true
}

// alert acts on an authentic alert: all but warnings end the session (RFC 5246
// §7.2).
func (c *Conn) alert(content []byte) {
	switch {
	case len(content) != alertSize:
		return
	case content[1] == alertCloseNotify:
		_ = c.transmit(typeAlert, []byte{alertWarning, alertCloseNotify}) // RFC 5246 §7.2.1
	case content[0] != alertFatal:
		return
	}
	c.lost(io.EOF)
}

// maxRepeats bounds how often a final flight is sent again: a recorded Finished
// can be replayed by anyone.
const maxRepeats = 16

// repetition looks at a record whose number was seen before. pion's clients, and
// so ours, repeat Finished under its old number when they have a Connection ID.
func (c *Conn) repetition(r record) {
	c.mu.Lock()
	asks := c.finished != nil
	c.mu.Unlock()
	if !asks {
		return
	}
	if typ, content, ok := c.peer.open(r); ok && isFinished(typ, content) {
		c.repeatFlight()
	}
}

func isFinished(typ uint8, content []byte) bool {
	return typ == typeHandshake && len(content) > 0 && content[0] == msgFinished
}

// repeatFlight sends a server's final flight again: a client that repeats its own
// has not got it (RFC 6347 §4.2.4).
func (c *Conn) repeatFlight() {
	c.mu.Lock()
	clear, finished := c.changeCipherSpec, c.finished
	c.repeats++
	if c.repeats > maxRepeats {
		finished = nil
	}
	c.mu.Unlock()
	if finished != nil {
		_ = c.transmit(typeHandshake, finished, clear...)
	}
}

// lost ends the session from within the goroutine that reads the socket, which
// does not wait for the store.
func (c *Conn) lost(err error) {
	if _, first := c.end(err); !first {
		return
	}
	if !c.Durable() {
		c.below.gone(false)
		return
	}
	c.below.background(func() {
		defer c.below.gone(false)
		if err := c.kept.delete(); err != nil {
			c.below.warn("dtls: an ended session stays in the store", "error", err)
		}
	})
}

// forgeryAlarm is how many records that do not authenticate are too many where
// eight bytes of tag are all that protects.
const forgeryAlarm = 1 << 20

func (c *Conn) forgery() {
	if c.forged.Add(1) == forgeryAlarm && c.peer.aead.Overhead() < 16 {
		c.below.warn("dtls: many forged records on a session with a short tag", "identity", c.identity)
	}
}

// end ends the session; first tells one caller that it is the one to see to the
// store, with these counters, and then to call below.gone. Until then the
// Connection ID is taken: what a store still does to the old session must not
// happen to a new one.
func (c *Conn) end(err error) (last counters, first bool) {
	c.ended.Do(func() {
		first = true
		last = c.numbers.close()
		c.in.close(err)
	})
	return last, first
}

// drop ends the session for good, without a word to the peer.
func (c *Conn) drop() error {
	if _, first := c.end(io.EOF); first {
		defer c.below.gone(false)
		return c.kept.delete()
	}
	return nil
}

// rest ends the session's life in this process, without a word to the peer; the
// store keeps it.
func (c *Conn) rest() error {
	last, first := c.end(io.EOF)
	if !first {
		return nil
	}
	err := c.kept.rest(last)
	c.below.gone(err == nil && c.Durable())
	return err
}

// putAway ends the session where it has to make room for others.
func (c *Conn) putAway() error {
	if c.Durable() {
		return c.rest()
	}
	return c.drop()
}

// Close sends a close_notify and ends the session for good: a store forgets it. On
// a client it closes the socket.
func (c *Conn) Close() error {
	_ = c.transmit(typeAlert, []byte{alertWarning, alertCloseNotify})
	err := c.drop()
	c.in.drain()
	c.below.wait()
	return err
}

// Suspend ends the use of the session in this process without a word to the peer,
// and leaves it in the store: the client goes on with Resume, a server with the
// client's next record. Without a store it is Close without close_notify. On a
// client it closes the socket.
func (c *Conn) Suspend() error {
	err := c.rest()
	c.in.drain()
	c.below.wait()
	return err
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
	var at int64
	if !t.IsZero() {
		at = t.UnixNano()
	}
	c.writeDeadline.Store(at)
	return nil
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}
