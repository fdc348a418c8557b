package integrity

// window is the sliding window of received counters (RFC 6347 §4.1.2.6). Its zero
// value has seen nothing.
type window struct {
	// next is one above the highest counter seen.
	next uint64
	// seen has bit i for the counter next-1-i.
	seen uint64
}

// windowSize is how far a record may be overtaken by others.
const windowSize = 64

// closedWindow takes nothing below next.
func closedWindow(next uint64) window { return window{next: next, seen: ^uint64(0)} }

// fresh tells whether a counter was not seen and is not too old to know.
func (w window) fresh(counter uint64) bool {
	if counter >= w.next {
		return true
	}
	age := w.next - 1 - counter
	return age < windowSize && w.seen&(1<<age) == 0
}

// add notes a fresh counter of an authentic record and tells whether it is the newest.
func (w *window) add(counter uint64) (newest bool) {
	if counter < w.next {
		w.seen |= 1 << (w.next - 1 - counter)
		return false
	}
	// A shift by the size or more leaves nothing, as it should.
	w.seen = w.seen<<(counter+1-w.next) | 1
	w.next = counter + 1
	return true
}
