package idtable

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// texts returns n of them with a prefix.
func texts(prefix string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint(prefix, i)
	}
	return all
}

func batch(number, first uint64, n int) *Batch {
	return &Batch{Number: number, First: first, End: first + uint64(n), Note: number}
}

// TestHoles puts batches in an order other than that of their numbers.
func TestHoles(t *testing.T) {
	var s store
	s.put(batch(3, 8, 4), texts("c", 4), 16)
	early := s.view(12, 16)
	if _, ok := early.at(4); ok || s.off != 8 {
		t.Fatalf("there is something before the first batch, from %d on", s.off)
	}
	s.put(batch(5, 16, 4), texts("e", 4), 16)
	if e := s.at(12); e.batch != nil {
		t.Fatalf("a hole holds %q", e.text)
	}
	holed := s.view(20, 16)
	s.put(batch(4, 12, 4), texts("d", 4), 16) // fills the hole
	s.put(batch(2, 4, 4), texts("b", 4), 16)  // comes before all
	for i, want := range append(append(append(texts("b", 4), texts("c", 4)...), texts("d", 4)...), texts("e", 4)...) {
		if e := s.at(uint64(4 + i)); e.text != want || e.batch.First > uint64(4+i) || e.batch.End <= uint64(4+i) {
			t.Errorf("entry %d is %q of %v, not %q", 4+i, e.text, e.batch, want)
		}
		if index, _, ok := s.find([]byte(want)); !ok || index != uint64(4+i) {
			t.Errorf("%q is found at %d, %v", want, index, ok)
		}
	}
	// A view stays as it was made.
	if _, ok := holed.at(4); ok {
		t.Error("a hole of a view was filled")
	}
	if _, ok := early.at(4); ok {
		t.Error("a view has what came later")
	}
	if e, ok := holed.at(0); !ok || e.text != "e3" {
		t.Errorf("the last entry is %q, %v", e.text, ok)
	}
}

func TestFar(t *testing.T) {
	var s store
	s.put(batch(1, 0, 4), texts("a", 4), 16)
	s.put(batch(9, 1000, 4), texts("b", 4), 16) // takes the place of all
	if _, _, ok := s.find([]byte("a0")); ok || s.off != 1000 {
		t.Errorf("entries from %d on", s.off)
	}
	s.put(batch(2, 4, 4), texts("c", 4), 16) // far too late
	if _, _, ok := s.find([]byte("c0")); ok || s.off != 1000 {
		t.Errorf("entries from %d on", s.off)
	}
	s.put(batch(1<<40, maxNumber, 4), texts("d", 4), 16)
	if e := s.at(maxNumber + 3); e.text != "d3" || len(s.entries) != 4 {
		t.Errorf("%q, %d entries", e.text, len(s.entries))
	}
}

func TestTrim(t *testing.T) {
	var s store
	s.put(batch(1, 0, 4), texts("a", 4), 16)
	s.put(batch(2, 4, 4), []string{"a0", "b1", "b2", "b3"}, 16) // one of them anew
	v := s.view(8, 16)
	s.trim(3)
	if s.off != 3 || len(s.entries) != 5 {
		t.Fatalf("%d entries from %d on", len(s.entries), s.off)
	}
	for text, want := range map[string]uint64{"a0": 4, "a3": 3, "b3": 7} {
		if index, _, ok := s.find([]byte(text)); !ok || index != want {
			t.Errorf("%q is found at %d, %v, not at %d", text, index, ok, want)
		}
	}
	if _, _, ok := s.find([]byte("a1")); ok || len(s.index) != 5 {
		t.Errorf("what was forgotten is found: %v", s.index)
	}
	if e, ok := v.at(7); !ok || e.text != "a0" {
		t.Errorf("a view lost an entry: %q, %v", e.text, ok)
	}
	s.trim(2) // again, and beyond the end
	s.trim(100)
	if len(s.entries) != 0 || len(s.index) != 0 || s.end() != 8 {
		t.Errorf("%d entries, %d texts, end %d", len(s.entries), len(s.index), s.end())
	}
	s.put(batch(3, 8, 2), texts("c", 2), 16)
	if e := s.at(9); e.text != "c1" {
		t.Errorf("%q", e.text)
	}
}

