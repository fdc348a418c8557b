package dialer

import "sync"

// Slot has one session at a time be the one that a store keeps under a name. The zero
// value is free.
type Slot struct {
	mu    sync.Mutex
	taken bool
}

// Claim tells whether a new session may use the store. release must be called when that
// session has ended, or has not come to be.
func (s *Slot) Claim() (release func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken {
		return func() {}, false
	}
	s.taken = true
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.taken = false
	}), true
}
