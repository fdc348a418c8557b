package endpoint

import "slices"

// Priority orders what waits for the link. Higher priorities go first; a lower one
// that waits still gets a part: see line.
type Priority int8

// Priorities of a Request. The zero value is PriorityNormal.
const (
	// PriorityBulk is for what nobody watches: media, backups, a first sync.
	PriorityBulk Priority = iota - 1
	// PriorityNormal is for what keeps a person up to date.
	PriorityNormal
	// PriorityInteractive is for what a person has done and waits for.
	PriorityInteractive
	// priorityControl is for empty messages: acknowledgements and resets, for which
	// the peer's timer runs.
	priorityControl
)

// Flow names on whose behalf a request is made, such as one user of the session.
// What has the same priority takes turns by flow.
type Flow uint64

// class is where a message waits.
type class struct {
	priority Priority
	flow     Flow
}

// class is that of all messages that serve the request.
func (r *Request) class() class {
	return class{min(max(r.Priority, PriorityBulk), PriorityInteractive), r.Flow}
}

// maxPassed is how often in a row a waiting priority is passed over for higher
// ones. Then it is its turn: each gets one place of nine at least.
const maxPassed = 8

// line is what waits, by class: the highest priority goes first, within it the
// flows take turns, and within a flow who came first. The zero value is empty.
type line[T comparable] struct {
	// flows are those with something waiting. The flows of one priority take turns
	// in this order.
	flows  []flowLine[T]
	count  int
	passed [priorityControl - PriorityBulk + 1]uint8
}

type flowLine[T comparable] struct {
	class
	items []T
}

// push adds an item behind those of its class.
func (l *line[T]) push(c class, item T) {
	l.count++
	for i := range l.flows {
		if l.flows[i].class == c {
			l.flows[i].items = append(l.flows[i].items, item)
			return
		}
	}
	l.flows = append(l.flows, flowLine[T]{c, []T{item}})
}

// pop takes the next item; ok is false when nothing waits.
func (l *line[T]) pop() (item T, ok bool) {
	if l.count == 0 {
		return item, false
	}
	next := l.choose()
	i := slices.IndexFunc(l.flows, func(f flowLine[T]) bool { return f.priority == next })
	f := l.flows[i]
	item = f.items[0]
	l.flows = slices.Delete(l.flows, i, i+1)
	if len(f.items) > 1 { // to the end: now it is another flow's turn
		f.items = slices.Delete(f.items, 0, 1)
		l.flows = append(l.flows, f)
	}
	l.taken()
	return item, true
}

// choose returns the priority whose turn it is.
func (l *line[T]) choose() Priority {
	var waits [len(l.passed)]bool
	next := PriorityBulk
	for _, f := range l.flows {
		waits[f.priority-PriorityBulk] = true
		next = max(next, f.priority)
	}
	for i := range waits {
		if waits[i] && l.passed[i] >= maxPassed {
			next = PriorityBulk + Priority(i)
			break
		}
	}
	for i := range waits {
		switch p := PriorityBulk + Priority(i); {
		case p == next || !waits[i]:
			l.passed[i] = 0
		case p < next:
			l.passed[i]++
		}
	}
	return next
}

// remove takes an item out of turn; it reports whether it waited.
func (l *line[T]) remove(c class, item T) bool {
	for i := range l.flows {
		f := &l.flows[i]
		if f.class != c {
			continue
		}
		k := slices.Index(f.items, item)
		if k < 0 {
			return false
		}
		f.items = slices.Delete(f.items, k, k+1)
		if len(f.items) == 0 {
			l.flows = slices.Delete(l.flows, i, i+1)
		}
		l.taken()
		return true
	}
	return false
}

// taken counts an item that left. An empty line keeps no memory.
func (l *line[T]) taken() {
	if l.count--; l.count == 0 {
		l.flows = nil
	}
}

// all calls f for each item until it returns false.
func (l *line[T]) all(f func(T) bool) {
	for i := range l.flows {
		for _, item := range l.flows[i].items {
			if !f(item) {
				return
			}
		}
	}
}
