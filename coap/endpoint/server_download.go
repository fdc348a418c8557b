package endpoint

import (
	"io"
	"slices"
	"sync"
	"time"
)

const (
	maxSZX uint8 = 6 // 1024 bytes
	// maxDownloads bounds the responses of one session that are being fetched
	// block by block. Beyond it the one not asked for longest is given up.
	maxDownloads = 64
	// maxHeld bounds the bodies in memory among them, in bytes: begun and not
	// fetched, each costs a peer one small request.
	maxHeld = 64 << 20
)

// download is a response that the peer fetches block by block (RFC 7959 §2.4).
// Of its body only the last block is kept, unless it can be read anywhere.
type download struct {
	c     *Conn
	class class

	// Guarded by c.mu:
	key     uint64
	token   token
	payload uint64 // hash of that of the request in one message, 0 if there is none
	roaming bool   // belongs to an observation, and will be fetched with another token
	expires time.Time

	// done is closed when the last block was sent or the transfer given up.
	done chan struct{}

	mu      sync.Mutex // serialises the production of blocks
	code    Code
	options Options
	body    io.Reader
	random  io.ReaderAt // body, if it can be read anywhere
	held    int64       // bytes of body in memory
	release func()      // called when the body was closed, nil for nothing to do
	closed  bool
	ended   bool // done is closed
	src     source
	block   []byte // the last block read
	offset  int64  // where it starts
	more    bool   // whether bytes follow it
	whole   bool   // the last block was made
	// progress is what Stats tells.
	progress *transfer
}

// addDownload keeps a transfer that was just begun. It replaces an earlier one of
// the same token.
func (c *Conn) addDownload(d *download) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed() {
		d.progress.end()
		d.closeLocked() // nobody else knows it yet
		return
	}
	for _, old := range c.downloads {
		if old.key == d.key && old.token == d.token {
			c.dropDownload(old)
			break
		}
	}
	held := d.held
	for _, other := range c.downloads {
		held += other.held
	}
	for len(c.downloads) > 0 && (len(c.downloads) >= maxDownloads || held > maxHeld) {
		idlest := slices.MinFunc(c.downloads, func(a, b *download) int { return a.expires.Compare(b.expires) })
		held -= idlest.held
		c.dropDownload(idlest)
	}
	d.expires = time.Now().Add(c.terms().profile.MaxTransmitWait())
	c.downloads = append(c.downloads, d)
	c.sweepBefore(d.expires)
}

// dropDownload ends a transfer. c.mu is held; the body is closed elsewhere, for a
// block may be in the making.
func (c *Conn) dropDownload(d *download) {
	if i := slices.Index(c.downloads, d); i >= 0 {
		c.downloads = slices.Delete(c.downloads, i, i+1)
		c.start(d.close)
	}
}

// removeDownload is dropDownload without c.mu held.
func (c *Conn) removeDownload(d *download) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropDownload(d)
}

func (d *download) close() {
	d.end()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closeLocked()
}

// end tells who waits for the transfer that it is over.
func (d *download) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.ended {
		d.ended = true
		close(d.done)
		d.progress.end()
	}
}

// result is nil when the last block was sent.
func (d *download) result() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.whole {
		return &BlockError{Offset: d.offset + int64(len(d.block)), Reason: "the peer asked for no further block"}
	}
	return nil
}

func (d *download) closeLocked() {
	if !d.closed {
		d.closed = true
		closeBody(d.body)
		if d.release != nil {
			d.release()
		}
	}
}

// findDownload finds the transfer to which a block request belongs: that of its
// token; or that of an observation, which gets a token of its own now; or, of a
// client that changes tokens from block to block, the latest with these options, and
// with the same payload if the client repeats that. c.mu is held.
func (c *Conn) findDownload(in *incoming) *download {
	tok, payload := tokenOf(in.m.Token), in.payloadHash()
	var found *download
	for _, d := range c.downloads {
		if d.key != in.key || payload != 0 && d.payload != 0 && payload != d.payload {
			continue
		}
		if d.token == tok && !d.roaming {
			return d
		}
		if d.roaming || !c.terms().peerKnown {
			found = d
		}
	}
	if found != nil {
		found.token, found.roaming = tok, false
	}
	return found
}

// serveBlock answers a request for a block behind the first. Making the block may
// have to wait for the body.
func (c *Conn) serveBlock(in *incoming) {
	c.mu.Lock()
	d := c.findDownload(in)
	if d == nil {
		c.mu.Unlock()
		in.answer(&Message{Code: RequestEntityIncomplete}) // RFC 7959 §2.9.2
		return
	}
	if c.fetching >= c.cfg.MaxRequests {
		c.mu.Unlock()
		in.answer(busy())
		return
	}
	c.fetching++
	d.expires = time.Now().Add(c.terms().profile.MaxTransmitWait())
	c.mu.Unlock()
	in.startAckTimer()
	c.start(func() {
		m, last := d.make(in.block2)
		in.class = d.class
		// Answers that the peer does not acknowledge count as being served.
		if err := in.deliver(c.ctx, m); err != nil {
			c.log.Debug("coap: block not delivered", "err", err)
		}
		if last {
			d.end() // and not before: the next notification must not overtake it
		}
		c.mu.Lock()
		c.fetching--
		c.mu.Unlock()
	})
}

// make produces a block, and tells whether none will follow.
func (d *download) make(b block) (m *Message, last bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.progress.advance(b.offset()) // who asks for it has what is before
	payload, more, ok := d.read(b.offset(), b.size())
	if !ok {
		return &Message{Code: RequestEntityIncomplete}, false
	}
	if payload == nil {
		return &Message{Code: InternalServerError}, true
	}
	b.more = more
	d.whole = d.whole || !more
	return &Message{Code: d.code, Options: d.options.clone().AddUint(Block2, b.value()), Payload: payload}, !more
}

// read returns up to size bytes from offset: from the block kept, behind it, or
// from anywhere if the body allows. ok is false when they are gone or not there
// yet; payload is nil when the body failed.
func (d *download) read(offset int64, size int) (payload []byte, more, ok bool) {
	end := d.offset + int64(len(d.block))
	switch {
	case offset >= d.offset && offset < end && (offset+int64(size) <= end || !d.more):
		payload = d.block[offset-d.offset:]
		if len(payload) > size {
			return payload[:size], true, true
		}
		return payload, d.more, true
	case offset == end && d.more && !d.closed:
		buf := make([]byte, size)
		n, more, err := d.src.next(buf)
		if err != nil {
			d.c.log.Warn("coap: response body failed", "err", err)
			d.more = false
			d.closeLocked()
			return nil, false, true
		}
		d.block, d.offset, d.more = buf[:n], end, more
		if !more && d.random == nil {
			d.closeLocked()
		}
		return d.block, more, true
	case d.random != nil && !d.closed && offset < end:
		buf := make([]byte, size+1)
		n, err := d.random.ReadAt(buf, offset)
		if err != nil && err != io.EOF || n == 0 {
			return nil, false, true
		}
		return buf[:min(n, size)], n > size, true
	}
	return nil, false, false
}
