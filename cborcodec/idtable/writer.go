package idtable

// writer is a table at the end that fills it.
type writer struct {
	store
	size int
	// last is the number of the newest batch, next the index of the next entry.
	last, next uint64
	// batches are those that may still be named or told apart.
	batches map[uint64]*Batch
}

// maxRecords is how many batches behind the newest are known by number.
const maxRecords = 2 * (notificationNames + 1)

// newWriter returns a table whose numbers begin behind last, and whose indices at next.
func newWriter(size int, last, next uint64) writer {
	return writer{size: size, last: last, next: next, batches: make(map[uint64]*Batch)}
}

// add makes a batch of texts. They are on the wire from now on, so this is for ever.
func (w *writer) add(texts []string, note any) *Batch {
	w.last++
	b := &Batch{Number: w.last, First: w.next, End: w.next + uint64(len(texts)), Note: note}
	w.next = b.End
	w.put(b, texts, w.size)
	w.batches[b.Number] = b
	delete(w.batches, b.Number-maxRecords)
	return b
}

// forgetAll lets nothing be found that was there.
func (w *writer) forgetAll() {
	for _, b := range w.batches {
		b.state = dead
	}
	w.index = nil
}

// settle notes what became of a batch; the first word counts.
func (w *writer) settle(b *Batch, state batchState) {
	if b == nil || b.state != sent {
		return
	}
	b.state = state
	if state == dead {
		w.forget(b)
	}
}

// keep forgets what lies so far behind the end of a base that no message which may still
// arrive refers to it: the bases of those lie less than two tables behind, since a batch
// is at most a quarter of one.
func (s *store) keep(base uint64, size int) {
	if kept := uint64(3 * size); len(s.entries) > 4*size && base > kept {
		s.trim(base - kept)
	}
}

// reader is a table at the end that is told it.
type reader struct {
	store
	size int
	// newest is the highest number that has come.
	newest  uint64
	batches map[uint64]*Batch
}

func newReader(size int) reader {
	return reader{size: size, batches: make(map[uint64]*Batch)}
}

// maxNumber bounds what batches and entries are numbered with.
const maxNumber = 1 << 62

// add adds a batch. It reports false if the batch was there, or is older than what is
// kept track of.
func (r *reader) add(b *Batch, texts []string) (added bool, err error) {
	if b.Number == 0 || b.Number > maxNumber || b.First > maxNumber || len(texts) > maxInserts(r.size) {
		return false, ErrMalformed
	}
	if old := r.batches[b.Number]; old != nil {
		if old.First != b.First || old.End != b.End {
			return false, ErrConflict
		}
		for i, text := range texts {
			if e := r.at(b.First + uint64(i)); e.batch != nil && e.text != text {
				return false, ErrConflict
			}
		}
		return false, nil
	}
	if b.Number+maxRecords < r.newest {
		return false, nil
	}
	for i := b.First; i < b.End; i++ {
		if r.at(i).batch != nil {
			return false, ErrConflict
		}
	}
	r.put(b, texts, r.size)
	r.batches[b.Number] = b
	if b.Number > r.newest {
		r.newest = b.Number
		for number := range r.batches {
			if number+maxRecords < r.newest {
				delete(r.batches, number)
			}
		}
	}
	return true, nil
}

// far reports whether a number lies further beyond what came than the sender of that
// gets.
func (r *reader) far(number uint64) bool { return r.newest != 0 && number > r.newest+maxRecords }
