package endpoint

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/coapgw/coapgw/coap/trace"
)

// busyMaxAge is how long a client is asked to stay away after 5.03, in seconds
// (RFC 7252 §5.9.3.4).
const busyMaxAge = 5

// receive handles one datagram, on the reading goroutine.
func (c *Conn) receive(datagram []byte) {
	c.record(trace.Received, datagram)
	data := bytes.Clone(datagram)
	m, err := ParseMessage(data)
	if err != nil {
		c.refuse(data, &m, err)
		return
	}
	c.mu.Lock()
	c.received++
	c.mu.Unlock()
	switch {
	case m.Type == Acknowledgement || m.Type == Reset:
		c.receiveAck(&m)
	case m.Code == Empty:
		c.reject(m.MessageID) // a ping (RFC 7252 §4.3)
	case m.Code.IsRequest():
		c.receiveRequest(&m, data)
	default:
		c.receiveResponse(&m, data)
	}
}

// refuse handles a malformed datagram: a confirmable message is rejected, all
// else is ignored (RFC 7252 §4.2, §4.3).
func (c *Conn) refuse(data []byte, m *Message, err error) {
	c.record(trace.Malformed, data)
	c.log.Debug("coap: malformed message", "err", err)
	if m.Type == Confirmable && err != errVersion {
		c.reject(m.MessageID)
	}
}

// reject sends a Reset (RFC 7252 §4.2).
func (c *Conn) reject(mid uint16) {
	data, _ := AppendMessage(nil, &Message{Type: Reset, MessageID: mid})
	c.write(trace.Sent, data)
}

// repeat answers a duplicate with what its original was answered, if anything.
func (c *Conn) repeat(data, answer []byte) {
	c.record(trace.Duplicate, data)
	if answer != nil {
		c.write(trace.Sent, answer)
	}
}

// receiveRequest handles a request, on the reading goroutine.
func (c *Conn) receiveRequest(m *Message, data []byte) {
	h := c.seen.hash(data)
	now := time.Now()
	c.mu.Lock()
	if old, ok := c.seen.find(h, now); ok {
		answer := old.reply
		c.mu.Unlock()
		c.repeat(data, answer)
		return
	}
	in := &incoming{c: c, m: *m, hash: h}
	c.seen.supersede(tokenOf(m.Token))
	if c.seen.full() || c.closed() {
		c.mu.Unlock()
		in.answer(busy())
		return
	}
	lifetime := c.lifetime
	if m.Type == NonConfirmable {
		lifetime = c.cfg.Profile.NonLifetime()
	}
	in.mark = c.seen.add(h, tokenOf(m.Token), now.Add(lifetime), false)
	c.sweepBefore(now.Add(lifetime))
	c.mu.Unlock()

	opts, bad, ok := c.cfg.check(m.Options)
	in.m.Options = opts
	switch {
	case !ok && m.Type == NonConfirmable:
		c.log.Debug("coap: critical option not understood", "option", bad) // ignored: RFC 7252 §5.4.1
	case !ok && (bad == ProxyURI || bad == ProxyScheme):
		in.answer(&Message{Code: ProxyingNotSupported}) // RFC 7252 §5.10.2
	case !ok:
		in.answer(&Message{Code: BadOption, Payload: fmt.Appendf(nil, "option %d", bad)})
	case m.Code > IPATCH:
		in.answer(&Message{Code: MethodNotAllowed}) // RFC 7252 §5.8
	case c.cfg.Handler == nil:
		in.answer(&Message{Code: NotImplemented})
	default:
		c.serve(in)
	}
}

// busy is the answer to a peer that asks for more than it may have.
func busy() *Message {
	return &Message{Code: ServiceUnavailable, Options: Options{}.AddUint(MaxAge, busyMaxAge)}
}

// serve admits a request and starts its handler.
func (c *Conn) serve(in *incoming) {
	c.mu.Lock()
	if c.serving >= c.cfg.MaxRequests {
		c.mu.Unlock()
		in.answer(busy())
		return
	}
	c.serving++
	c.mu.Unlock()
	r := &Request{
		Code:        in.m.Code,
		Options:     in.m.Options.withoutOwned(),
		Body:        bytes.NewReader(in.m.Payload),
		Size:        int64(len(in.m.Payload)),
		Conn:        c,
		Confirmable: in.m.Type == Confirmable,
	}
	run := c.cfg.Handler.Admit(r)
	if run == nil {
		c.doneServing()
		in.reject()
		return
	}
	in.startAckTimer()
	c.wg.Go(func() {
		defer c.doneServing()
		resp := run(c.ctx)
		if resp == nil {
			resp = &Response{Code: InternalServerError}
		}
		in.respond(resp)
	})
}

