package dtls

import (
	"slices"
	"strings"
	"sync"
)

// Store keeps sessions beyond the life of the process: a small durable map. Its
// methods are called concurrently. Values hold keys of sessions, so a store that
// writes to a disk encrypts them, and a copy of it must never be put back: old
// counters would use nonces twice. One process at a time may have it open.
//
// All keys of this package begin with "dtls/".
type Store interface {
	// Load returns the value of a key, nil when it has none.
	Load(key string) ([]byte, error)
	// Keys returns the keys that begin with prefix, in any order.
	Keys(prefix string) ([]string, error)
	// Commit makes changes durable, all of them or none; a nil value deletes its
	// key. It returns when they would survive a crash. Calls at the same time
	// should share one write to the disk (group commit, at most 10 ms). After an
	// error the caller assumes nothing: the changes may or may not be there. The
	// map and its values are not changed afterwards.
	Commit(changes map[string][]byte) error
}

// MemoryStore is a Store that lasts as long as the process. Its zero value is
// empty and ready to use.
type MemoryStore struct {
	mu sync.Mutex
	m  map[string][]byte
}

// Load implements Store.
func (s *MemoryStore) Load(key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.m[key]), nil
}

// Keys implements Store.
func (s *MemoryStore) Keys(prefix string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []string
	for k := range s.m {
		if strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// Commit implements Store.
func (s *MemoryStore) Commit(changes map[string][]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		s.m = map[string][]byte{}
	}
	for k, v := range changes {
		if v == nil {
			delete(s.m, k)
		} else {
			s.m[k] = slices.Clone(v)
		}
	}
	return nil
}
