package endpoint

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/coapgw/coapgw/coap/trace"
)

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
	now := time.Now()
	silent := c.heard
	c.heard = now
	c.estimator.heard(now, len(data))
	c.busy(len(data), false)
	c.mu.Unlock()
	defer c.revive(silent)
	defer c.look()
	switch {
	case m.Type == Acknowledgement || m.Type == Reset:
		c.receiveAck(&m, len(data))
	case m.Code == Empty:
		c.reject(m.MessageID) // a ping (RFC 7252 §4.3)
	case m.isInquiry():
		c.receiveInquiry(&m)
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
	c.write(trace.Sent, emptyMessage(Reset, mid))
}

// repeat answers a duplicate with what its original was answered, if anything.
func (c *Conn) repeat(data, answer []byte) {
	c.record(trace.Duplicate, data)
	if answer != nil {
		c.write(trace.Sent, answer)
	}
}

// emptyMessage encodes a message without code, token and content.
func emptyMessage(t Type, mid uint16) []byte {
	return []byte{version<<6 | byte(t)<<4, byte(Empty), byte(mid >> 8), byte(mid)}
}

// incoming is our side of an exchange that the peer started.
type incoming struct {
	c    *Conn
	m    Message // the request, options checked
	data []byte  // as it arrived
	hash uint64
	mark *mark  // nil when there was no room for one
	key  uint64 // of the block-wise transfer that it belongs to or starts
	// class is that of the answer. It is set before, by who makes it.
	class class

	block1, block2       block
	hasBlock1, hasBlock2 bool
	reports              bool  // on a response in Q-Block2 blocks
	qBlock1              block // of a body in Q-Block1 blocks
	hasQBlock1           bool

	// Guarded by c.mu:
	acknowledged bool // by an empty acknowledgement
	answered     bool
	timer        *time.Timer
}

// receiveRequest handles a request, on the reading goroutine.
func (c *Conn) receiveRequest(m *Message, data []byte) {
	in := &incoming{c: c, m: *m, data: data, hash: c.seen.hash(data)}
	if in.harmless() {
		switch {
		case in.examine() != nil: // ignored
		case in.reports:
			c.mu.Lock()
			c.seen.supersede(tokenOf(m.Token)) // of the first block
			c.mu.Unlock()
			c.receiveReport(in)
		default:
			c.receivePut(in)
		}
		return
	}
	now := time.Now()
	c.mu.Lock()
	if old, ok := c.seen.find(in.hash, now); ok {
		answer := old.reply
		c.mu.Unlock()
		c.repeat(data, answer)
		return
	}
	problem := in.examine()
	// The response to a body in blocks is a message of its own, confirmable, unless a
	// confirmable block can carry it.
	in.acknowledged = in.hasQBlock1 && m.Type == NonConfirmable
	transient := problem == nil && (in.continuesUpload() || in.continuesDownload())
	if !in.hasQBlock1 || !c.gathers(tokenOf(m.Token)) {
		c.seen.supersede(tokenOf(m.Token))
	}
	if !in.reports && !in.continuesPut() {
		// The peer uses the token for something else.
		c.dropBulk(tokenOf(m.Token))
		c.dropGet(tokenOf(m.Token), in.hasQBlock1)
	}
	if !transient && c.seen.full() {
		problem = busy()
	} else {
		lifetime := c.terms().lifetime
		if m.Type == NonConfirmable {
			lifetime = c.terms().profile.NonLifetime()
		}
		expires := now.Add(lifetime)
		in.mark = c.seen.add(in.hash, tokenOf(m.Token), expires, transient)
		c.sweepBefore(expires)
	}
	c.mu.Unlock()

	switch {
	case problem != nil && problem.Code == BadOption && m.Type == NonConfirmable:
		// Ignored (RFC 7252 §5.4.1).
	case problem != nil:
		in.decline(problem)
	case in.reports:
		c.receiveReport(in)
	case in.continuesPut():
		c.receivePut(in)
	case in.continuesUpload():
		c.receiveBlock(in)
	case in.continuesDownload():
		c.serveBlock(in)
	default:
		c.serve(in)
	}
}

