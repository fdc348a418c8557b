package endpoint

import (
	"fmt"
	"time"
)

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
	taken        bool // by the upload of which it carries a block
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
	if answer, ok := c.seen.find(in.hash, now); ok {
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

// size1 is how long the body is by the peer's word (RFC 7959 §4), -1 for unknown.
func (in *incoming) size1() int64 {
	if size, ok := in.m.Options.GetUint(Size1); ok {
		return int64(size)
	}
	return -1
}
