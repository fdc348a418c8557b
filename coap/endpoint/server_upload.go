package endpoint

import (
	"context"
	"io"
	"slices"
	"time"
)

// uploadBuffer bounds what is held of an upload that its handler has not read
// yet, in bytes.
const uploadBuffer = 4 * maxBlockSize

// upload is a request body that arrives in blocks (RFC 7959 §2.5). Its handler
// reads it while it arrives: a block is acknowledged when there is room for it, so
// that the peer goes no faster than the handler.
type upload struct {
	c      *Conn
	key    uint64
	token  token
	ctx    context.Context // of the handler
	cancel context.CancelFunc

	// wake is signalled when the handler or its reader may go on.
	wake chan struct{}

	// Guarded by c.mu:
	next     int64  // where the next block must start
	unread   []byte // taken and not read yet
	complete bool   // the last block was taken
	err      error  // why no more will come
	done     bool   // the handler returned: what arrives is not read any more
	// current is the block request that was not answered yet: the last one, or
	// one for which there is no room.
	current *incoming
	expires time.Time

	progress *transfer // what Stats tells
}

// newUpload makes the transfer of which in is the first block. A client whose
// tokens tell nothing starts over by sending the first block again.
func (c *Conn) newUpload(in *incoming) *upload {
	u := &upload{c: c, key: in.transferKey(), token: tokenOf(in.m.Token), wake: make(chan struct{}, 1)}
	u.ctx, u.cancel = context.WithCancel(c.ctx)
	u.progress = c.beginTransfer("", false, in.size1(), in.block1.size(), false)
	c.mu.Lock()
	for _, old := range slices.Clone(c.uploads) {
		if old.key == u.key && (old.token == u.token || !c.terms().peerKnown) {
			c.failUpload(old, &BlockError{Offset: old.next, Reason: "started over by the peer"})
		}
	}
	c.uploads = append(c.uploads, u)
	c.mu.Unlock()
	return u
}

func (u *upload) handling() context.Context { return u.ctx }
func (u *upload) tracked() *transfer        { return u.progress }
func (u *upload) start(in *incoming)        { u.c.receiveBlock(in) }
func (u *upload) release()                  { u.cancel() }

func (u *upload) refused() {
	u.c.mu.Lock()
	defer u.c.mu.Unlock()
	u.c.failUpload(u, &BlockError{Reason: "request refused"})
}

// answered forgets the transfer. The handler may still be making the response: its
// context does not end.
func (u *upload) answered() {
	u.c.mu.Lock()
	defer u.c.mu.Unlock()
	u.c.forgetUpload(u, &BlockError{Offset: u.next, Reason: "answered before its end"})
}

// failUpload gives a transfer up: its reader gets err, its handler's context ends.
// c.mu is held.
func (c *Conn) failUpload(u *upload, err error) {
	c.forgetUpload(u, err)
	u.cancel()
}

// forgetUpload wakes who waits for the transfer. c.mu is held.
func (c *Conn) forgetUpload(u *upload, err error) {
	if i := slices.Index(c.uploads, u); i >= 0 {
		c.uploads = slices.Delete(c.uploads, i, i+1)
	}
	if u.err == nil && !u.complete {
		u.err = err
	}
	u.progress.end()
	if in := u.current; in != nil && !u.complete {
		u.current = nil
		if in.takeAnswer() {
			c.seen.forget(in.hash)
		}
	}
	u.signal()
}

