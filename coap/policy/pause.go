package policy

import (
	"context"
	"time"
)

// Counts are what became of requests since the start.
type Counts struct {
	// Paused: see Transport.Pause.
	Paused bool
	// Answered were answered out of what is kept, Merged gave way to later ones that say as
	// much, and Dropped were never sent.
	Answered, Merged, Dropped uint64
	// Held wait to be sent.
	Held int
}

// Counts returns the present counts.
func (t *Transport) Counts() Counts {
	t.init()
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.counts
	c.Paused, c.Held = t.paused, len(t.held)
	return c
}

// count adds to the counts.
func (t *Transport) count(f func(*Counts)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(&t.counts)
}

// Pause withholds all that can be withheld, whatever the table says, until it is called with
// false: nobody sees who types and who is online, and receipts wait. A logout sends the
// user's all the same, and so do Flush and Close.
func (t *Transport) Pause(paused bool) {
	t.init()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.paused = paused
	t.nudge()
}

// Flush sends what is held back now, and waits for it as long as one exchange takes on a link
// without loss.
func (t *Transport) Flush(ctx context.Context) {
	t.init()
	t.flush(ctx, func(*held) bool { return true })
}

// pausedHold is for how long a request is held back that comes during a pause, at least.
const pausedHold = 2 * time.Minute

// action is what becomes of the requests of a row at the moment.
func (t *Transport) action(r *Row) Action {
	t.mu.Lock()
	paused := t.paused
	t.mu.Unlock()
	a := t.actions[r.Name]
	switch {
	case !paused || !r.Takes(drop()):
		return a
	case r.same == samePath: // what is true for the moment
		return drop()
	}
	return merge(max(a.For, pausedHold))
}
