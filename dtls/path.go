package dtls

import (
	"net"
	"sync"
	"time"
)

// amplification is how many times the bytes that came from an unverified address
// may be sent to it (RFC 9000 §8.1 has the same for the same reason).
const amplification = 3

// Beyond that, one datagram of trickleSize bytes at most goes there each trickleInterval: a
// question whether the peer receives there must not be lost for good, when what was allowed
// is used up and the peer waits in silence.
const (
	trickleSize     = 64
	trickleInterval = 5 * time.Minute
)

// Path is where a session's peer is.
type Path struct {
	// ID changes with each change of the address. It names the path in
	// Conn.PathVerified.
	ID uint32
	// Peer is the address.
	Peer net.Addr
	// Verified tells whether the peer has shown that it receives what is sent
	// there. A newest authentic record from an address (RFC 9146 §6) does not
	// show it: somebody on the way may have sent it on from elsewhere.
	Verified bool
	// Received counts bytes of authentic records from there and Sent those sent
	// there, UDP payload, while the path is not verified.
	Received, Sent int
	// Held counts datagrams that were not sent, because the path was not
	// verified and Sent would have exceeded three times Received.
	Held int
}

// path follows the peer of a session.
type path struct {
	mu sync.Mutex
	// enforce holds datagrams back on an unverified path.
	enforce bool
	now     Path
	// proven is the last address that was verified. A record from there moves
	// the session back for free.
	proven net.Addr
	// trickled is when something was last sent beyond what the peer's own datagrams allow, or
	// the path is new.
	trickled time.Time
}

func newPath(peer net.Addr, enforce bool) *path {
	return &path{enforce: enforce, now: Path{Peer: peer, Verified: true}, proven: peer}
}

// peer returns the present address.
func (p *path) peer() net.Addr {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now.Peer
}

// home returns the last address that was verified.
func (p *path) home() net.Addr {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.proven
}

// snapshot returns the present path.
func (p *path) snapshot() Path {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

// moved notes that the newest record came from an address.
func (p *path) moved(from net.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now.Peer != nil && keyOf(from) == keyOf(p.now.Peer) {
		return
	}
	p.trickled = time.Now()
	p.now = Path{ID: p.now.ID + 1, Peer: from, Verified: p.proven != nil && keyOf(from) == keyOf(p.proven)}
}

// heard counts an authentic record.
func (p *path) heard(from net.Addr, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.now.Verified && keyOf(from) == keyOf(p.now.Peer) {
		p.now.Received += n
	}
}

// send returns where a datagram of n bytes goes; false when it has to be held
// back.
func (p *path) send(n int) (to net.Addr, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.now.Verified {
		if p.enforce && p.now.Sent+n > amplification*p.now.Received && !p.trickle(n) {
			p.now.Held++
			return nil, false
		}
		p.now.Sent += n
	}
	return p.now.Peer, p.now.Peer != nil
}

// trickle reports whether a datagram of n bytes may be sent nevertheless. p.mu is held.
func (p *path) trickle(n int) bool {
	if n > trickleSize || time.Since(p.trickled) < trickleInterval {
		return false
	}
	p.trickled = time.Now()
	return true
}

// verified notes that the peer receives on a path, if that is still the present
// one.
func (p *path) verified(id uint32) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now.ID != id {
		return false
	}
	p.now = Path{ID: id, Peer: p.now.Peer, Verified: true}
	p.proven = p.now.Peer
	return true
}

// PathState returns the ID of the present path, and whether the peer has shown that it
// receives there. If it has not, room is how large a datagram may be that is written now
// without being held back, in bytes. Without Config.CheckPaths every path counts as
// verified.
func (c *Conn) PathState() (id uint32, room int, verified bool) {
	p := c.path
	p.mu.Lock()
	defer p.mu.Unlock()
	room = amplification*p.now.Received - p.now.Sent - c.Overhead()
	return p.now.ID, room, p.now.Verified || !p.enforce
}
