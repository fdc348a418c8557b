package observe

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/coapgw/coapgw/coap/endpoint"
)

// Update is one answer of the homeserver to a /sync.
type Update struct {
	// Respond makes the notification for an observer of Follow, right before it is sent: what it may refer to depends
	// on what the peer has by then. done is told whether the peer has acknowledged it.
	Respond func() (r *endpoint.Response, done func(acknowledged bool))
	// Tell makes the word for an observer of Push, who holds everything up to since.
	Tell func(since string) Word
	// NextBatch is the token from which the next poll continues.
	NextBatch string
	// Counts is what every answer repeats, the counts of one-time keys: it is news when it
	// differs from what the peer has. An answer without any says nothing of them.
	Counts string
	// Empty says that nothing but NextBatch, and maybe Counts, is new: that is not
	// worth a datagram.
	Empty bool
	// Own says that there is nothing but what the peer itself has sent, which it knows.
	Own bool
	// Final says that there is nothing to poll any more, such as after a 401.
	Final bool
}

// Poll asks the homeserver for what came after since, and waits for something to
// come. Its error means that the homeserver could not be asked.
type Poll func(ctx context.Context, since string) (Update, error)

const (
	// firstPause and lastPause bound the wait after a poll that failed, which
	// doubles each time.
	firstPause = time.Second
	lastPause  = time.Minute
	// pollInterval is the least time between two polls that brought nothing: a
	// homeserver that does not wait must not be asked in a circle.
	pollInterval = time.Second
	// movedInterval is that after one that ended because something happened that is none of
	// the observer's business: how long the homeserver waits is up to others then, and what
	// comes next may be for the observer, who should not wait for it.
	movedInterval = 100 * time.Millisecond
)

// Follow notifies o of everything that happens after last, which the peer has. The
// cursor moves on once the peer has a notification with all of its blocks and not
// before, because a homeserver forgets to-device messages when it is polled past
// them. It returns when the observation is over or ctx ends. Polls run under ctx.
func Follow(ctx context.Context, o *endpoint.Observer, last Update, poll Poll) error {
	ctx, cancel := WhileObserved(ctx, o)
	defer cancel()
	for {
		u, err := news(ctx, last, poll)
		if err != nil {
			return err
		}
		r, done := u.Respond()
		err = o.Notify(ctx, r)
		done(err == nil)
		var unfetched *endpoint.BlockError
		switch {
		case errors.As(err, &unfetched):
			continue // the same again, and what has come since
		case err != nil || u.Final:
			return err
		}
		last = u
	}
}

// WhileObserved returns a context that ends with the observation. The function it
// returns must be called.
func WhileObserved(ctx context.Context, o *endpoint.Observer) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-o.Done():
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func() {
		cancel()
		watch.Wait()
	}
}

// news polls until there is something to tell that came after last. Its error is that of
// ctx.
func news(ctx context.Context, last Update, poll Poll) (Update, error) {
	pause := firstPause
	for {
		asked := time.Now()
		u, err := poll(ctx, last.NextBatch)
		if u.Counts == "" {
			u.Counts = last.Counts
		}
		switch {
		case ctx.Err() != nil:
			return u, ctx.Err()
		case err != nil:
			if !sleep(ctx, pause) {
				return u, ctx.Err()
			}
			pause = min(2*pause, lastPause)
			continue
		case !u.Empty || u.Counts != last.Counts || u.Final:
			return u, nil
		}
		interval := pollInterval
		if u.NextBatch != last.NextBatch {
			interval = movedInterval
		}
		last, pause = u, firstPause
		if !sleep(ctx, interval-time.Since(asked)) {
			return u, ctx.Err()
		}
	}
}

// sleep waits for d; it reports false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
