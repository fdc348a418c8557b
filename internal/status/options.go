package status

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/session"
)

// Role is which end of the link the page is for.
type Role string

// Roles.
const (
	Connect Role = "connect"
	Serve   Role = "serve"
)

// Options says what the page shows. Whatever is nil or zero is left out, but for Status.
type Options struct {
	Role    Role
	Version string
	// Link is the profile in use: of a Connect, or of peers of a Serve that tell none.
	Link link.Profile
	// Status is that of a coap.Transport or a coap.Server.
	Status func() coap.Status
	// Meter counts what the clients of the gateway ask of it: what HTTPS would cost follows
	// from that.
	Meter *Meter
	// Outside returns what this end has sent and received outside of sessions, such as
	// handshakes.
	Outside func() (sent, received endpoint.Traffic)
	// Store keeps the account of the day beyond the life of the process.
	Store session.Store
	// Log receives what an operator should know; nil discards it.
	Log *slog.Logger
	// Outbox returns what waits for a link that is down.
	Outbox func() Outbox
	// Chatter returns what a policy withholds.
	Chatter func() Chatter
	// Problems are the latest warnings.
	Problems *Problems
	// Metrics answers /metrics.
	Metrics http.Handler
	// Ready says why the gateway is of no use at the moment; nil means it is. It should
	// return soon.
	Ready func(ctx context.Context) error
	// Actions are what a person may do.
	Actions Actions

	// Token is asked for: by HTTP Basic with any user name, or as a bearer token. Without
	// it the page is there on loopback addresses only. Where it is set, and the connection
	// does not end on a loopback address, TLS is demanded.
	Token string
	// Hosts are names under which the page may be asked for, besides localhost and the
	// addresses that connections end on.
	Hosts []string

	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Actions are what a person may do; nil means that it cannot be done here.
type Actions struct {
	// PauseChatter withholds all that is not a message, or lets it pass again.
	PauseChatter func(ctx context.Context, paused bool) error
	// Flush sends what waits.
	Flush func(ctx context.Context) error
	// Rehandshake begins a new session.
	Rehandshake func(ctx context.Context) error
}

// Outbox is what waits for a link that is down.
type Outbox struct {
	Waiting int
	Bytes   int64
	// Oldest is when the first of them was accepted, zero for none.
	Oldest time.Time
	// Full: nothing more is accepted.
	Full bool
}

// Chatter is what a policy does.
type Chatter struct {
	Paused bool
	// Answered, Merged and Dropped are requests that did not go over the link since the
	// start.
	Answered, Merged, Dropped uint64
}
