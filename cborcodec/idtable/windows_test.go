package idtable

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// pair is both ends with nothing between them.
type pair struct {
	t *testing.T
	c *Client
	s *Server
	n int
}

func newPair(t *testing.T, size int) *pair {
	return &pair{t: t, c: NewClient(size), s: NewServer(size, 0)}
}

// asked is a request under way, with what its references stand for.
type asked struct {
	x     *Exchange
	state State
	refs  []int64
	texts []string
	added []string
}

// ask makes a request that refers to what it can, and inserts the rest.
func (p *pair) ask(texts ...string) asked {
	o, x := p.c.Request(time.Time{})
	a := asked{x: x}
	for _, text := range texts {
		if ref, ok := o.Find([]byte(text)); ok {
			a.refs, a.texts = append(a.refs, ref), append(a.texts, text)
		}
	}
	for _, text := range texts {
		if _, ok := o.Find([]byte(text)); !ok && o.Insert([]byte(text)) {
			a.added = append(a.added, text)
		}
	}
	a.state = o.Commit("request " + fmt.Sprint(texts))
	return a
}

// read has the server read a request.
func (p *pair) read(call *Call, a asked) error {
	in, err := call.Request(a.state)
	if err != nil {
		return err
	}
	for i, ref := range a.refs {
		if text, ok := in.Resolve(ref); !ok || text != a.texts[i] {
			p.t.Errorf("reference %d is %q, %v and was %q", ref, text, ok, a.texts[i])
		}
	}
	for _, text := range a.added {
		if err := in.Inserted([]byte(text)); err != nil {
			return err
		}
	}
	return in.Commit("a note")
}

// answer makes the response to a request that was read, and has the client read it.
func (p *pair) answer(call *Call, a asked, texts ...string) {
	o := call.Response()
	refs, added := map[int64]string{}, []string(nil)
	for _, text := range texts {
		if ref, ok := o.Find([]byte(text)); ok {
			refs[ref] = text
		}
	}
	for _, text := range texts {
		if _, ok := o.Find([]byte(text)); !ok && o.Insert([]byte(text)) {
			added = append(added, text)
		}
	}
	st := o.Commit("response")
	a.x.Answered()
	in, err := a.x.Response(st)
	if err != nil {
		p.t.Fatal(err)
	}
	for ref, want := range refs {
		if text, ok := in.Resolve(ref); !ok || text != want {
			p.t.Errorf("response: reference %d is %q, %v and was %q", ref, text, ok, want)
		}
	}
	for _, text := range added {
		if err := in.Inserted([]byte(text)); err != nil {
			p.t.Fatal(err)
		}
	}
	if err := in.Commit("response"); err != nil {
		p.t.Fatal(err)
	}
}

// exchange makes a request and answers it at once.
func (p *pair) exchange(ask, answer []string) asked {
	p.t.Helper()
	a := p.ask(ask...)
	call := p.s.Admit(1)
	if err := p.read(call, a); err != nil {
		p.t.Fatalf("%+v: %v", a.state, err)
	}
	p.answer(call, a, answer...)
	return a
}

// fresh returns a text that was never used.
func (p *pair) fresh() []string {
	p.n++
	return []string{fmt.Sprint("fresh ", p.n)}
}

// A request is under way to the last moment, while all others go as far as they may.
func TestOldestRequestComesLast(t *testing.T) {
	for _, size := range []int{MinSize, DefaultSize} {
		p := newPair(t, size)
		for range 40 {
			p.exchange([]string{"c"}, []string{"s"})
			p.exchange([]string{"c", "s"}, []string{"c", "s"})
			late := p.ask("c", "s")
			if late.state.Server == 0 || late.state.Client == 0 || len(late.refs) != 2 {
				t.Fatalf("size %d: nothing is referred to: %+v", size, late)
			}
			for range 200 {
				p.exchange(p.fresh(), p.fresh())
			}
			last, newest := p.s.out.last, p.s.in.newest
			if a := late.x.ack.Number; last != a+maxAckStep+maxUnacknowledged {
				t.Errorf("size %d: the server got %d batches ahead", size, last-a)
			}
			if b := late.x.base.Number; newest != b+maxAhead {
				t.Errorf("size %d: the client got %d batches ahead", size, newest-b)
			}
			call := p.s.Admit(1)
			for range 50 { // while it is read, since its body comes block by block
				p.exchange(p.fresh(), p.fresh())
			}
			if err := p.read(call, late); err != nil {
				t.Fatalf("size %d: %v", size, err)
			}
			for range 3 { // and while the response is not there
				p.exchange(p.fresh(), p.fresh())
			}
			p.answer(call, late, "c", "s")
		}
	}
}

// After the last moment, what was held back for a request that was given up goes on.
func TestGivenUpRequestLetsGo(t *testing.T) {
	p := newPair(t, MinSize)
	p.exchange([]string{"c"}, []string{"s"})
	p.exchange([]string{"c"}, []string{"s"})
	late := p.ask("c", "s")
	late.x.GiveUp(time.Time{}.Add(time.Hour))
	for range 20 {
		p.exchange(p.fresh(), p.fresh())
	}
	before := p.s.in.newest
	o, x := p.c.Request(time.Time{}.Add(time.Hour))
	if !o.Insert([]byte("new")) {
		t.Error("nothing may be inserted, though the request is over")
	}
	o.Commit(nil)
	x.Refused()
	if before != late.x.base.Number+maxAhead {
		t.Errorf("the client got %d batches ahead of its base", before-late.x.base.Number)
	}
}

