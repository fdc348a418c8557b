package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/stream"
)

const (
	// firstPause and lastPause bound how long it takes until a stream is tried again.
	firstPause, lastPause = time.Second, 5 * time.Minute
	// maxWaiting bounds the events that the server may send while one is being heard.
	maxWaiting = 64
)

// errBehind: events come faster than they are heard. The stream is begun again after the
// last one that was.
var errBehind = errors.New("client: events of a room come faster than they are heard")

// errEnded: the server does not end a stream without a word of why.
var errEnded = errors.New("client: the room stream has ended")

// Follow tells what happens in a room, an event at a time, with the fields that were chosen
// alone: less than /sync says, in fewer bytes, and without a filter or a token to keep. Each event
// is told once, in the order of the homeserver; if so many have come that some are skipped, an
// Event says that. hear is called on the goroutine of Follow, one call after the other, and
// may do anything, also make requests. What it does not return from is told again by a
// Follow after the Mark before.
//
// What may pass is tried again, within a second and then more and more seldom, down to every
// five minutes, after an Event with its Err. While the Client sleeps Follow waits, and then goes
// on where it was. It returns the error of hear or of ctx, ErrClosed, or why the stream was
// refused or ended for good: a *coap.Error, of which the Status is 403 when the user is not in
// the room any more, or a word on what is wrong with the Stream.
func (c *Client) Follow(ctx context.Context, s Stream, hear func(Event) error) error {
	ask, err := s.ask()
	if err != nil {
		return err
	}
	f := &follower{client: c, token: s.Token, ask: ask, hear: hear}
	pause := firstPause
	for {
		err := f.follow(ctx)
		if f.worked {
			pause = firstPause
		}
		if errors.Is(err, ErrSuspended) && f.over == nil {
			select {
			case <-c.sleeping():
			case <-ctx.Done():
				return ctx.Err()
			}
			continue
		}
		if err = f.final(ctx, err); err != nil {
			return err
		}
		if err := f.wait(ctx, pause/2+rand.N(pause/2)); err != nil {
			return err
		}
		pause = min(2*pause, lastPause)
	}
}

// follower follows a room.
type follower struct {
	client *Client
	token  string
	ask    stream.Ask
	hear   func(Event) error
	// worked: the last registration was of use. Something was told, or it lasted: a server may
	// take one and end it again at once.
	worked bool
	// over is what hear has returned.
	over error
}

// final returns the error with which Follow returns after one of follow, nil where that may
// pass.
func (f *follower) final(ctx context.Context, err error) error {
	var refusal *coap.Error
	switch {
	case f.over != nil:
		return f.over
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrClosed):
		return err
	case errors.As(err, &refusal) && refusedForGood(refusal.Status):
		return err
	case errors.Is(err, errBehind), errors.Is(err, coap.ErrNewStream): // no fault of anybody's
		return nil
	}
	if f.over = f.hear(Event{Mark: f.ask.After, Err: err}); f.over != nil {
		return f.over
	}
	return nil
}

// wait waits before another try.
func (f *follower) wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// follow registers once, and tells what comes of it until it is over.
func (f *follower) follow(ctx context.Context) error {
	f.worked = false
	t, err := f.client.awake()
	if err != nil {
		return err
	}
	waiting := make(chan stream.Told, maxWaiting)
	o, err := t.ObserveRoom(ctx, f.token, f.ask, func(told stream.Told) error {
		select {
		case waiting <- told:
			return nil
		default:
			return errBehind
		}
	})
	if err != nil {
		return f.client.ended(t, err)
	}
	defer o.End()
	registered := time.Now()
	defer func() { f.worked = f.worked || time.Since(registered) >= lastPause }()
	if !f.ask.Resume {
		f.reach(o.Start())
	}
	renewal := time.NewTimer(o.MaxAge())
	defer renewal.Stop()
	for {
		select {
		case told := <-waiting:
			if f.over = f.tell(told); f.over != nil {
				return f.over
			}
		case <-renewal.C:
			if err := o.Renew(ctx, f.ask); err != nil {
				return f.client.ended(t, err)
			}
		case <-o.Done():
			if len(waiting) > 0 {
				continue
			}
			err := o.Err()
			if err == nil {
				err = errEnded
			}
			return f.client.ended(t, err)
		case <-ctx.Done():
			return ctx.Err()
		}
		renewal.Reset(o.MaxAge()) // it begins after hear, and so is over only where nothing waits
	}
}

// tell tells what came, unless it has been told.
func (f *follower) tell(told stream.Told) error {
	if told.HasMark && !told.Gap && f.ask.Resume && told.Mark == f.ask.After {
		return nil // a copy (docs/wire-v1.md)
	}
	if err := f.hear(eventOf(told)); err != nil {
		return err
	}
	if told.HasMark {
		f.reach(told.Mark)
	}
	f.worked = true
	return nil
}

// reach notes that everything up to a mark was told.
func (f *follower) reach(mark uint32) { f.ask.Resume, f.ask.After, f.ask.Last = true, mark, 0 }
