package idtable

// Outgoing is a message that is being written. It holds the lock of its end, so it must
// be ended by Commit or Cancel soon, and is not safe for concurrent use.
type Outgoing struct {
	own     *writer
	base    *Batch // in own, nil for none
	other   *reader
	against view // of other
	// mayInsert: there is room to name another batch; wanted: it was asked for in vain.
	mayInsert, wanted bool
	baseNote          any // of the base in the server's table

	added  []string
	places map[string]int
	passed *Batch // see passes
	// leaned: the message refers to the other end's table.
	leaned bool
	// finish ends the message: it is sent and leaves a note behind, or it is not.
	finish func(note any, keep bool) State
}

// Find returns the reference of an entry that the receiver is sure to have.
func (o *Outgoing) Find(text []byte) (ref int64, ok bool) {
	if place, ok := o.places[string(text)]; ok {
		return int64(len(o.added) - 1 - place), true
	}
	best, found := uint64(0), false
	if d, ok := o.ownDistance(text); ok {
		best, found = d+uint64(len(o.added)), true
	}
	if d, ok := o.otherDistance(text); ok && (!found || d < best) {
		o.leaned = true
		return -1 - int64(d), true
	}
	return int64(best), found
}

// refreshFrom is the distance from which on an entry is worth to be inserted anew: those
// in use then have short references. It is a guess that measuring bore out.
const refreshFrom = 24

// Refresh reports whether text, which the message refers to by ref, becomes an entry
// again.
func (o *Outgoing) Refresh(text []byte, ref int64) bool {
	if ref < refreshFrom || !o.mayInsert || len(o.added) >= maxInserts(o.own.size)/2 {
		return false
	}
	return o.Insert(text)
}

// ownDistance returns how far before the end of the base a text is. The last of the entries that
// the receiver takes is referred to as well: it keeps more than that behind each base.
func (o *Outgoing) ownDistance(text []byte) (distance uint64, ok bool) {
	if o.base == nil {
		return 0, false
	}
	index, ok := o.own.findWhere(text, func(index uint64, e entry) bool {
		return index < o.base.End && e.batch.state == held && e.batch.Number <= o.base.Number
	})
	if !ok {
		return 0, false
	}
	distance = o.base.End - 1 - index
	return distance, distance+uint64(len(o.added)) < uint64(o.own.size)
}

func (o *Outgoing) otherDistance(text []byte) (distance uint64, ok bool) {
	index, ok := o.other.findWhere(text, func(index uint64, _ entry) bool {
		if index >= o.against.end {
			return false
		}
		e, ok := o.against.at(o.against.end - 1 - index)
		return ok && e.text == string(text)
	})
	if !ok {
		return 0, false
	}
	return o.against.end - 1 - index, true
}

// Insert reports whether text, which the message now carries in full, becomes an entry.
func (o *Outgoing) Insert(text []byte) bool {
	switch {
	case len(text) == 0 || len(text) > MaxText || len(o.added) >= maxInserts(o.own.size):
		return false
	case !o.mayInsert:
		o.wanted = true
		return false
	}
	if index, e, ok := o.own.find(text); ok && e.batch.state == sent && index >= o.ownEnd() && o.passes(e.batch) {
		return false // on its way already
	}
	if o.places == nil {
		o.places = make(map[string]int)
	}
	o.places[string(text)] = len(o.added)
	o.added = append(o.added, string(text))
	return true
}

// passes reports whether a batch that is on its way may still be waited for. If it was
// lost, nothing but another one shows that to the receiver.
func (o *Outgoing) passes(b *Batch) bool {
	if o.passed != b {
		o.passed = b
		b.passed++
	}
	return b.passed <= patience
}

// ownEnd is the index behind the base.
func (o *Outgoing) ownEnd() uint64 {
	if o.base == nil {
		return 0
	}
	return o.base.End
}

// Note returns the note of the message that inserted the entry of a reference; nil for
// this message and where there is none.
func (o *Outgoing) Note(ref int64) any {
	if ref < 0 {
		if e, ok := o.against.at(uint64(-1 - ref)); ok {
			return e.batch.Note
		}
		return nil
	}
	if uint64(ref) < uint64(len(o.added)) || o.base == nil {
		return nil
	}
	distance := uint64(ref) - uint64(len(o.added))
	if distance >= o.base.End {
		return nil
	}
	if e := o.own.at(o.base.End - 1 - distance); e.batch != nil {
		return e.batch.Note
	}
	return nil
}

// Recent calls f with the entries of the other end's table that may be referred to,
// the newest first, until it returns false.
func (o *Outgoing) Recent(f func(ref int64, text string, note any) bool) {
	for d := uint64(0); d < uint64(o.against.size) && d < o.against.end; d++ {
		if e, ok := o.against.at(d); ok && !f(-1-int64(d), e.text, e.batch.Note) {
			return
		}
	}
}

// Lean says that the message uses a reference to the other end's table that Recent
// gave.
func (o *Outgoing) Lean() { o.leaned = true }

// BaseNote returns the note of the base in the server's table, nil for none.
func (o *Outgoing) BaseNote() any { return o.baseNote }

// Commit ends the message, which goes on the wire, and returns what it must say. Note is
// remembered with its batch, if it has one.
func (o *Outgoing) Commit(note any) State {
	return o.finish(note, true)
}

// Cancel ends a message that is not sent.
func (o *Outgoing) Cancel() { o.finish(nil, false) }

// OwnNote returns the note of the base in the sender's own table, nil for none.
func (o *Outgoing) OwnNote() any {
	if o.base == nil {
		return nil
	}
	return o.base.Note
}

// Based reports whether there is a base in the sender's own table.
func (o *Outgoing) Based() bool { return o.base != nil }