func (c *Conn) doneServing() {
	c.mu.Lock()
	c.serving--
	c.mu.Unlock()
}

// incoming is our side of an exchange that the peer started.
type incoming struct {
	c    *Conn
	m    Message // the request
	hash uint64
	mark *mark // nil when there was no room for one

	// Guarded by c.mu:
	acknowledged bool // by an empty acknowledgement
	timer        *time.Timer
}

// startAckTimer has the request acknowledged on its own when the response takes
// long (RFC 7252 §5.2.2).
func (in *incoming) startAckTimer() {
	if in.m.Type != Confirmable {
		return
	}
	in.c.mu.Lock()
	defer in.c.mu.Unlock()
	in.timer = time.AfterFunc(in.c.ackDelay, in.acknowledge)
}

func (in *incoming) acknowledge() {
	c := in.c
	c.mu.Lock()
	if in.timer == nil || c.closed() {
		c.mu.Unlock()
		return
	}
	in.timer, in.acknowledged = nil, true
	data, _ := AppendMessage(nil, &Message{Type: Acknowledgement, MessageID: in.m.MessageID})
	c.seen.setReply(in.mark, data)
	c.mu.Unlock()
	c.write(trace.Sent, data)
}

// reject answers the request with a Reset and ignores one that needs no answer.
func (in *incoming) reject() {
	if in.m.Type != Confirmable {
		return
	}
	data, _ := AppendMessage(nil, &Message{Type: Reset, MessageID: in.m.MessageID})
	in.c.mu.Lock()
	in.c.seen.answered(in.mark, data)
	in.c.mu.Unlock()
	in.c.write(trace.Sent, data)
}

// respond sends what the handler made.
func (in *incoming) respond(r *Response) {
	m := &Message{Code: r.Code, Options: r.Options.withoutOwned()}
	if r.Body != nil {
		m.Payload, _ = io.ReadAll(r.Body)
		if cl, ok := r.Body.(io.Closer); ok {
			cl.Close()
		}
	}
	if err := in.deliver(in.c.ctx, m); err != nil {
		in.c.log.Debug("coap: response not delivered", "err", err)
	}
}

// answer sends a response at once if it can, from the reading goroutine: it never
// waits.
func (in *incoming) answer(m *Message) {
	c := in.c
	c.mu.Lock()
	m.Token = in.m.Token
	m.Type, m.MessageID = Acknowledgement, in.m.MessageID
	if in.m.Type == NonConfirmable {
		mid, wait := c.mids.take(time.Now(), c.lifetime)
		if wait > 0 {
			c.mu.Unlock()
			return
		}
		m.Type, m.MessageID = NonConfirmable, mid
	}
	c.finish(in, m)
}

// deliver sends a response and, when it travels in a confirmable message, waits
// until the peer has it.
func (in *incoming) deliver(ctx context.Context, m *Message) error {
	c := in.c
	m.Token = in.m.Token
	if in.m.Type == NonConfirmable {
		// A response to a NON request is NON as well (RFC 7252 §5.2.3).
		if err := c.lockWithID(ctx, &m.MessageID); err != nil {
			return err
		}
		m.Type = NonConfirmable
		return c.finish(in, m)
	}
	c.mu.Lock()
	if !in.acknowledged {
		if in.timer != nil {
			in.timer.Stop()
			in.timer = nil
		}
		m.Type, m.MessageID = Acknowledgement, in.m.MessageID
		return c.finish(in, m)
	}
	c.mu.Unlock()
	m.Type = Confirmable
	err := c.confirm(ctx, m)
	if err == nil {
		// The peer has the response and repeats the request no more.
		c.mu.Lock()
		c.seen.setReply(in.mark, nil)
		c.mu.Unlock()
	}
	return err
}

// finish sends the response in a message that is not confirmed. c.mu is held and
// is released.
func (c *Conn) finish(in *incoming, m *Message) error {
	data, err := AppendMessage(nil, m)
	if err == nil && in.mark != nil && m.Type == Acknowledgement {
		c.seen.answered(in.mark, data)
	}
	c.mu.Unlock()
	if err == nil {
		c.write(trace.Sent, data)
	}
	return err
}
