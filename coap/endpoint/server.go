package endpoint

import (
	"bytes"
	"context"
	"hash/maphash"
	"io"
	"math"
)

// busyMaxAge is how long a client is asked to stay away after 5.03, in seconds
// (RFC 7252 §5.9.3.4).
const busyMaxAge = 5

// busy is the answer to a peer that asks for more than it may have.
func busy() *Message {
	return &Message{Code: ServiceUnavailable, Options: Options{}.AddUint(MaxAge, busyMaxAge)}
}

// serve admits a request, of which the body may be only the first block, and
// starts its handler.
func (c *Conn) serve(in *incoming) {
	size, ok := in.m.Options.GetUint(Size1)
	most := c.maxBody.Load()
	if (in.hasBlock1 || in.hasQBlock1) && ok && int64(size) > most || int64(len(in.m.Payload)) > most {
		in.decline(c.tooLarge())
		return
	}
	c.mu.Lock()
	if c.quiesced {
		c.mu.Unlock()
		in.drop()
		return
	}
	if c.serving >= c.cfg.MaxRequests {
		c.mu.Unlock()
		in.decline(busy())
		return
	}
	c.serving++
	c.mu.Unlock()

	r := &Request{
		Code:        in.m.Code,
		Options:     in.m.Options.withoutOwned(),
		Size:        int64(len(in.m.Payload)),
		Conn:        c,
		Confirmable: in.m.Type == Confirmable,
		Fresh:       c.isFresh(in.m.Options),
		token:       in.m.Token,
		szx:         in.maxSZX(),
		head:        in.m.Payload,
	}
	if r.Code == POST || r.Code == PATCH {
		r.Fingerprint = fingerprintOf(in.data)
	}
	if v, ok := in.m.Options.GetUint(Observe); ok && v <= 1 && (r.Code == GET || r.Code == FETCH) {
		r.Observe = ObserveRegister + ObserveAction(v) // RFC 7641 §2, RFC 8132 §2.4
		r.key = in.transferKey()
	}
	ctx := c.ctx
	u := c.arrivingBody(in)
	if u != nil {
		ctx = u.handling()
		r.Body, r.Size, r.arriving = u, -1, u.tracked()
		if size, ok := in.m.Options.GetUint(Size1); ok {
			r.Size = int64(size)
		}
	} else {
		r.Body = bytes.NewReader(in.m.Payload)
	}
	run := c.cfg.Handler.Admit(r)
	if run == nil {
		if u != nil {
			u.refused()
		}
		c.doneServing()
		in.reject()
		return
	}
	if r.Observe == ObserveDeregister {
		c.removeObserver(tokenOf(r.token))
	}
	if u != nil {
		u.start(in)
	} else {
		in.startAckTimer()
	}
	c.start(func() {
		defer c.doneServing()
		defer c.attend(tokenOf(in.m.Token))()
		resp := run(ctx)
		if resp == nil {
			resp = &Response{Code: InternalServerError}
		}
		release := func() {}
		if u != nil {
			if in = u.answerable(ctx); in == nil {
				closeBody(resp.Body)
				if r.observer != nil {
					r.observer.remove()
				}
				return
			}
			defer u.answered()
			release = u.release
		}
		c.respond(in, r, resp, release)
	})
}

// arrivingBody is a request body of which only the first block has come.
type arrivingBody interface {
	io.Reader
	// handling is the context of the handler.
	handling() context.Context
	// tracked is what Stats tells of it.
	tracked() *transfer
	// start takes the first block.
	start(in *incoming)
	// refused ends the transfer instead of start: there will be no handler.
	refused()
	// answerable is called when the handler has returned. It waits for the request
	// that gets the response, nil if none comes.
	answerable(ctx context.Context) *incoming
	// answered is called when the first block of the response is on its way, and
	// release when nothing of its body is needed any more: the handler's context ends.
	answered()
	release()
}

// arrivingBody returns nil when the body came as a whole.
func (c *Conn) arrivingBody(in *incoming) arrivingBody {
	switch {
	case in.hasQBlock1:
		return c.beganGet(in)
	case in.block1.more:
		return c.newUpload(in)
	}
	return nil
}

func (c *Conn) doneServing() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.serving--; c.serving == 0 && c.quiet != nil {
		close(c.quiet)
		c.quiet = nil
	}
}

// tooLarge refuses a body and says what would be accepted (RFC 7959 §2.9.3).
func (c *Conn) tooLarge() *Message {
	return &Message{
		Code:    RequestEntityTooLarge,
		Options: Options{}.AddUint(Size1, uint32(min(c.maxBody.Load(), 1<<32-1))),
	}
}

