package dtls

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"
)

// association is one peer of a listener, from its first ClientHello on. To the
// handshake library it is a socket of its own.
type association struct {
	l      *Listener
	in     *inbox
	id     cid
	random [32]byte // of its ClientHello
	site   addrKey  // the address it shook hands from
	cookie bool     // a cookie was asked for
	cancel context.CancelFunc

	// Guarded by l.mu.
	stage stage
	conn  *Conn

	withCID         atomic.Bool // the client sends our Connection ID
	established     atomic.Bool
	cookied         atomic.Bool // the address was proven by a cookie
	unknownIdentity atomic.Bool
	muted           atomic.Bool // send nothing more
	overhead        atomic.Int32
	claimed         atomic.Pointer[string] // a PSK identity of ours, not yet proven
}

type stage uint8

const (
	handshaking stage = iota
	completed
	gone
)

// ReadFrom implements net.PacketConn.
func (a *association) ReadFrom(p []byte) (int, net.Addr, error) {
	d, err := a.in.get()
	if err != nil {
		return 0, nil, err
	}
	return copy(p, d.data), d.from, nil
}

// WriteTo implements net.PacketConn. The handshake library passes the address of
// the newest authentic record (RFC 9146 §6). An error of the socket is a lost
// datagram: the network may be back for the next one.
func (a *association) WriteTo(p []byte, to net.Addr) (int, error) {
	if a.muted.Load() {
		return len(p), nil
	}
	if !a.established.Load() {
		p = a.inspect(p)
	}
	if _, err := a.l.pc.WriteTo(p, to); err != nil {
		if errors.Is(err, net.ErrClosed) {
			return 0, err
		}
		a.l.stats.sendErrors.Add(1)
	}
	return len(p), nil
}

// inspect watches the flights of a handshake. Only a ClientHello with the right
// cookie is answered by a ServerHello when a cookie was asked for; and the
// library tells an unknown identity as internal_error, which would have the
// client look for the fault in the wrong place (RFC 4279 §2).
func (a *association) inspect(p []byte) []byte {
	if n, _, ok := protection(p); ok {
		a.overhead.Store(int32(n))
	}
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

// settle waits until the handshake library has taken note of a new address. It
// hands out a record's content just before, so that a quick answer would go to
// the old address. The wait is a matter of scheduling; its bound, a millisecond,
// is for the case that it works on a later datagram, which waits for us.
func (a *association) settle(remote func() net.Addr) {
	for range 100 {
		from := a.in.busyWith()
		if from == nil || keyOf(from) == keyOf(remote()) {
			return
		}
		time.Sleep(10 * time.Microsecond)
	}
}

// Close implements net.PacketConn.
func (a *association) Close() error {
	a.cancel()
	a.in.close()
	a.l.forget(a)
	return nil
}

// LocalAddr implements net.PacketConn.
func (a *association) LocalAddr() net.Addr { return a.l.pc.LocalAddr() }

// SetDeadline implements net.PacketConn.
func (a *association) SetDeadline(t time.Time) error { return a.SetReadDeadline(t) }

// SetReadDeadline implements net.PacketConn. The handshake library uses a
// deadline in the past to interrupt a read, and none to allow reads again; it
// keeps those of its own callers itself.
func (a *association) SetReadDeadline(t time.Time) error {
	a.in.interrupt(!t.IsZero())
	return nil
}

// SetWriteDeadline implements net.PacketConn: writes do not block.
func (a *association) SetWriteDeadline(time.Time) error { return nil }
