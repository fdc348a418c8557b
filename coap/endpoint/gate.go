package endpoint

import (
	"context"
	"sync"
)

// maxWaiting bounds who waits at a gate: nobody waits that long on a slow link, and
// what waits holds memory.
const maxWaiting = 4096

// gate bounds the confirmable messages that wait for their acknowledgement
// (NSTART, RFC 7252 §4.7). Each message of a block-wise transfer enters anew, so
// that what is more urgent goes between.
type gate struct {
	mu      sync.Mutex
	places  int
	inside  int // more than places for a while after resize and intrude
	waiting line[chan struct{}]
}

// resize sets how many places there are.
func (g *gate) resize(places int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.places = max(places, 1)
	g.admit()
}

// enter waits for a place. It fails with ErrBusy when too many wait, or when ctx or
// session ends first.
func (g *gate) enter(ctx, session context.Context, c class) error {
	g.mu.Lock()
	if g.inside < g.places {
		g.inside++
		g.mu.Unlock()
		return nil
	}
	if g.waiting.count >= maxWaiting {
		g.mu.Unlock()
		return ErrBusy
	}
	admitted := make(chan struct{})
	g.waiting.push(c, admitted)
	g.mu.Unlock()
	var err error
	select {
	case <-admitted:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-session.Done():
		err = ErrClosed
	}
	g.mu.Lock()
	waited := g.waiting.remove(c, admitted)
	g.mu.Unlock()
	if !waited { // admitted meanwhile: pass the place on
		g.leave()
	}
	return err
}

// intrude takes a place whether there is one or not.
func (g *gate) intrude() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside++
}

// waits is how many wait for a place.
func (g *gate) waits() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.waiting.count
}

// leave gives the place up.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	g.admit()
}

// admit lets in who waits while there are places. g.mu is held.
func (g *gate) admit() {
	for g.inside < g.places {
		next, ok := g.waiting.pop()
		if !ok {
			return
		}
		g.inside++
		close(next)
	}
}
