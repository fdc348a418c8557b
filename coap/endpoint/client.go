package endpoint

import (
	"bytes"
	"context"
	"fmt"
	"io"
)

// Do sends a confirmable request and waits for the response. It fails with
// ErrTimeout when the peer does not acknowledge the request, with *ResetError
// when it rejects it, with ErrClosed when the session ends, with *BlockError when
// a block-wise transfer breaks, and with the error of ctx or of reading the body.
// Once the peer has acknowledged a request, a ping each MAX_TRANSMIT_WAIT looks
// whether it lives, and Request.Patience and ctx bound the wait for its response.
//
// The body of the response is never nil. It is read from the peer block by block
// under the same ctx; the exchange ends when it was read to its end or closed. A GET,
// or a FETCH with a payload of up to 1024 bytes, whose body failed with ErrTimeout, made
// again on the same session within MAX_TRANSMIT_WAIT, goes on where that stopped if the
// peer is one of this package; and so does a request whose body failed with ErrTimeout
// before its last block was sent.
//
// A request that the peer wants to see again with Echo (RFC 9175) is made again, if it
// has no body or one that is an io.Seeker; else Do fails with ErrChallenged.
func (c *Conn) Do(ctx context.Context, r *Request) (*Response, error) {
	return answerChallenges(r, func(r *Request) (*Response, error) { return c.do(ctx, r) })
}

// do is Do but for Echo.
func (c *Conn) do(ctx context.Context, r *Request) (*Response, error) {
	opts := r.Options.withoutOwned()
	r, key, err := c.resumable(r, opts)
	if err != nil {
		return nil, err
	}
	if resp, err := c.resume(ctx, key); resp != nil || err != nil {
		return resp, err
	}
	x, err := c.begin(r.class())
	if err != nil {
		return nil, err
	}
	x.patience, x.resumes = r.Patience, key
	if r.Body != nil && !c.terms().peerKnown {
		opts = x.claim(r.Code, opts)
	}
	m, err := x.send(ctx, r, opts)
	if err != nil {
		if !c.parkPut(x, err) {
			x.end()
		}
		return nil, err
	}
	return c.response(ctx, x, x.class, r.Label, r.Code, opts, m)
}

// send sends a request with its body and returns the response, of which the
// payload may be only the first block.
func (x *exchange) send(ctx context.Context, r *Request, opts Options) (Message, error) {
	x.arrived, x.label = r.Arrived, r.Label
	var answer reply
	answer.m, answer.err = x.sendBody(ctx, r, opts)
	x.hasArrived(answer.fromPeer())
	x.arrived, x.whole = nil, false
	return answer.m, answer.err
}

func (x *exchange) sendBody(ctx context.Context, r *Request, opts Options) (Message, error) {
	c := x.c
	szx, fits := c.blockSZX(c.terms().largestSent(), opts, int(x.token.n))
	room := c.terms().largestSent() - c.terms().overhead - headerLen - int(x.token.n)
	if !fits && (r.Body != nil || opts.EncodedSize() > room) {
		return Message{}, ErrTooLarge
	}
	first := Message{Code: r.Code, Options: opts}
	if wanted, _ := c.blockSZX(c.terms().largestReceived(), nil, int(x.token.n)); wanted < szxFor(maxBlockSize) {
		// Ask for smaller blocks before the first one comes (RFC 7959 §2.4).
		first.Options = opts.clone().AddUint(Block2, block{szx: wanted}.value())
	}
	if r.Body == nil {
		x.whole = true
		return x.request(ctx, &first)
	}
	return x.upload(ctx, r, first, szx)
}

// upload sends a body, in one message if it fits (RFC 7959 §2.5).
func (x *exchange) upload(ctx context.Context, r *Request, first Message, szx uint8) (Message, error) {
	src := source{r: r.Body}
	buf := make([]byte, blockBuffer(r.Size, szx))
	n, more, err := src.next(buf)
	if more && len(buf) < minBlockSize<<szx { // Size was too small
		src.unread(buf[:n])
		buf = make([]byte, minBlockSize<<szx)
		n, more, err = src.next(buf)
	}
	if err != nil {
		return Message{}, err
	}
	if !more {
		first.Payload, x.whole = buf[:n], true
		return x.request(ctx, &first)
	}
	if x.c.terms().peerKnown {
		return x.uploadInBulk(ctx, r, first, szx, &src, buf[:n])
	}
	progress := x.c.beginTransfer(r.Label, true, r.Size, minBlockSize<<szx, false)
	defer progress.end()
	var offset int64
	for {
		b, ok := blockAt(offset, szx, more)
		if !ok {
			return Message{}, &BlockError{Offset: offset, Reason: "body has too many blocks of this size"}
		}
		m := Message{Code: first.Code, Options: first.Options.clone().AddUint(Block1, b.value()), Payload: buf[:n]}
		if more {
			m.Options = m.Options.Remove(Block2)
		}
		if offset == 0 && r.Size > 0 {
			m.Options = m.Options.AddUint(Size1, uint32(r.Size)) // RFC 7959 §4
		}
		rm, err := x.request(ctx, &m)
		if err != nil {
			return Message{}, err
		}
		echo, present, legal := blockOption(rm.Options, Block1)
		switch {
		case rm.Code == RequestEntityTooLarge && offset == 0 && present && legal && echo.szx < szx:
			// The server wants smaller blocks: start over (RFC 7959 §2.9.3).
			szx = echo.szx
			src.unread(buf[:n])
		case rm.Code != Continue:
			return rm, nil
		case !more || !present || !legal || echo.num != b.num:
			return Message{}, &BlockError{Offset: offset, Code: rm.Code, Reason: "answer does not match the block sent"}
		default:
			offset += int64(n)
			progress.advance(offset)
			szx = min(szx, echo.szx) // RFC 7959 §2.3
		}
		buf = buf[:minBlockSize<<szx]
		if n, more, err = src.next(buf); err != nil {
			return Message{}, err
		}
	}
}

