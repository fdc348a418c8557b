package dialect

import (
	"errors"
	"fmt"
)

// Causes of a FormatError.
var (
	errTruncated = errors.New("input ends inside an item")
	errItem      = errors.New("item of the wrong type")
	errRow       = errors.New("number without a row")
	errContent   = errors.New("content that its tag does not have")
	errTime      = errors.New("time difference without a time")
	errParams    = errors.New("path parameters that make no path")
	errTrailing  = errors.New("bytes after the body")
)

// FormatError reports a payload that is none of this dialect with these tables. The
// sender is broken or has other tables: negotiate again, or fall back to version 1.
type FormatError struct {
	// Reason says what is wrong. It never quotes the payload.
	Reason error
}

// Error implements error.
func (e *FormatError) Error() string { return fmt.Sprintf("dialect: %v", e.Reason) }

// Unwrap gives the reason.
func (e *FormatError) Unwrap() error { return e.Reason }

// ErrReference: the payload names an identifier that the Resolver does not know. The
// payload is sound; the sender repeats it without references.
var ErrReference = errors.New("dialect: reference to no identifier")

// ErrRequest: a request that HTTP cannot have: its method is no token, or its target
// does not begin with a slash or holds bytes that are not printable ASCII.
var ErrRequest = errors.New("dialect: malformed request")

// asFormatError gives a cause its exported type. Other errors stay.
func asFormatError(err error) error {
	switch err {
	case errTruncated, errItem, errRow, errContent, errTime, errParams, errTrailing:
		return &FormatError{Reason: err}
	default:
		return err
	}
}
