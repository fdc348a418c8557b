package dtls

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// pipe is what the handshake library takes for its socket. It ends with the
// handshake: the library's goroutines go, and the records are ours.
type pipe struct {
	in    *inbox
	out   func(b []byte, to net.Addr) error
	local func() net.Addr
	// inspect, when set, sees each datagram before it leaves and may change it.
	inspect func(b []byte) []byte
	// arrived, when set, sees each datagram that the library gets.
	arrived func(b []byte, from net.Addr)

	muted atomic.Bool // send nothing more
	mu    sync.Mutex
	// last are the datagrams of the final flight, of a server or a client.
	last [][]byte
}

// ReadFrom implements net.PacketConn.
func (p *pipe) ReadFrom(b []byte) (int, net.Addr, error) {
	d, err := p.in.get()
	if err != nil {
		return 0, nil, err
	}
	if p.arrived != nil {
		p.arrived(d.data, d.from)
	}
	return copy(b, d.data), d.from, nil
}

// WriteTo implements net.PacketConn.
func (p *pipe) WriteTo(b []byte, to net.Addr) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.muted.Load() {
		return len(b), nil
	}
	if p.inspect != nil {
		b = p.inspect(b)
	}
	p.note(b)
	if err := p.out(b, to); err != nil {
		return 0, err
	}
	return len(b), nil
}

// note keeps what follows ChangeCipherSpec: its flight ends the handshake. A
// repetition takes the place of what was there.
func (p *pipe) note(b []byte) {
	for rest := b; len(rest) > 0; {
		r, next, ok := nextRecord(rest, noCID)
		switch {
		case !ok || r.epoch > 0:
			if len(p.last) == 1 { // Finished, in a datagram of its own
				p.last = append(p.last, append([]byte(nil), b...))
			}
			return
		case r.typ == typeChangeCipherSpec:
			p.last = [][]byte{append([]byte(nil), r.raw...)}
			b = next
		}
		rest = next
	}
}

// mute keeps the library from sending anything more, and waits for what it is
// sending.
func (p *pipe) mute() {
	p.muted.Store(true)
	p.mu.Lock()
	defer p.mu.Unlock()
}

// Close implements net.PacketConn. The socket below is not the library's.
func (p *pipe) Close() error {
	p.in.detach()
	return nil
}

// LocalAddr implements net.PacketConn.
func (p *pipe) LocalAddr() net.Addr { return p.local() }

// SetDeadline implements net.PacketConn.
func (p *pipe) SetDeadline(t time.Time) error { return p.SetReadDeadline(t) }

// SetReadDeadline implements net.PacketConn.
func (p *pipe) SetReadDeadline(t time.Time) error {
	p.in.setDeadline(t)
	return nil
}

// SetWriteDeadline implements net.PacketConn: writes do not block.
func (p *pipe) SetWriteDeadline(time.Time) error { return nil }