// A restarted server takes nothing for its own, and costs one exchange.
func TestRestartCostsOneExchange(t *testing.T) {
	p := newPair(t, MinSize)
	for range 20 {
		p.exchange(append(p.fresh(), "c"), append(p.fresh(), "s"))
	}
	p.s = NewServer(MinSize, 1<<32)
	a := p.ask("c", "s")
	if err := p.read(p.s.Admit(1), a); !errors.Is(err, ErrUnknown) {
		t.Fatalf("%+v: %v", a.state, err)
	}
	p.c.Reset(a.x)
	p.exchange([]string{"c"}, []string{"s"})
	p.exchange([]string{"c"}, []string{"s"})
	if a := p.exchange([]string{"c", "s"}, nil); len(a.refs) != 2 {
		t.Errorf("two exchanges later nothing is referred to: %+v", a)
	}
}

// A client of any life is met, and one that was restarted often is not taken for its past.
func TestLives(t *testing.T) {
	for _, first := range []uint8{0, 1, 127, 128, 200, 255} {
		s := NewServer(MinSize, 0)
		if s.Admit(first).stale() {
			t.Errorf("life %d is not met", first)
		}
		for _, later := range []uint8{1, 2, 100, 180} {
			s := NewServer(MinSize, 0)
			old := s.Admit(first)
			if s.Admit(first + later).stale() {
				t.Errorf("life %d after %d is taken for an earlier one", first+later, first)
			}
			if !old.stale() || !s.Admit(first+later-1).stale() {
				t.Errorf("an earlier life than %d is not told", first+later)
			}
		}
	}
}

// A request from before the server was restarted brings a batch to the new life of the
// server, whose number has the short name of one that only the life before had.
func TestBatchOfAnotherLife(t *testing.T) {
	p := newPair(t, MinSize)
	late := p.ask("a", "b", "c")
	for _, text := range []string{"d", "e", "f", "g"} {
		p.exchange([]string{text}, nil)
	}
	p.s = NewServer(MinSize, 1<<32)
	if err := p.read(p.s.Admit(1), late); err != nil {
		t.Fatal(err)
	}
	p.exchange(nil, []string{"s"})
	for range 3 {
		a := p.ask("d", "e", "f", "g")
		call := p.s.Admit(1)
		if err := p.read(call, a); err != nil {
			t.Fatal(err)
		}
		p.answer(call, a, "s")
	}
}

// A notification is under way to the last moment.
func TestOldestNotificationComesLast(t *testing.T) {
	p := newPair(t, DefaultSize)
	p.exchange([]string{"c"}, []string{"s"})
	p.exchange([]string{"c"}, []string{"s"})
	a := p.exchange([]string{"c"}, nil)
	for range 20 {
		o, n := p.s.Notification()
		ours, ok := o.Find([]byte("s"))
		if !ok || ours < 0 {
			t.Fatal("the notification does not refer to the server's table")
		}
		theirs, ok := o.Find([]byte("c"))
		if !ok {
			t.Fatal("the notification does not refer to the client's table")
		}
		st := o.Commit(nil)
		for range 200 {
			p.exchange([]string{"c"}, append(p.fresh(), "s"))
		}
		if ahead := p.s.out.last - n.base.Number; ahead != notificationNames-1 {
			t.Errorf("the server got %d batches ahead", ahead)
		}
		in, err := a.x.Notification(st)
		if err != nil {
			t.Fatal(err)
		}
		for ref, want := range map[int64]string{ours: "s", theirs: "c"} {
			if text, ok := in.Resolve(ref); !ok || text != want {
				t.Errorf("reference %d is %q, %v and was %q", ref, text, ok, want)
			}
		}
		if err := in.Commit(nil); err != nil {
			t.Fatal(err)
		}
		n.Done(true)
		for range 40 {
			p.exchange(p.fresh(), append(p.fresh(), "s", "c"))
			p.exchange([]string{"c"}, []string{"s"})
		}
	}
}

// The farthest references are size-1 and -size, whatever the message has inserted before
// (docs/wire-v2.md): a reader takes these and none beyond.
func TestFarthestReference(t *testing.T) {
	for _, size := range []int{MinSize, 256, DefaultSize} {
		p := newPair(t, size)
		// Both tables get as many entries as each other.
		for range size / maxInserts(size) {
			var ask, answer []string
			for range maxInserts(size) {
				ask, answer = append(ask, p.fresh()...), append(answer, p.fresh()...)
			}
			p.exchange(ask, answer)
		}
		p.exchange(nil, nil)
		// fresh 1 is the oldest of the client's table by now, as far from its end as may be.
		if a := p.ask("fresh 1"); len(a.refs) != 1 || a.refs[0] != int64(size)-1 {
			t.Fatalf("size %d: the last entry is not referred to: %+v", size, a)
		} else if err := p.read(p.s.Admit(1), a); err != nil {
			t.Fatal(err)
		}
		if a := p.ask(append(p.fresh(), "fresh 1")...); len(a.refs) != 1 {
			t.Fatalf("size %d: %+v", size, a)
		}
		a := p.ask(p.fresh()...)
		if a.state.Client == 0 || a.state.Server == 0 || len(a.added) != 1 {
			t.Fatalf("%+v", a)
		}
		in, err := p.s.Admit(1).Request(a.state)
		if err != nil {
			t.Fatal(err)
		}
		for inserted := range 2 {
			for _, c := range []struct {
				ref int64
				ok  bool
			}{{int64(size) - 1, true}, {int64(size), false}, {-int64(size), true}, {-int64(size) - 1, false}} {
				_, ok := in.Resolve(c.ref)
				if note := in.Note(c.ref); ok != c.ok || ok != (note != nil) {
					t.Errorf("size %d, %d inserted: reference %d: %v, %v", size, inserted, c.ref, ok, note)
				}
			}
			if err := in.Inserted([]byte("another")); err != nil {
				t.Fatal(err)
			}
		}
	}
}
