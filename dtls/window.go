package dtls

// window is the sliding window of received sequence numbers (RFC 6347 §4.1.2.6,
// RFC 4303 §3.4.3). Its zero value has seen nothing.
type window struct {
	// next is one above the highest number seen.
	next uint64
	// seen has bit i for the number next-1-i.
	seen uint64
}

// windowSize is how far a record may be overtaken by others.
const windowSize = 64

// closedWindow takes nothing below next.
func closedWindow(next uint64) window { return window{next: next, seen: ^uint64(0)} }

// fresh tells whether a number was not seen and is not too old to know.
func (w window) fresh(seq uint64) bool {
	if seq >= w.next {
		return true
	}
	age := w.next - 1 - seq
	return age < windowSize && w.seen&(1<<age) == 0
}

// add notes a fresh number, once its record has proven authentic, and tells
// whether it is the newest.
func (w *window) add(seq uint64) (newest bool) {
	if seq < w.next {
		w.seen |= 1 << (w.next - 1 - seq)
		return false
	}
	// A shift by the size or more leaves nothing, as it should.
	w.seen = w.seen<<(seq+1-w.next) | 1
	w.next = seq + 1
	return true
}
