package inspect

import (
	"github.com/coapgw/coapgw/cborcodec/dialect"
)

// A follower keeps tables as both ends do, but has them easier: it sees all messages in
// an order that is near that of their senders. docs/wire-v2.md has the rules.

// How many names there are for a base in each direction, beside 0 for none.
const (
	serverNames       = 15
	clientNames       = 3
	notificationNames = 62
)

// batch is what a message inserted.
type batch struct {
	number, first, end uint64
	note               *dialect.Note
}

type entry struct {
	text string
	note *dialect.Note
}

// table is one direction of a session.
type table struct {
	newest  uint64
	batches map[uint64]*batch
	entries map[uint64]entry
}

func newTable() *table {
	return &table{batches: map[uint64]*batch{}, entries: map[uint64]entry{}}
}

// maxTable bounds the entries of a table that is followed, and its batches.
const maxTable = 1 << 15

// add adds a batch. One that is there already stays.
func (t *table) add(number, first uint64, texts []string, note *dialect.Note) *batch {
	if old := t.batches[number]; old != nil && old.first == first && old.end == first+uint64(len(texts)) {
		return old
	}
	if len(t.entries)+len(texts) > maxTable || len(t.batches) > maxTable {
		*t = *newTable()
	}
	b := &batch{number: number, first: first, end: first + uint64(len(texts)), note: note}
	t.batches[number] = b
	for i, text := range texts {
		t.entries[first+uint64(i)] = entry{text, note}
	}
	t.newest = max(t.newest, number)
	return b
}

// named returns the batch with a short name, nil if it is not known.
func (t *table) named(short byte, names uint64) *batch {
	back := (t.newest + names - uint64(short-1)) % names
	if short == 0 || back > t.newest {
		return nil
	}
	return t.batches[t.newest-back]
}

// before returns the entry so many places before an end.
func (t *table) before(end, distance uint64) (entry, bool) {
	if t == nil || distance >= end {
		return entry{}, false
	}
	e, ok := t.entries[end-1-distance]
	return e, ok
}

// resolver reads references of one message. It implements dialect.Resolver.
type resolver struct {
	own, other       *table // nil for what is not known
	ownEnd, otherEnd uint64
	size             int // see Session
	added            []string
}

func (r *resolver) entry(ref int64) (entry, bool) {
	if ref >= int64(r.size) || ref < -int64(r.size) {
		return entry{}, false
	}
	if ref < 0 {
		return r.other.before(r.otherEnd, uint64(-1-ref))
	}
	if uint64(ref) < uint64(len(r.added)) {
		return entry{text: r.added[len(r.added)-1-int(ref)]}, true
	}
	return r.own.before(r.ownEnd, uint64(ref)-uint64(len(r.added)))
}

// Resolve implements dialect.Resolver.
func (r *resolver) Resolve(ref int64) ([]byte, bool) {
	e, ok := r.entry(ref)
	return []byte(e.text), ok
}

// Inserted implements dialect.Resolver.
func (r *resolver) Inserted(id []byte) error {
	r.added = append(r.added, string(id))
	return nil
}

// Note implements dialect.Resolver.
func (r *resolver) Note(ref int64) *dialect.Note {
	e, _ := r.entry(ref)
	return e.note
}

// again is the same resolver at the start of its message.
func (r *resolver) again() *resolver {
	c := *r
	c.added = nil
	return &c
}
