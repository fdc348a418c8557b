package dtls

// Store keeps sessions beyond the life of the process: a small durable map. Its
// methods are called concurrently. Values hold keys of sessions, so a store that
// writes to a disk encrypts them, and a copy of it must never be put back: old
// counters would use nonces twice. One process at a time may have it open.
//
// All keys of this package begin with "dtls/".
type Store interface {
	// Load returns the value of a key, nil when it has none. It fails for a value
	// that is damaged.
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
