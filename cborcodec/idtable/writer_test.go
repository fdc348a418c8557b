package idtable

import (
	"errors"
	"testing"
)

func TestReader(t *testing.T) {
	r := newReader(16)
	if added, err := r.add(batch(5, 20, 4), texts("a", 4)); !added || err != nil {
		t.Fatal(added, err)
	}
	for _, c := range []struct {
		what  string
		b     *Batch
		texts []string
		added bool
		err   error
	}{
		{"again", batch(5, 20, 4), texts("a", 4), false, nil},
		{"another first", batch(5, 21, 4), texts("a", 4), false, ErrConflict},
		{"another end", batch(5, 20, 3), texts("a", 3), false, ErrConflict},
		{"another text", batch(5, 20, 4), texts("b", 4), false, ErrConflict},
		{"the same entries", batch(6, 20, 4), texts("a", 4), false, ErrConflict},
		{"overlaps the end", batch(6, 23, 4), texts("b", 4), false, ErrConflict},
		{"overlaps the beginning", batch(4, 17, 4), texts("b", 4), false, ErrConflict},
		{"no number", batch(0, 30, 1), texts("b", 1), false, ErrMalformed},
		{"too many", batch(6, 24, 5), texts("b", 5), false, ErrMalformed},
		{"a huge number", batch(maxNumber+1, 24, 1), texts("b", 1), false, ErrMalformed},
		{"huge indices", batch(6, maxNumber+1, 1), texts("b", 1), false, ErrMalformed},
		{"indices that wrap", batch(6, ^uint64(0), 4), texts("b", 4), false, ErrMalformed},
		{"next", batch(6, 24, 4), texts("c", 4), true, nil},
		{"before", batch(4, 16, 4), texts("d", 4), true, nil},
		{"far on", batch(1000, 5000, 4), texts("e", 4), true, nil},
		{"of long ago", batch(7, 28, 4), texts("f", 4), false, nil},
		{"the last", batch(maxNumber, maxNumber, 4), texts("g", 4), true, nil},
	} {
		if added, err := r.add(c.b, c.texts); added != c.added || !errors.Is(err, c.err) {
			t.Errorf("%s: %v, %v", c.what, added, err)
		}
	}
	if r.newest != maxNumber || len(r.batches) != 1 {
		t.Errorf("newest %d, %d batches", r.newest, len(r.batches))
	}
}

func TestWriter(t *testing.T) {
	w := newWriter(16, 7<<32, 7<<32)
	first := w.add([]string{"x", "y"}, "note")
	if first.Number != 7<<32+1 || first.First != 7<<32 || first.End != 7<<32+2 || first.Note != "note" {
		t.Errorf("%+v", first)
	}
	w.settle(nil, held)
	w.settle(first, held)
	w.settle(first, dead) // too late
	if first.state != held {
		t.Error("the first word does not count")
	}
	second := w.add([]string{"y"}, nil)
	w.settle(second, dead)
	w.settle(second, held)
	if _, e, ok := w.find([]byte("y")); !ok || e.batch != first || second.state != dead {
		t.Error("not what is there beside a dead batch is found")
	}
	if _, _, ok := w.find([]byte("x")); !ok {
		t.Error("x is not found")
	}
	w.forgetAll()
	if _, _, ok := w.find([]byte("x")); ok || first.state != dead {
		t.Error("x is found")
	}
	if third := w.add([]string{"x"}, nil); third.Number != second.Number+1 || third.First != second.End {
		t.Errorf("numbers do not go on: %+v", third)
	}
	for range 1000 {
		w.add(texts("z", 4), nil)
		w.keep(w.next, w.size)
	}
	if err := bounded(16, &w.store, len(w.batches)); err != nil {
		t.Error(err)
	}
}
