package session

// Store is a small durable map. Its methods are called concurrently. Values hold
// keys and tokens, so a store that writes to a disk encrypts them.
//
// A copy of a store must never be put back: the counters in it would go back too,
// and a counter that is used twice gives a session away (RFC 9325 §7.2.1). For the
// same reason one process at a time may have a store open.
type Store interface {
	// Load returns the value of a key, nil when it has none.
	Load(key string) ([]byte, error)
	// Keys returns the keys that begin with prefix, in any order.
	Keys(prefix string) ([]string, error)
	// Commit makes changes durable, all of them or none; a nil value deletes its
	// key. It returns when they would survive a crash. After an error the caller
	// assumes nothing: the changes may or may not be there. Neither the map nor
	// its values may be changed afterwards.
	Commit(changes map[string][]byte) error
}
