package idtable

import "errors"

var (
	// ErrUnknown says that a request is coded against tables that the server does not
	// have, most likely since it was restarted. The request must not be executed; the
	// client repeats it in a new epoch (Client.Reset).
	ErrUnknown = errors.New("idtable: the tables that the message refers to are not known")
	// ErrMalformed says that a message claims what no end of this package says.
	ErrMalformed = errors.New("idtable: malformed state of the tables")
	// ErrConflict says that a batch came with two contents: one end has a fault, and the
	// session must end.
	ErrConflict = errors.New("idtable: two batches of one number")
)
