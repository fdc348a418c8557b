package dtls

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
)

// association is one peer of a listener, from its first ClientHello, or from a
// stored session's first record, on.
type association struct {
	inlet
	l      *Listener
	id     cid
	random [32]byte // of its ClientHello
	site   addrKey  // the address it shook hands from
	cookie bool     // a cookie was asked for
	cancel context.CancelFunc

	// Guarded by l.mu.
	stage   stage
	session *Conn
	shaking *pipe // nil for a session from the store

	cookied         atomic.Bool // the address was proven by a cookie
	unknownIdentity atomic.Bool
	claimed         atomic.Pointer[claim]
	// finals is how often the client's final flight came; only watch needs it.
	finals int
}

// claim is a PSK identity of ours that a client says is its own, and which key
// proves it.
type claim struct {
	identity string
	keyCheck []byte
}

type stage uint8

const (
	handshaking stage = iota
	completed
	gone
)

func (l *Listener) newAssociation(id cid) *association {
	a := &association{l: l, id: id, cancel: func() {}}
	a.early = newInbox()
	return a
}

// inspect watches the flights of a handshake. Only a ClientHello with the right
// cookie is answered by a ServerHello when a cookie was asked for; and the
// library tells an unknown identity as internal_error, which would have the
// client look for the fault in the wrong place (RFC 4279 §2).
func (a *association) inspect(p []byte) []byte {
	r, _, ok := nextRecord(p, noCID)
	if !ok || r.epoch != 0 {
		return p
	}
	switch {
	case r.typ == typeHandshake && len(r.body) > 0 && r.body[0] == msgServerHello:
		a.cookied.Store(a.cookie)
	case r.typ == typeAlert && len(r.body) == alertSize && a.unknownIdentity.Load():
		p = append([]byte(nil), p...)
		p[recordHeader+1] = alertUnknownIdentity
	}
	return p
}

// fruitless is how often the client's final flight comes before it is worth a word that the
// handshake does not complete: more often than a lossy link explains, and long before a slow
// one's HandshakeTimeout is over.
const fruitless = 3

// watch sees what comes in a handshake. A client whose key is another one than ours repeats
// its final flight, for we cannot read its Finished and do not answer it.
func (a *association) watch(p []byte, from net.Addr) {
	for len(p) > 0 {
		r, rest, ok := nextRecord(p, noCID)
		if !ok {
			return
		}
		p = rest
		if r.typ != typeChangeCipherSpec {
			continue
		}
		if a.finals++; a.finals == fruitless {
			if c := a.claimed.Load(); c != nil && a.l.warns() {
				a.l.cfg.log().Warn("dtls: a handshake does not complete, the keys may differ", "peer", from, "identity", c.identity)
			}
		}
	}
}

// send implements below. An error of the socket is a lost datagram: the network
// may be back for the next one.
func (a *association) send(b []byte, to net.Addr) error {
	if _, err := a.l.pc.WriteTo(b, to); err != nil {
		if errors.Is(err, net.ErrClosed) {
			return net.ErrClosed
		}
		a.l.stats.sendErrors.Add(1)
	}
	return nil
}

// sendFlight is send for the handshake.
func (a *association) sendFlight(b []byte, to net.Addr) error {
	a.l.cfg.outgoing().count(b)
	return a.send(b, to)
}

// localAddr implements below.
func (a *association) localAddr() net.Addr { return a.l.pc.LocalAddr() }

// gone implements below.
func (a *association) gone(stored bool) { a.l.forget(a, stored) }

// wait implements below: no goroutine is a session's own.
func (a *association) wait() {}

// setPeer implements below.
func (a *association) setPeer(net.Addr) {}

// background implements below. The goroutine that reads the socket is one of
// those that Close waits for.
func (a *association) background(f func()) { a.l.work.Go(f) }

// overflowed implements below.
func (a *association) overflowed() { a.l.stats.overflow.Add(1) }

// warn implements below.
func (a *association) warn(message string, args ...any) { a.l.cfg.log().Warn(message, args...) }
