package observe

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// ErrNotPushed: the other end does not push /sync, or not yet. Poll instead.
var ErrNotPushed = errors.New("observe: the other end does not push")

// Source opens observations at a server that calls Push: a *coap.Transport.
type Source interface {
	// Observe registers for what follows the since of r, a GET of /sync with one. What is
	// new is given to deliver, one after the other, each going on from the one before;
	// nothing comes where there is nothing to tell. When deliver returns nil the server
	// takes it for kept, and may have the homeserver forget it. An error rejects it and
	// ends the Observation; nothing is lost, and a new one from the last since that was
	// kept gets it again. deliver must not call methods of the Observation. As long as it
	// does not return, the link may be held up.
	//
	// instead is an earlier observation that was left without a word and that the server
	// should end, nil for none.
	//
	// The error is ErrNotPushed where r has to be made as any other request, or as of
	// RoundTrip. The context of r bounds the registration.
	Observe(r *http.Request, instead Observation, deliver func(Pushed) error) (Observation, error)
}

// Pushed is what came of an Observation.
type Pushed struct {
	// Response is an answer to a /sync, whose body may be read until deliver returns. One
	// that is not 200 is the last. It is nil where Fetch or Register is set, which are the last
	// too.
	Response *http.Response
	// Fetch: there is an answer that does not fit one datagram. Make the request like any
	// other, with a timeout of 0, and register anew once the answer is kept.
	Fetch bool
	// Register: the server was restarted. Register anew from what is held.
	Register bool
}

// Observation is a /sync that the server polls in our place (RFC 7641).
type Observation interface {
	// Leave ends the observation on this side alone: what still comes of it is rejected.
	Leave()
	// Cancel ends the observation and tells the server (RFC 7641 §3.6), for which ctx bounds
	// the wait. Where that fails, the next notification is rejected.
	Cancel(ctx context.Context) error
	// Renew is after what silence to register anew, because a server that was restarted would have
	// forgotten the observation; 0 where it would not.
	Renew() time.Duration
	// Silence is for how long nothing has come from the server.
	Silence() time.Duration
	// Done is closed when the observation is over, and Err says why: nil after Cancel, Leave
	// and a last answer.
	Done() <-chan struct{}
	Err() error
}
