package dtls

import "sync"

// The handshake library keeps up to 2 MB of fragments for each handshake, and records of keys
// that are still to come. All of that is from strangers, whose addresses may be forged. So
// what is handed to it is bounded: each handshake has ownAllowance bytes, which is many times
// what one with a key needs, every flight repeated; what those with large certificates need
// beyond is bounded for each, and by as much for all together as ownAllowance for MaxHalfOpen.
const (
	ownAllowance  = 16 << 10
	mostAllowance = 256 << 10
)

// allowances is what handshakes have taken beyond their own.
type allowances struct {
	mu     sync.Mutex
	shared int
	most   int
}

// allowance is what one handshake has taken.
type allowance struct {
	of           *allowances // nil for what is no handshake of a stranger
	taken, share int         // guarded by of.mu
	over         bool
}

// take asks for n bytes.
func (a *allowance) take(n int) bool {
	if a.of == nil {
		return true
	}
	a.of.mu.Lock()
	defer a.of.mu.Unlock()
	if a.over { // what comes now is for the session
		return true
	}
	beyond := max(a.taken+n-ownAllowance, 0) - a.share
	if a.taken+n > mostAllowance || beyond > 0 && a.of.shared+beyond > a.of.most {
		return false
	}
	a.taken += n
	a.share += beyond
	a.of.shared += beyond
	return true
}

// end gives back what was taken: the handshake is over.
func (a *allowance) end() {
	if a.of == nil {
		return
	}
	a.of.mu.Lock()
	defer a.of.mu.Unlock()
	a.of.shared -= a.share
	a.share, a.over = 0, true
}