// blockBuffer is the size of the buffer for a first block: no larger than the
// body when that is known.
func blockBuffer(bodySize int64, szx uint8) int64 {
	size := int64(minBlockSize) << szx
	if bodySize > 0 && bodySize < size {
		return bodySize
	}
	return size
}

// response makes the Response of a first message. Further blocks are fetched on
// exchange x, or, if that is nil, on one of their own of class cl; x has ended if there are
// none.
func (c *Conn) response(ctx context.Context, x *exchange, cl class, label string, code Code, opts Options, m Message) (*Response, error) {
	switch isBulk := m.Options.Has(QBlock2); {
	case isBulk && x == nil: // the token is that of an observation
		return nil, &BlockError{Code: m.Code, Reason: "notification in Q-Block2 blocks"}
	case isBulk:
		return c.bulkResponse(ctx, x, code, x.resumes, m)
	}
	r := &Response{Code: m.Code, Options: m.Options.withoutOwned(), Size: int64(len(m.Payload)), Observed: m.Options.Has(Observe)}
	b, present, legal := blockOption(m.Options, Block2)
	if !legal || present && b.num != 0 || b.more && len(m.Payload) != b.size() {
		x.end()
		return nil, &BlockError{Code: m.Code, Reason: "malformed first block"}
	}
	if !b.more {
		x.end()
		r.Body = bytes.NewReader(m.Payload)
		return r, nil
	}
	if x == nil {
		var err error
		if x, err = c.begin(cl); err != nil {
			return nil, err
		}
	}
	r.Size = -1
	if size, ok := m.Options.GetUint(Size2); ok {
		r.Size = int64(size)
	}
	etag, _ := m.Options.Get(ETag)
	d := &clientDownload{
		ctx: ctx, x: x, code: code, opts: opts,
		unread: m.Payload, offset: int64(len(m.Payload)), szx: b.szx, more: true,
		responseCode: m.Code, etag: etag, progress: c.beginTransfer(label, false, r.Size, b.size(), false),
	}
	d.progress.advance(d.offset)
	r.Body = d
	return r, nil
}

// clientDownload is the body of a response that arrives in blocks (RFC 7959
// §2.4). Reading it fetches the next block.
type clientDownload struct {
	ctx  context.Context
	x    *exchange
	code Code
	opts Options

	unread []byte
	offset int64 // of the block after unread
	szx    uint8
	more   bool
	err    error

	responseCode Code
	etag         []byte
	progress     *transfer
}

// Read implements io.Reader.
func (d *clientDownload) Read(p []byte) (int, error) {
	for len(d.unread) == 0 {
		if d.err != nil {
			return 0, d.err
		}
		if !d.more {
			d.finish(io.EOF)
		} else if err := d.fetch(); err != nil {
			d.finish(err)
		}
	}
	n := copy(p, d.unread)
	d.unread = d.unread[n:]
	return n, nil
}

// Close ends the transfer.
func (d *clientDownload) Close() error {
	if d.err == nil {
		d.unread = nil
		d.finish(io.ErrClosedPipe)
	}
	return nil
}

func (d *clientDownload) finish(err error) {
	d.err = err
	d.progress.end()
	d.x.end()
}

// fetch gets the next block.
func (d *clientDownload) fetch() error {
	b, ok := blockAt(d.offset, d.szx, false)
	if !ok {
		return &BlockError{Offset: d.offset, Reason: "body has too many blocks of this size"}
	}
	m, err := d.x.request(d.ctx, &Message{Code: d.code, Options: d.opts.clone().AddUint(Block2, b.value())})
	if err != nil {
		return err
	}
	return d.take(&m)
}

// take checks that a block continues the body: the same representation (RFC 7959
// §2.4), the right place, and whole unless it is the last.
func (d *clientDownload) take(m *Message) error {
	if m.Code != d.responseCode {
		return &BlockError{Offset: d.offset, Code: m.Code, Reason: "server ended the transfer"}
	}
	if etag, _ := m.Options.Get(ETag); !bytes.Equal(etag, d.etag) {
		return &BlockError{Offset: d.offset, Reason: "the resource changed during the transfer"}
	}
	b, present, legal := blockOption(m.Options, Block2)
	if !present || !legal || b.offset() != d.offset || b.more && len(m.Payload) != b.size() {
		return &BlockError{Offset: d.offset, Reason: "block does not continue the body"}
	}
	d.offset += int64(len(m.Payload))
	d.progress.advance(d.offset)
	if d.offset > d.x.c.maxBody.Load() {
		return &BlockError{Offset: d.offset, Reason: fmt.Sprintf("body is larger than %d bytes", d.x.c.maxBody.Load())}
	}
	d.unread, d.szx, d.more = m.Payload, min(d.szx, b.szx), b.more
	return nil
}
