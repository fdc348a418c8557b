package answers

import (
	"container/list"
	"slices"
	"time"
)

// The functions of this file keep the index of a Book. b.mu is held.

// take begins the index with what an earlier life has kept.
func (b *Book) take(found []place) {
	slices.SortStableFunc(found, func(x, y place) int { return x.at.Compare(y.at) })
	for _, p := range found {
		b.insert(p)
	}
}

// insert puts an answer at the end.
func (b *Book) insert(p place) {
	b.remove(p.name)
	b.known[p.name] = b.order.PushBack(p)
	b.own(p.owner, 1, p.size)
	b.bytes += p.size
}

// own counts so many more answers with so many bytes of an owner.
func (b *Book) own(o owner, count, bytes int) {
	s := b.owned[o]
	s.count, s.bytes = s.count+count, s.bytes+bytes
	if b.owned[o] = s; s.count == 0 {
		delete(b.owned, o)
	}
}

// remove takes an answer out, if it is there.
func (b *Book) remove(n name) {
	if at, ok := b.known[n]; ok {
		p := at.Value.(place)
		b.bytes -= p.size
		b.own(p.owner, -1, -p.size)
		b.order.Remove(at)
		delete(b.known, n)
	}
}

// evict takes out what is too old, and as long as so many more answers with so many bytes
// are not within bounds the oldest of who has the most of what there is too much of. It adds
// to changes what the store has to forget.
func (b *Book) evict(now time.Time, count, bytes int, changes map[string][]byte) {
	for at := b.order.Front(); at != nil && now.Sub(at.Value.(place).at) >= b.MaxAge; at = b.order.Front() {
		b.give(at, changes)
	}
	for b.order.Len() > 0 && b.order.Len()+count > b.MaxCount {
		b.give(b.oldestOfMost(func(s share) int { return s.count }), changes)
	}
	for b.order.Len() > 0 && b.bytes+bytes > b.MaxBytes {
		b.give(b.oldestOfMost(func(s share) int { return s.bytes }), changes)
	}
}

func (b *Book) give(at *list.Element, changes map[string][]byte) {
	n := at.Value.(place).name
	b.remove(n)
	changes[b.storeKey(n)] = nil
}

// oldestOfMost returns the oldest answer of those who have the most. There is one.
func (b *Book) oldestOfMost(of func(share) int) *list.Element {
	most := 0
	for _, s := range b.owned {
		most = max(most, of(s))
	}
	at := b.order.Front()
	for of(b.owned[at.Value.(place).owner]) < most {
		at = at.Next()
	}
	return at
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
