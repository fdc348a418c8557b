package endpoint

import "sync/atomic"

// ownQuota is what each session may remember whatever others do, in bytes.
const ownQuota = 256 << 10

// Quota bounds what several sessions, such as those of one identity, remember together
// of messages that may be repeated (RFC 7252 §4.5), beyond the 256 kB that each
// has for itself. Beyond that bound new requests of theirs are answered 5.03 until older
// ones have expired; what is remembered stays. Its methods may be called concurrently.
type Quota struct {
	limit int64
	used  atomic.Int64
}

// NewQuota makes a Quota of so many bytes of memory.
func NewQuota(bytes int64) *Quota { return &Quota{limit: bytes} }

// Used is how many bytes are taken.
func (q *Quota) Used() int64 { return q.used.Load() }

// share is one session's part of a Quota, or of none.
type share struct {
	quota *Quota
	held  int64
}

func (s *share) take(n int64) {
	if s.quota != nil {
		s.quota.used.Add(max(s.held+n, ownQuota) - max(s.held, ownQuota))
		s.held += n
	}
}

func (s *share) full() bool {
	return s.quota != nil && s.held >= ownQuota && s.quota.used.Load() >= s.quota.limit
}

// release gives all back; nothing is counted afterwards.
func (s *share) release() {
	s.take(-s.held)
	s.quota = nil
}