// continuesUpload reports whether the request carries a block behind the first.
func (in *incoming) continuesUpload() bool { return in.hasBlock1 && in.block1.num > 0 }

// continuesPut is continuesUpload by Q-Block1.
func (in *incoming) continuesPut() bool { return in.hasQBlock1 && in.qBlock1.num > 0 }

// harmless reports whether the request may be repeated without a trace of it being
// kept: a report, or a block that its transfer recognises.
func (in *incoming) harmless() bool {
	if in.m.Type != NonConfirmable {
		return false
	}
	b, present, _ := blockOption(in.m.Options, QBlock1)
	return in.m.Options.Has(QBlock2) || present && b.num > 0
}

// continuesDownload reports whether the request asks for a block behind the first.
func (in *incoming) continuesDownload() bool { return in.hasBlock2 && in.block2.num > 0 }

// examine checks the request and returns what it must be answered if it cannot
// be served.
func (in *incoming) examine() *Message {
	c := in.c
	opts, bad, ok := c.cfg.check(in.m.Options)
	if !ok && (bad == ProxyURI || bad == ProxyScheme) {
		return &Message{Code: ProxyingNotSupported} // RFC 7252 §5.10.2
	}
	if !ok {
		return &Message{Code: BadOption, Payload: fmt.Appendf(nil, "option %d", bad)}
	}
	in.m.Options = opts
	var legal1, legal2, legalQ1 bool
	in.reports = opts.Has(QBlock2)
	in.qBlock1, in.hasQBlock1, legalQ1 = blockOption(opts, QBlock1)
	if (in.reports || in.hasQBlock1) && !c.terms().peerKnown {
		return &Message{Code: BadOption, Payload: []byte("RFC 9177")}
	}
	in.block1, in.hasBlock1, legal1 = blockOption(opts, Block1)
	in.block2, in.hasBlock2, legal2 = blockOption(opts, Block2)
	if in.hasBlock1 || in.hasBlock2 {
		in.key = c.transferKey(in.m.Code, opts)
	}
	switch {
	case !legal1 || !legal2 || !legalQ1, in.hasQBlock1 && (in.reports || in.hasBlock1), in.block1.more && len(in.m.Payload) != in.block1.size(),
		in.hasBlock1 && len(in.m.Payload) > in.block1.size():
		return &Message{Code: BadRequest} // RFC 7959 §2.2, §2.3
	case in.m.Code > IPATCH:
		return &Message{Code: MethodNotAllowed} // RFC 7252 §5.8
	case c.cfg.Handler == nil:
		return &Message{Code: NotImplemented}
	}
	return nil
}

// startAckTimer has the request acknowledged on its own when the response takes
// long (RFC 7252 §5.2.2).
func (in *incoming) startAckTimer() {
	c := in.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if in.m.Type == Confirmable && in.timer == nil && !in.acknowledged && !in.answered {
		in.timer = time.AfterFunc(c.terms().ackDelay, in.acknowledge)
	}
}

// acknowledge runs when the timer fires.
func (in *incoming) acknowledge() {
	c := in.c
	c.mu.Lock()
	if in.answered || c.closed() {
		c.mu.Unlock()
		return
	}
	in.acknowledged = true
	data := emptyMessage(Acknowledgement, in.m.MessageID)
	c.seen.setReply(in.mark, data)
	c.mu.Unlock()
	c.write(trace.Sent, data)
}

// takeAnswer claims the right to answer, for there is one answer only; it returns
// false when that was given. c.mu is held.
func (in *incoming) takeAnswer() bool {
	if in.answered {
		return false
	}
	in.answered = true
	if in.timer != nil {
		in.timer.Stop()
	}
	return true
}

