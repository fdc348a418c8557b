package wire2

import "errors"

var (
	// ErrState says that a request refers to what the server does not know. It must not
	// be executed: the answer is Unknown, and the client repeats it.
	ErrState = errors.New("wire2: the message refers to what is not known")
	// ErrUnknown is what a client gets for the answer Unknown: the request was not
	// executed, and should be made again. Coded anew it refers to nothing.
	ErrUnknown = errors.New("wire2: the server does not know what the request refers to")
	// ErrTooLong says that a request is longer than it may be.
	ErrTooLong = errors.New("wire2: the request is too long")
	// ErrMalformed says that a payload is none of this format.
	ErrMalformed = errors.New("wire2: malformed payload")
)
