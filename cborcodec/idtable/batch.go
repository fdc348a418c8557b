package idtable

// Limits of a table.
const (
	// DefaultSize is how many entries of each table may be referred to.
	DefaultSize = 1024
	// MinSize and MaxSize bound what two ends may agree on.
	MinSize = 16
	MaxSize = 4096
	// MaxText is the longest entry, in bytes: Matrix limits identifiers to that.
	MaxText = 255
)

// maxInserts is how many entries one message may insert: one that inserts a whole
// table would leave nothing of what both ends use all the time.
func maxInserts(size int) int { return size / 4 }

// Batch is what one message inserted: the entries First to End-1 of its table. Its
// exported fields do not change once others can see it.
type Batch struct {
	// Number counts the batches of a table, from 1 on.
	Number     uint64
	First, End uint64
	// Note is what both ends remember of the message beside the entries.
	Note any

	state batchState // at the end that sent it
	// passed is how many messages had to say one of its texts, of which nobody knew
	// whether it had come.
	passed int
}

type batchState uint8

const (
	// sent: nobody knows whether the other end has it.
	sent batchState = iota
	// held: the other end has said so.
	held
	// dead: it is never referred to.
	dead
)

// entry is a string of a batch; the zero entry is a hole, which holds nothing yet or
// never will.
type entry struct {
	text  string
	batch *Batch
	// older is 1 + the index of the entry with this text that was the newest when this one
	// came, 0 for none: it serves those that do not see this one.
	older uint64
}

// store is a table as one end has it: the entries from index off on. What is in it is
// never changed in place, so that views need no lock.
type store struct {
	entries []entry
	off     uint64
	// index finds the newest entry of a text.
	index map[string]uint64
}

func (s *store) end() uint64 { return s.off + uint64(len(s.entries)) }

// at returns the entry of an index, a hole where there is none.
func (s *store) at(index uint64) entry {
	if index < s.off || index >= s.end() {
		return entry{}
	}
	return s.entries[index-s.off]
}

// find returns the newest entry of a text.
func (s *store) find(text []byte) (index uint64, e entry, ok bool) {
	index, ok = s.index[string(text)]
	if !ok {
		return 0, entry{}, false
	}
	e = s.at(index)
	return index, e, e.batch != nil
}

// findOld is how many entries of a text are looked at.
const findOld = 8

// findWhere returns the newest entry of a text for which ok holds.
func (s *store) findWhere(text []byte, ok func(index uint64, e entry) bool) (index uint64, found bool) {
	index, e, found := s.find(text)
	for range findOld {
		if !found || ok(index, e) {
			return index, found
		}
		if e.older == 0 {
			return 0, false
		}
		index = e.older - 1
		e = s.at(index)
		found = e.text == string(text)
	}
	return 0, false
}

// put adds a batch. Entries between what there is and a later batch become holes;
// a batch that fills holes, or comes before all, goes into a copy. What lies further from
// the others than a few tables takes their place.
func (s *store) put(b *Batch, texts []string, size int) {
	far := uint64(4 * size)
	switch {
	case len(s.entries) == 0:
		s.off = b.First
	case b.First > s.end()+far:
		*s = store{off: b.First}
	case b.First < s.off:
		if s.end()-b.First > far {
			return // so late that nothing refers to it
		}
		all := make([]entry, s.end()-b.First)
		copy(all[s.off-b.First:], s.entries)
		s.entries, s.off = all, b.First
	case b.First < s.end():
		s.entries = append(make([]entry, 0, len(s.entries)), s.entries...)
	}
	for s.end() < b.End {
		s.entries = append(s.entries, entry{})
	}
	if s.index == nil {
		s.index = make(map[string]uint64)
	}
	for i, text := range texts {
		index := b.First + uint64(i)
		e := entry{text: text, batch: b}
		if old, ok := s.index[text]; !ok || old < index {
			s.index[text] = index
			if ok {
				e.older = 1 + old
			}
		}
		s.entries[index-s.off] = e
	}
	if most := 8 * size; len(s.entries) > most {
		s.trim(s.end() - uint64(most*3/4)) // nothing that may still arrive refers to those
	}
}

// trim forgets what lies before an index. Views keep what they have.
func (s *store) trim(before uint64) {
	before = min(before, s.end())
	if before <= s.off {
		return
	}
	gone := s.entries[:before-s.off]
	for i, e := range gone {
		if index, ok := s.index[e.text]; ok && e.batch != nil && index == s.off+uint64(i) {
			delete(s.index, e.text)
		}
	}
	s.entries = append(make([]entry, 0, len(s.entries)), s.entries[before-s.off:]...)
	s.off = before
}

// forget lets a batch be found no more.
func (s *store) forget(b *Batch) {
	for index := max(b.First, s.off); index < min(b.End, s.end()); index++ {
		e := s.at(index)
		if e.batch != b || s.index[e.text] != index {
			continue
		}
		delete(s.index, e.text)
		for older := e.older; older > s.off; {
			o := s.at(older - 1)
			if o.text != e.text {
				break
			}
			if o.batch.state != dead {
				s.index[e.text] = older - 1
				break
			}
			older = o.older
		}
	}
}

// view is a table up to the end of a batch, as it was when the view was made. It is safe
// for concurrent use with everything that happens to the table later.
type view struct {
	entries []entry
	off     uint64
	end     uint64 // references count back from here
	size    int
}

func (s *store) view(end uint64, size int) view {
	return view{entries: s.entries, off: s.off, end: end, size: size}
}

// upTo is the view up to the end of another batch.
func (v *view) upTo(end uint64) view {
	return view{entries: v.entries, off: v.off, end: end, size: v.size}
}

// batch returns the batch of a number, nil if nothing of it is there. Those that messages
// name are among the last.
func (v *view) batch(number uint64) *Batch {
	for i := len(v.entries) - 1; i >= 0; i-- {
		if b := v.entries[i].batch; b != nil && b.Number <= number {
			if b.Number == number {
				return b
			}
			break // numbers and indices grow together
		}
	}
	return nil
}

// at returns the entry so many places before the end.
func (v *view) at(distance uint64) (entry, bool) {
	if distance >= uint64(v.size) || distance >= v.end {
		return entry{}, false
	}
	index := v.end - 1 - distance
	if index < v.off || index >= v.off+uint64(len(v.entries)) {
		return entry{}, false
	}
	e := v.entries[index-v.off]
	return e, e.batch != nil
}