func TestForget(t *testing.T) {
	var s store
	old, newer := batch(1, 0, 2), batch(2, 2, 2)
	s.put(old, []string{"x", "y"}, 16)
	s.put(newer, []string{"y", "z"}, 16)
	s.forget(old)
	if _, _, ok := s.find([]byte("x")); ok {
		t.Error("x is found")
	}
	if index, _, ok := s.find([]byte("y")); !ok || index != 2 {
		t.Errorf("y is found at %d, %v", index, ok)
	}
	s.trim(3)
	s.forget(newer) // part of it is gone
	if len(s.index) != 0 {
		t.Errorf("%v is found", s.index)
	}
}

func TestViewBounds(t *testing.T) {
	var s store
	s.put(batch(1, 0, 4), texts("a", 4), 16)
	for _, v := range []view{s.view(4, 16), s.view(4, 2), s.view(0, 16), s.view(2, 16), s.view(1<<63, 16), {}, {size: 16, end: ^uint64(0)}} {
		reach := 0
		for _, distance := range []uint64{0, 1, 2, 3, 4, 15, 16, 1 << 62, 1 << 63, ^uint64(0)} {
			if e, ok := v.at(distance); ok {
				reach++
				if want := fmt.Sprint("a", v.end-1-distance); e.text != want || distance >= uint64(v.size) {
					t.Errorf("end %d, distance %d: %q, not %q", v.end, distance, e.text, want)
				}
			}
		}
		if want := min(v.end, uint64(v.size)); v.end <= 4 && reach != int(want) {
			t.Errorf("end %d, size %d: %d entries", v.end, v.size, reach)
		}
	}
	whole := s.view(4, 16)
	if part := whole.upTo(2); part.end != 2 || part.size != 16 {
		t.Errorf("%+v", part)
	}
	for number, there := range map[uint64]bool{0: false, 1: true, 2: false, ^uint64(0): false} {
		if b := whole.batch(number); (b != nil) != there {
			t.Errorf("batch %d is %v", number, b)
		}
	}
}

// TestStoreAgainstMap compares a table that batches reach in any order with a map of all
// that they held, and views with what they were when they were made.
func TestStoreAgainstMap(t *testing.T) {
	const size = 16
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 7))
		var s store
		truth := make(map[uint64]string)
		type snapshot struct {
			view
			were []string
		}
		var taken []snapshot
		var late []*Batch
		next, number := uint64(rng.IntN(3)*1000), uint64(1)
		put := func(b *Batch) {
			var all []string
			for i := b.First; i < b.End; i++ {
				all = append(all, truth[i])
			}
			s.put(b, all, size)
		}
		for range 400 {
			b := batch(number, next, 1+rng.IntN(4))
			number, next = number+1, b.End
			for i := b.First; i < b.End; i++ {
				truth[i] = fmt.Sprint(rng.IntN(40), "of", i%5)
			}
			if rng.IntN(3) == 0 {
				late = append(late, b)
			} else {
				put(b)
			}
			if len(late) > 0 && rng.IntN(3) == 0 {
				i := rng.IntN(len(late))
				put(late[i])
				late = append(late[:i], late[i+1:]...)
			}
			v := s.view(s.end(), size)
			now := snapshot{view: v}
			for d := range uint64(size) {
				e, ok := v.at(d)
				if ok && e.text != truth[v.end-1-d] {
					t.Fatalf("seed %d: entry %d is %q, not %q", seed, v.end-1-d, e.text, truth[v.end-1-d])
				}
				now.were = append(now.were, e.text)
			}
			taken = append(taken, now)
			for text, index := range s.index {
				if s.at(index).text != text {
					t.Fatalf("seed %d: %q is found at %d, where %q is", seed, text, index, s.at(index).text)
				}
			}
			if err := bounded(size, &s, 0); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		for _, then := range taken {
			for d, were := range then.were {
				if e, _ := then.at(uint64(d)); e.text != were {
					t.Fatalf("seed %d: a view has %q where it had %q", seed, e.text, were)
				}
			}
		}
	}
}