func (u *upload) signal() {
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

// findUpload finds the transfer to which a block belongs. c.mu is held.
func (c *Conn) findUpload(key uint64, tok token) *upload {
	var found *upload
	for _, u := range c.uploads {
		if u.key != key {
			continue
		}
		if u.token == tok {
			return u
		}
		if !c.terms().peerKnown {
			found = u
		}
	}
	return found
}

// receiveBlock takes a block of an upload. It runs on the reading goroutine.
func (c *Conn) receiveBlock(in *incoming) {
	c.mu.Lock()
	u := c.findUpload(in.key, tokenOf(in.m.Token))
	if u == nil || in.block1.offset() > u.next || !in.block1.more && in.block1.offset() != u.next {
		c.mu.Unlock()
		in.answer(&Message{Code: RequestEntityIncomplete}) // RFC 7959 §2.9.2
		return
	}
	u.touch()
	end := in.block1.offset() + int64(len(in.m.Payload))
	switch {
	case u.current != nil:
		// The peer did not wait for the answer to the block before.
		c.mu.Unlock()
		in.drop()
	case end <= u.next && in.block1.more:
		c.mu.Unlock()
		in.answer(c.goOn(in)) // taken before; the answer was lost
	case in.block1.offset() != u.next:
		c.mu.Unlock()
		in.answer(&Message{Code: RequestEntityIncomplete})
	case end > c.maxBody.Load():
		in.taken = true
		c.failUpload(u, &BlockError{Offset: u.next, Reason: "body is too large"})
		c.mu.Unlock()
		in.answer(c.tooLarge())
	default:
		in.taken = true
		u.current = in
		answered := u.takeCurrent()
		u.signal()
		c.mu.Unlock()
		if answered {
			in.answer(c.goOn(in))
		} else {
			in.startAckTimer()
		}
	}
}

// touch postpones the end of an idle transfer. c.mu is held.
func (u *upload) touch() {
	u.expires = time.Now().Add(u.c.terms().profile.MaxTransmitWait())
	u.c.sweepBefore(u.expires)
}

// goOn asks for the next block, no larger than this side wants them (RFC 7959
// §2.3).
func (c *Conn) goOn(in *incoming) *Message {
	szx, _ := c.blockSZX(c.terms().largestReceived(), in.m.Options, len(in.m.Token))
	b := in.block1
	b.szx = min(b.szx, szx)
	return &Message{Code: Continue, Options: Options{}.AddUint(Block1, b.value())}
}

// takeCurrent moves the block of the current request to the buffer when there is
// room. It returns true when the request is to be answered with Continue; the last
// one is answered by the handler. c.mu is held.
func (u *upload) takeCurrent() bool {
	in := u.current
	if in == nil || u.complete || u.done || len(u.unread)+len(in.m.Payload) > uploadBuffer {
		return false
	}
	u.unread = append(u.unread, in.m.Payload...)
	u.next += int64(len(in.m.Payload))
	u.progress.advance(u.next)
	if !in.block1.more {
		u.complete = true
		u.progress.end()
		return false
	}
	u.current = nil
	u.touch()
	return true
}

// Read implements io.Reader for the handler.
func (u *upload) Read(p []byte) (int, error) {
	for {
		u.c.mu.Lock()
		if len(u.unread) > 0 {
			n := copy(p, u.unread)
			u.unread = u.unread[n:]
			in := u.current
			goOn := u.takeCurrent()
			u.c.mu.Unlock()
			if goOn {
				in.answer(u.c.goOn(in))
			}
			return n, nil
		}
		err := u.err
		if err == nil && u.complete {
			err = io.EOF
		}
		u.c.mu.Unlock()
		if err != nil {
			return 0, err
		}
		select {
		case <-u.wake:
		case <-u.ctx.Done():
			u.c.mu.Lock()
			if u.err == nil {
				u.err = ErrClosed
			}
			u.c.mu.Unlock()
		}
	}
}

// answerable is called when the handler has returned. It waits for the request
// that gets the response: the current one, or, when the handler did not wait for
// the end of the body, that of the next block. It returns nil when none comes.
func (u *upload) answerable(ctx context.Context) *incoming {
	for {
		u.c.mu.Lock()
		u.done = true
		if !u.complete {
			u.unread = nil
		}
		in := u.current
		u.c.mu.Unlock()
		if in != nil {
			return in
		}
		select {
		case <-u.wake:
		case <-ctx.Done():
			return nil
		}
	}
}
