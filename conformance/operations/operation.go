package operations

import (
	"time"

	"github.com/coapgw/coapgw/conformance/recorder"
)

// Operation is one thing that a client does: a row of testdata/budgets.tsv.
type Operation struct {
	// Name is the name of the row.
	Name string
	// About says in a few words what happens, for tables that people read.
	About string
	// Begin is the state of the connection when the operation begins.
	Begin Begin
	// Push says that what the answer tells is delivered on an open observation
	// (RFC 7641). HTTP has nothing like it: there it is a long-poll.
	Push bool
	// After names operations that the client has done before on the session, in order: what
	// both ends remember of them makes this one shorter, where they remember anything.
	After []string
	// Exchanges happen one after the other, each request when the response to the
	// one before has come.
	Exchanges []Exchange
}

// Begin is the state of a connection.
type Begin int

const (
	// Warm: the connection is open, and Warmup went over it.
	Warm Begin = iota
	// Cold: the two ends have never met.
	Cold
	// Restarted: the client has a new process, which may go on with what the old one
	// has kept.
	Restarted
)

// Exchange is one HTTP request and its response.
type Exchange struct {
	Request  recorder.Request
	Response recorder.Response
	// Hold is how long the homeserver takes for the response, as with a long-poll.
	Hold time.Duration
}
