package endpoint

import (
	"hash/maphash"
	"maps"
	"slices"
	"time"
)

// Bounds of one session's deduplication. There are no more message IDs than marks,
// so that only a peer which uses them again too soon meets the first bound; it is
// answered 5.03.
const (
	maxMarks      = 1 << 16
	maxReplyBytes = 1 << 20
)

// What deduplication takes in memory, in bytes: each mark, and each reply besides its
// content.
const (
	markCost  = 48
	replyCost = 144
)

// duplicates recognises messages that arrived before (RFC 7252 §4.5) by a hash of
// the whole message: the same message ID with other bytes is another message.
//
// A mark stays for EXCHANGE_LIFETIME (NON_LIFETIME) and is never dropped before,
// so that a duplicate is never executed. The reply that goes with it, which is
// what needs memory, is dropped when the peer has shown that it will not repeat
// the request: it acknowledged the separate response, or used the token for
// another request (RFC 7252 §5.3.1). A duplicate that arrives even later was
// delayed in the network, nobody waits for its answer, and it is ignored.
type duplicates struct {
	seed  maphash.Seed
	begun time.Time // what marks count from
	// marks has, by hash, when each expires. Most have nothing else to be kept.
	marks map[uint64]time.Duration
	// open are the marks that have: a reply, or that they are transient.
	open    map[uint64]*mark
	order   []uint64 // hashes in order of arrival
	bytes   int      // of all replies
	byToken map[token]*mark
	share   share
	peak    struct{ marks, open, byToken int } // the most that each map has held, see shrunk
}

// mark is what is known of a message while it is being answered, and afterwards as long
// as its reply is kept.
type mark struct {
	hash uint64
	// reply is what a duplicate is answered with; nil means nothing.
	reply []byte
	token token
	// transient marks are dropped when the request was answered, for what it did
	// is recognised by the block-wise transfer that it belongs to.
	transient bool
}

func newDuplicates(q *Quota) duplicates {
	return duplicates{seed: maphash.MakeSeed(), begun: time.Now(), share: share{quota: q}}
}

func (d *duplicates) hash(data []byte) uint64 { return maphash.Bytes(d.seed, data) }

// full reports whether no further request can be recorded.
func (d *duplicates) full() bool {
	return max(len(d.marks), len(d.order)) >= maxMarks || d.bytes >= maxReplyBytes || d.share.full()
}

func (d *duplicates) find(h uint64, now time.Time) (reply []byte, ok bool) {
	expires, ok := d.marks[h]
	if !ok || expires < now.Sub(d.begun) {
		return nil, false
	}
	if m := d.open[h]; m != nil {
		reply = m.reply
	}
	return reply, true
}

// add records a message. A transient mark stays until forget.
func (d *duplicates) add(h uint64, tok token, expires time.Time, transient bool) *mark {
	if d.marks == nil {
		d.marks = make(map[uint64]time.Duration)
		d.open = make(map[uint64]*mark)
		d.byToken = make(map[token]*mark)
	}
	d.removeHash(h) // expired, and not swept yet
	m := &mark{hash: h, token: tok, transient: transient}
	d.marks[h] = expires.Sub(d.begun)
	d.peak.marks = max(d.peak.marks, len(d.marks))
	d.share.take(markCost)
	d.file(m)
	if !transient {
		d.order = append(d.order, h)
	}
	return m
}

// has reports whether a mark is still kept: it may have expired while its request was
// being answered.
func (d *duplicates) has(m *mark) bool {
	if m == nil {
		return false
	}
	_, ok := d.marks[m.hash]
	other := d.open[m.hash]
	return ok && (other == nil || other == m)
}

// supersede drops the reply to the earlier request with this token.
func (d *duplicates) supersede(tok token) {
	if m, ok := d.byToken[tok]; ok {
		d.setReply(m, nil)
	}
}

