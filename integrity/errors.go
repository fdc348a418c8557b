package integrity

import (
	"errors"
	"fmt"
)

// Errors that tell the caller what to do.
var (
	// ErrNoAnswer: nothing that proves the key came back. The address may be wrong,
	// the link down, or the server does not know this call sign with this key. What
	// the server knows is in its log.
	ErrNoAnswer = errors.New("integrity: no answer, or the call sign or the key is not known there")
	// ErrExhausted: the session has used all its counters. Dial again.
	ErrExhausted = errors.New("integrity: counters of the session used up")
	// ErrReset: the server has lost the session and has proven so. Dial again; what
	// was not answered may have been done.
	ErrReset = errors.New("integrity: the server does not know the session any more")
	// ErrNoSession: the store has no session of this name, station and key. Dial.
	ErrNoSession = errors.New("integrity: no such session is stored")
	// ErrTooLong: the datagram is longer than any peer of ours reads. Send less.
	ErrTooLong = errors.New("integrity: datagram too long")
	// ErrEmpty: a datagram without content would end the session. Send something.
	ErrEmpty = errors.New("integrity: a datagram needs content")
)

var errState = errors.New("integrity: the stored session cannot be read")

// StationError reports a station that cannot be used.
type StationError struct {
	// Call is its call sign.
	Call string
	// Reason says what is wrong.
	Reason string
}

// Error implements error.
func (e *StationError) Error() string {
	return fmt.Sprintf("integrity: station %q: %s", e.Call, e.Reason)
}