// drop gives up a request without an answer: the peer will repeat it.
func (in *incoming) drop() {
	c := in.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if in.takeAnswer() {
		c.seen.remove(in.hash, in.mark)
	}
}

// reject answers a request with a Reset.
func (in *incoming) reject() {
	c := in.c
	c.mu.Lock()
	if !in.takeAnswer() || in.m.Type != Confirmable {
		c.mu.Unlock()
		return
	}
	data := emptyMessage(Reset, in.m.MessageID)
	c.seen.answered(in.mark, data)
	c.mu.Unlock()
	c.write(trace.Sent, data)
}

// decline answers a request that nothing came of. The first block of a body in NON
// messages is looked at anew when it is repeated, for this answer may be lost.
func (in *incoming) decline(m *Message) {
	if c := in.c; in.hasQBlock1 && in.m.Type == NonConfirmable && in.mark != nil {
		c.mu.Lock()
		in.acknowledged = false
		c.seen.remove(in.hash, in.mark)
		in.mark = nil
		c.mu.Unlock()
	}
	in.answer(m)
}

// piggyback sends a response in the acknowledgement, if there was none yet.
func (in *incoming) piggyback(m *Message) bool {
	in.c.mu.Lock()
	late := in.answered || in.acknowledged
	in.c.mu.Unlock()
	if !late {
		in.answer(m)
	}
	return !late
}

// answer sends a response. It never waits: where the response must be confirmed,
// another goroutine does.
func (in *incoming) answer(m *Message) {
	if in.needsConfirmation() {
		in.c.wg.Go(func() { in.deliver(in.c.ctx, m) })
		return
	}
	in.deliver(in.c.ctx, m)
}

func (in *incoming) needsConfirmation() bool {
	in.c.mu.Lock()
	defer in.c.mu.Unlock()
	return in.acknowledged
}

// deliver sends a response: in the acknowledgement if there was none yet, else in
// a confirmable message, and then it waits until the peer has it (RFC 7252
// §5.2.2). A NON request is answered with a NON response (§5.2.3). It reports
// whether the response was sent and, where that can be known, received.
func (in *incoming) deliver(ctx context.Context, m *Message) error {
	c := in.c
	m.Token = in.m.Token
	if in.hasBlock1 && !m.Options.Has(Block1) {
		b := in.block1
		b.more = m.Code == Continue
		m.Options = m.Options.clone().AddUint(Block1, b.value()) // RFC 7959 §2.3
	}
	// The request that completes a body: repeated, it would not find its transfer.
	completes := m.Code != Continue && in.continuesUpload()
	c.mu.Lock()
	if !in.takeAnswer() {
		c.mu.Unlock()
		return nil
	}
	if completes {
		c.seen.keep(in.hash)
	}
	if in.acknowledged {
		c.mu.Unlock()
		m.Type = Confirmable
		err := c.confirm(ctx, m, in.class)
		// The peer repeats the request no more: it has the response, or gave up.
		c.mu.Lock()
		defer c.mu.Unlock()
		c.seen.setReply(in.mark, nil)
		c.seen.forget(in.hash)
		return err
	}
	m.Type, m.MessageID = Acknowledgement, in.m.MessageID
	if in.m.Type == NonConfirmable {
		mid, wait := c.mids.take(time.Now(), c.terms().lifetime)
		if wait > 0 { // no message ID is free: the response is lost
			c.mu.Unlock()
			return nil
		}
		m.Type, m.MessageID = NonConfirmable, mid
	}
	data, err := AppendMessage(nil, m)
	if err != nil {
		m.Code, m.Options, m.Payload = InternalServerError, nil, nil
		data, _ = AppendMessage(nil, m)
	}
	if in.mark != nil && m.Type == Acknowledgement {
		c.seen.answered(in.mark, data)
	}
	c.seen.forget(in.hash)
	c.mu.Unlock()
	c.send(&packet{kind: trace.Sent, class: in.class, data: data})
	return err
}
