package answers

import (
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
	b.bytes += p.size
}

// remove takes an answer out, if it is there.
func (b *Book) remove(n name) {
	if at, ok := b.known[n]; ok {
		b.bytes -= at.Value.(place).size
		b.order.Remove(at)
		delete(b.known, n)
	}
}

// evict takes out what is too old, and the oldest until so many more answers with so many
// bytes are within bounds. It adds to changes what the store has to forget.
func (b *Book) evict(now time.Time, count, bytes int, changes map[string][]byte) {
	for at := b.order.Front(); at != nil; at = b.order.Front() {
		p := at.Value.(place)
		if now.Sub(p.at) < b.MaxAge && b.order.Len()+count <= b.MaxCount && b.bytes+bytes <= b.MaxBytes {
			return
		}
		b.remove(p.name)
		changes[b.storeKey(p.name)] = nil
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
