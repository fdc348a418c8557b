package idtable

// Incoming is a message that is being read, against the tables as its State names them.
// It is not safe for concurrent use.
type Incoming struct {
	own   view // of the sender's table
	other view // of the receiver's
	size  int
	note  any
	added []string
	// finish keeps what the message inserted.
	finish func(texts []string, note any) error
}

// Resolve returns the entry of a reference. A string that it returns is never changed.
func (in *Incoming) Resolve(ref int64) (text string, ok bool) {
	if ref >= 0 && uint64(ref) < uint64(len(in.added)) {
		return in.added[len(in.added)-1-int(ref)], true
	}
	e, ok := in.entry(ref)
	return e.text, ok
}

// entry returns an entry that was there before the message.
func (in *Incoming) entry(ref int64) (entry, bool) {
	if ref < 0 {
		return in.other.at(uint64(-1 - ref))
	}
	if uint64(ref) < uint64(len(in.added)) || ref >= int64(in.size) {
		return entry{}, false // what the message inserts counts, too: the farthest is size - 1
	}
	return in.own.at(uint64(ref) - uint64(len(in.added)))
}

// Note returns the note of the message that inserted the entry of a reference; nil for
// this message and where there is none.
func (in *Incoming) Note(ref int64) any {
	if e, ok := in.entry(ref); ok {
		return e.batch.Note
	}
	return nil
}

// BaseNote returns the note of the base in the server's table, nil for none.
func (in *Incoming) BaseNote() any { return in.note }

// Inserted notes a string that the message inserts. It fails with ErrMalformed.
func (in *Incoming) Inserted(text []byte) error {
	if len(text) == 0 || len(text) > MaxText || len(in.added) >= maxInserts(in.size) {
		return ErrMalformed
	}
	in.added = append(in.added, string(text))
	return nil
}

// Commit ends a message that was read to its end: what it inserted is kept with the
// note. It fails with ErrMalformed or ErrConflict. Without Commit nothing is kept.
func (in *Incoming) Commit(note any) error {
	texts := in.added
	in.added = nil
	return in.finish(texts, note)
}
