package observe

import (
	"context"
	"errors"
	"time"

	"github.com/coapgw/coapgw/coap/endpoint"
)

// Word is what an observer is told of an update.
type Word struct {
	// Response makes the notification, the same each time that it is sent.
	Response func() *endpoint.Response
	// Done is told once whether the observer has acknowledged it.
	Done func(acknowledged bool)
	// Last says that nothing follows: the notification is not the update but the word that
	// there is one to be asked for, and ends the observation.
	Last bool
}

// Probes after a notification that was not acknowledged: each comes twice as late as the
// one before, and the last ones so often.
const (
	probesDoubled = 5
	longestProbe  = 6 * time.Hour
)

// Patience is what an observer of Push can wait for.
type Patience struct {
	// Retry is how long a notification is repeated (MAX_TRANSMIT_WAIT, RFC 7252 §4.8.2).
	Retry time.Duration
	// Own is how long an update waits for company that holds nothing but what the observer
	// itself has sent; 0 for not at all.
	Own time.Duration
}

// Push notifies o, which is a coapgw, of everything that happens after what it holds. held
// is what it has by now, with its counts as far as they are known.
//
// Where the link is away the notification waits: the same is sent again as soon as the peer
// is heard of, and from time to time without that, first after Patience.Retry.
//
// Push returns nil when the peer has been told the last, be it that there is something to
// ask for, after which it registers anew. It returns the error of Notify where the
// observation is over, and that of ctx. Polls run under ctx.
func Push(ctx context.Context, o *endpoint.Observer, held Update, patience Patience, poll Poll) error {
	ctx, cancel := WhileObserved(ctx, o)
	defer cancel()
	for {
		u, err := news(ctx, held, poll)
		if err != nil {
			return err
		}
		if u.Own && patience.Own > 0 {
			if u, err = company(ctx, held, u, patience.Own, poll); err != nil {
				return err
			}
		}
		w := u.Tell(held.NextBatch)
		err = Deliver(ctx, o, w.Response, patience.Retry)
		w.Done(err == nil)
		if err != nil || w.Last || u.Final {
			return err
		}
		held = u
	}
}

// company waits for something to go with an update of the observer's own, and returns both as
// the homeserver tells them in one. What it asks meanwhile goes on from the update: there is
// nothing in that which the homeserver would forget.
func company(ctx context.Context, held, own Update, wait time.Duration, poll Poll) (Update, error) {
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for last := own; waiting.Err() == nil; {
		u, err := news(waiting, last, poll)
		if err != nil || !u.Own {
			break
		}
		last = u
	}
	if ctx.Err() != nil {
		return own, ctx.Err()
	}
	return news(ctx, held, poll)
}

// Deliver sends a notification until it is acknowledged, as Push does.
func Deliver(ctx context.Context, o *endpoint.Observer, r func() *endpoint.Response, wait time.Duration) error {
	pause, longest := wait, min(wait<<probesDoubled, longestProbe)
	for {
		// Who was heard meanwhile is there, though all that was sent was lost.
		heard := o.Heard()
		err := o.Notify(ctx, r())
		if !errors.Is(err, endpoint.ErrTimeout) {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-heard:
		case <-timer.C:
			pause = min(2*pause, longest)
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
