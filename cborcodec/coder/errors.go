package coder

import (
	"errors"
	"fmt"
)

// Errors of AppendDecoded. None of them is cured by trying again: the peer has another
// model, or is broken or hostile. A *LimitError is one more.
var (
	// ErrMethod: the header names no method that this version knows.
	ErrMethod = errors.New("coder: unknown method")
	// ErrTruncated: the coded payload ends too soon.
	ErrTruncated = errors.New("coder: coded payload ends too soon")
	// ErrTrailing: bytes follow the coded payload.
	ErrTrailing = errors.New("coder: bytes after the coded payload")
	// ErrMalformed: the length or the deflate data (RFC 1951) are not well-formed.
	ErrMalformed = errors.New("coder: malformed payload")
	// ErrModel: the bytes given to Load are no model of this version.
	ErrModel = errors.New("coder: not a model of this version")
)

// LimitError says that a payload is longer than the receiver takes. The sender may
// send less, or the receiver raise its limit; in HTTP terms it is a 413.
type LimitError struct {
	// Length is the length that the payload claims, or where it claims none what is known of
	// it, in bytes; Limit is what is
	// allowed.
	Length uint64
	Limit  int
}

// Error implements error.
func (e *LimitError) Error() string {
	return fmt.Sprintf("coder: payload of %d bytes, limit is %d", e.Length, e.Limit)
}