// answered records what duplicates of m are answered with.
func (d *duplicates) answered(m *mark, reply []byte) {
	if d.has(m) {
		d.setReply(m, reply)
		d.byToken[m.token] = m
		d.peak.byToken = max(d.peak.byToken, len(d.byToken))
	}
}

func (d *duplicates) setReply(m *mark, reply []byte) {
	if !d.has(m) {
		return
	}
	d.bytes += len(reply) - len(m.reply)
	d.share.take(costOf(reply) - costOf(m.reply))
	m.reply = reply
	if reply == nil && d.byToken[m.token] == m {
		delete(d.byToken, m.token)
	}
	d.file(m)
}

// file has m among the open ones as long as there is something to be kept of it.
func (d *duplicates) file(m *mark) {
	if m.reply != nil || m.transient {
		d.open[m.hash] = m
		d.peak.open = max(d.peak.open, len(d.open))
	} else {
		delete(d.open, m.hash)
	}
}

// costOf is what a reply takes in memory.
func costOf(reply []byte) int64 {
	if reply == nil {
		return 0
	}
	return replyCost + int64(len(reply))
}

// forget removes a transient mark.
func (d *duplicates) forget(h uint64) {
	if m := d.open[h]; m != nil && m.transient {
		d.removeHash(h)
	}
}

// keep makes a transient mark one that stays.
func (d *duplicates) keep(h uint64) {
	if m := d.open[h]; m != nil && m.transient {
		m.transient = false
		d.order = append(d.order, h)
		d.file(m)
	}
}

// prolong keeps all marks for so much longer.
func (d *duplicates) prolong(by time.Duration) {
	if by == 0 {
		return
	}
	for h, expires := range d.marks {
		d.marks[h] = expires + by
	}
}

func (d *duplicates) remove(m *mark) {
	if d.has(m) {
		d.removeHash(m.hash)
	}
}

func (d *duplicates) removeHash(h uint64) {
	if _, ok := d.marks[h]; !ok {
		return
	}
	if m := d.open[h]; m != nil {
		m.transient = false
		d.setReply(m, nil)
	}
	delete(d.marks, h)
	d.share.take(-markCost)
	if last := len(d.order) - 1; last >= 0 && d.order[last] == h {
		d.order = d.order[:last] // what is never answered does not pile up there
	}
}

// expire removes what is too old and returns when to come again, zero for never.
func (d *duplicates) expire(now time.Time) time.Time {
	defer d.shrink()
	for len(d.order) > 0 {
		expires, ok := d.marks[d.order[0]]
		if ok && expires > now.Sub(d.begun) {
			return d.begun.Add(expires)
		}
		first := d.order[0]
		d.order = d.order[1:]
		d.removeHash(first)
	}
	return time.Time{}
}

// shrink gives back what is not needed any more: an idle session remembers nothing, and one that
// was busy and goes on takes no more than one that was not.
func (d *duplicates) shrink() {
	if len(d.marks) == 0 {
		d.marks, d.open, d.byToken, d.order = nil, nil, nil, nil
		return
	}
	before := d.peak.marks
	if d.marks = shrunk(d.marks, &d.peak.marks); d.peak.marks < before {
		d.order = slices.Clone(d.order)
	}
	d.open = shrunk(d.open, &d.peak.open)
	d.byToken = shrunk(d.byToken, &d.peak.byToken)
}

// shrunk returns a map that is as large as it has to be: one keeps the room that it once needed.
// Small ones may.
func shrunk[K comparable, V any](m map[K]V, peak *int) map[K]V {
	if *peak < 1024 || len(m) > *peak/4 {
		return m
	}
	*peak = len(m)
	less := make(map[K]V, len(m))
	maps.Copy(less, m)
	return less
}

// release forgets everything when the session is over.
func (d *duplicates) release() {
	d.marks, d.open, d.byToken, d.order, d.bytes = nil, nil, nil, nil, 0
	d.share.release()
}
