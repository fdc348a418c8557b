package boltstore

import (
	"errors"
	"fmt"
)

// ErrInUse is returned by Open when another process has the file open. Two that
// continue one session would use its nonces twice.
var ErrInUse = errors.New("boltstore: another process has the file open")

// ErrWrongKey is returned by Open when the file was written under another key.
// Remove the file to begin with no sessions, or find the key.
var ErrWrongKey = errors.New("boltstore: the file was written under another key")

// ErrDamaged is returned where the file is not what was written. Remove it to begin with
// no sessions; never put an old copy in its place.
var ErrDamaged = errors.New("boltstore: the file is damaged")

// CorruptError says that a value is not what was stored under its key. Whoever
// needs the value goes on as if there were none.
type CorruptError struct {
	// Key is what the caller asked for.
	Key string
}

// Error implements error.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("boltstore: the value of %q is damaged", e.Key)
}
