package endpoint

import (
	"context"
	"slices"
	"sync"
)

// gate bounds the confirmable messages that wait for their acknowledgement
// (NSTART, RFC 7252 §4.7). Who came first is admitted first.
type gate struct {
	mu      sync.Mutex
	places  int
	inside  int // more than places for a while after resize
	waiting []chan struct{}
}

// resize sets how many places there are.
func (g *gate) resize(places int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.places = max(places, 1)
	g.admit()
}

// enter waits for a place. It fails when ctx or session ends first.
func (g *gate) enter(ctx, session context.Context) error {
	g.mu.Lock()
	if g.inside < g.places {
		g.inside++
		g.mu.Unlock()
		return nil
	}
	admitted := make(chan struct{})
	g.waiting = append(g.waiting, admitted)
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
	i := slices.Index(g.waiting, admitted)
	if i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
	}
	g.mu.Unlock()
	if i < 0 { // admitted meanwhile: pass the place on
		g.leave()
	}
	return err
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
	for g.inside < g.places && len(g.waiting) > 0 {
		g.inside++
		close(g.waiting[0])
		g.waiting = slices.Delete(g.waiting, 0, 1)
	}
}
