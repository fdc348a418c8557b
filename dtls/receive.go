package dtls

import (
	"bytes"
	"errors"
	"io"
	"net"
)

// transmit sends a record of its own in a datagram.
func (c *Conn) transmit(typ uint8, content []byte) error {
	if c.ended.Load() {
		return net.ErrClosed
	}
	seq, err := c.numbers.take()
	if errors.Is(err, ErrExhausted) {
		// The peer, too, has to learn that these keys have had their time.
		c.answer(typeAlert, alertWarning, alertCloseNotify)
		c.lost(err)
	}
	if err != nil {
		return err
	}
	return c.send(seq, typ, content)
}

// answer is transmit from within the goroutine that reads the socket: what would have
// to wait for the store is not sent.
func (c *Conn) answer(typ uint8, content ...byte) {
	if seq, ok := c.numbers.takeReserved(maxRecords); ok {
		_ = c.send(seq, typ, content)
	}
}

// send sends a record under a number that was taken for it.
func (c *Conn) send(seq uint64, typ uint8, content []byte) error {
	b := c.own.seal(make([]byte, 0, len(content)+c.own.overhead()), typ, seq, content)
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
		size := len(rest) - len(next)
		rest = next
		if c.record(r, size, from) {
			authentic = true
		}
	}
	if !authentic {
		c.checkReset(b)
	}
}

// record takes one record of that many bytes; false when it is not authentic or was here before. Of
// epoch 0 there is nothing to come.
func (c *Conn) record(r record, size int, from net.Addr) bool {
	if r.epoch != epoch || c.ended.Load() {
		return false
	}
	if !c.numbers.fresh(r.seq) {
		c.repetition(r, from)
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
	c.path.heard(from, size) // before anyone answers it
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
			c.repeatFlight(from)
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
		c.answer(typeAlert, alertWarning, alertCloseNotify) // RFC 5246 §7.2.1
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
func (c *Conn) repetition(r record, from net.Addr) {
	c.mu.Lock()
	asks := c.finished != nil
	c.mu.Unlock()
	if !asks {
		return
	}
	if typ, content, ok := c.peer.open(r); ok && isFinished(typ, content) {
		c.repeatFlight(from)
	}
}

func isFinished(typ uint8, content []byte) bool {
	return typ == typeHandshake && len(content) > 0 && content[0] == msgFinished
}

// repeatFlight sends a server's final flight again: a client that repeats its own
// has not got it (RFC 6347 §4.2.4). It goes to where the repetition came from, for the
// client may have got another address since the handshake began; the session moves
// only with a new record.
func (c *Conn) repeatFlight(to net.Addr) {
	c.mu.Lock()
	clear, finished := c.changeCipherSpec, c.finished
	c.repeats++
	if c.repeats > maxRepeats {
		finished = nil
	}
	c.mu.Unlock()
	if finished == nil {
		return
	}
	if seq, ok := c.numbers.takeReserved(maxRecords); ok {
		_ = c.below.send(c.own.seal(bytes.Clone(clear), typeHandshake, seq, finished), to)
	}
}

// forgeryAlarm is how many records that do not authenticate are too many where
// eight bytes of tag are all that protects.
const forgeryAlarm = 1 << 20

func (c *Conn) forgery() {
	if c.forged.Add(1) == forgeryAlarm && c.peer.aead.Overhead() < 16 {
		c.below.warn("dtls: many forged records on a session with a short tag", "identity", c.identity)
	}
}