// respond sends the response that a handler made. It sees to it that release is
// called when nothing of the body is needed any more.
func (c *Conn) respond(in *incoming, r *Request, resp *Response, release func()) {
	opts := resp.Options.withoutOwned()
	o := r.observer
	if o != nil && resp.Code.Class() == 2 {
		opts = o.sequenced(opts, true)
	}
	in.class = r.class()
	begun := c.beginBody(resp, opts, len(in.m.Token), in.maxSZX())
	c.reach(c.ctx, begun.datagram(opts, len(in.m.Token)), begun.more)
	if begun.more && o == nil && c.terms().peerKnown {
		c.respondInBulk(in, r.Label, resp, opts, begun, release)
		return
	}
	m, d := c.firstBlock(r.Label, resp, opts, begun, in.hasBlock2)
	if d != nil {
		d.key, d.token, d.payload, d.class = in.transferKey(), tokenOf(in.m.Token), in.payloadHash(), in.class
		if o != nil { // the observation keeps its token for itself
			d.key, d.roaming = o.key, true
		}
		d.release = release
		c.addDownload(d)
	} else {
		defer release()
	}
	err := in.deliver(c.ctx, m)
	if o != nil {
		o.firstSent(m.Code, d, err)
	}
	if err != nil {
		c.log.Debug("coap: response not delivered", "err", err)
	}
}

// maxSZX is the largest block that the client wants (RFC 7959 §2.4).
func (in *incoming) maxSZX() uint8 {
	if in.hasBlock2 {
		return in.block2.szx
	}
	return maxSZX
}

// transferKey is the key of the transfers that the request starts.
func (in *incoming) transferKey() uint64 {
	if in.key == 0 {
		in.key = in.c.transferKey(in.m.Code, in.m.Options)
	}
	return in.key
}

// payloadHash stands for the payload of a request in one message, 0 for none.
func (in *incoming) payloadHash() uint64 {
	if len(in.m.Payload) == 0 || in.hasBlock1 || in.hasQBlock1 {
		return 0
	}
	return maphash.Bytes(in.c.seen.seed, in.m.Payload) | 1
}

// begunBody is the body of a response of which the first block was read.
type begunBody struct {
	src   source
	first []byte
	more  bool // bytes follow
	szx   uint8
	err   error
}

// beginBody reads the first block: the whole body if it fits one block of at most the
// size asked for.
func (c *Conn) beginBody(resp *Response, opts Options, tokenLen int, asked uint8) (b begunBody) {
	if resp.Body == nil {
		return b
	}
	szx, _ := c.blockSZX(c.terms().largestSent(), opts, tokenLen)
	b.szx = min(szx, asked)
	b.src = source{r: resp.Body}
	buf := make([]byte, blockBuffer(resp.Size, b.szx))
	n, more, err := b.src.next(buf)
	if more && len(buf) < minBlockSize<<b.szx { // Size was too small
		b.src.unread(buf[:n])
		buf = make([]byte, minBlockSize<<b.szx)
		n, more, err = b.src.next(buf)
	}
	b.first, b.more, b.err = buf[:n], more && err == nil, err
	return b
}

// firstBlock makes the message for a response: whole if all of its body was read,
// else its first block and the download for the rest.
func (c *Conn) firstBlock(label string, resp *Response, opts Options, b begunBody, explicit bool) (*Message, *download) {
	m := &Message{Code: resp.Code, Options: opts, Payload: b.first}
	switch {
	case b.err != nil:
		c.log.Warn("coap: response body failed", "err", b.err)
		closeBody(resp.Body)
		return &Message{Code: InternalServerError}, nil
	case resp.Body == nil:
		return m, nil
	case !b.more:
		closeBody(resp.Body)
		if explicit {
			m.Options = m.Options.AddUint(Block2, block{szx: b.szx}.value())
		}
		return m, nil
	}
	m.Options = withSize2(m.Options.AddUint(Block2, block{more: true, szx: b.szx}.value()), resp.Size)
	d := &download{c: c, code: resp.Code, options: repeatedOptions(opts), body: resp.Body, src: b.src, block: m.Payload, more: true, done: make(chan struct{})}
	d.progress = c.beginTransfer(label, true, resp.Size, block{szx: b.szx}.size(), false)
	if d.random, _ = resp.Body.(io.ReaderAt); d.random != nil {
		d.held = max(resp.Size, 0)
	}
	return m, d
}

// withSize2 tells the size of a body that is known (RFC 7959 §4).
func withSize2(opts Options, size int64) Options {
	if size > 0 && size <= math.MaxUint32 {
		opts = opts.AddUint(Size2, uint32(size))
	}
	return opts
}

// repeatedOptions are the options of a response that each of its blocks carries:
// the ETag ties the blocks together (RFC 7959 §2.4), and some clients take a
// missing Content-Format for another one.
func repeatedOptions(opts Options) Options {
	var r Options
	for _, n := range [...]OptionNumber{ETag, ContentFormat} {
		if v, ok := opts.Get(n); ok {
			r = r.Add(n, v)
		}
	}
	return r
}
