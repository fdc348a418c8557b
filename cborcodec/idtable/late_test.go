package idtable

import (
	"errors"
	"testing"
	"time"
)

// A request with short names comes to a server that was restarted, block by block, so that
// it is read only once the client has begun anew there and short names mean something else.
func TestReadLateByAnotherLife(t *testing.T) {
	p := newPair(t, MinSize)
	p.exchange(nil, []string{"s"})
	for range 4 {
		p.exchange(nil, p.fresh())
	}
	late := p.ask("s")
	if late.state.Server == 0 || late.state.Client != 0 {
		t.Fatalf("no short name: %+v", late.state)
	}
	unknown := p.ask("s")
	p.s = NewServer(MinSize, 1<<32)
	if err := p.read(p.s.Admit(1), unknown); !errors.Is(err, ErrUnknown) {
		t.Fatal(err)
	}
	p.c.Reset(unknown.x)
	for range 10 { // as many batches as the server makes unasked, each with a short name
		p.exchange(p.fresh(), p.fresh())
	}
	call := p.s.Admit(1)
	late.x.Arrived() // all of it, in the view of the client
	for range 10 {
		p.exchange(p.fresh(), p.fresh())
	}
	if !p.s.rooted {
		t.Fatal("the client has not begun anew")
	}
	if err := p.read(call, late); !errors.Is(err, ErrUnknown) {
		t.Errorf("%+v: %v", late.state, err)
	}
}

// The request that follows a reset succeeds whatever happened to the tables, even if one
// was begun in between that could not be written.
func TestCancelledAfterReset(t *testing.T) {
	p := newPair(t, MinSize)
	p.exchange(nil, []string{"s"})
	p.exchange(nil, []string{"s"})
	first, second := p.ask("s"), p.ask("s")
	p.c.Reset(first.x)
	p.exchange(nil, p.fresh())
	p.c.Reset(second.x) // about the epoch before
	o, _ := p.c.Request(time.Time{})
	o.Cancel()
	if again := p.ask("s"); again.state != (State{}) {
		t.Errorf("the request names something: %+v", again.state)
	}
	if next := p.ask("s"); next.state == (State{}) {
		t.Error("the one after it names nothing")
	}
}
