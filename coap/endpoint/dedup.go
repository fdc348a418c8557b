package endpoint

import (
	"hash/maphash"
	"time"
)

// Bounds of one session's deduplication. There are no more message IDs than marks,
// so that only a peer which uses them again too soon meets the first bound; it is
// answered 5.03.
const (
	maxMarks      = 1 << 16
	maxReplyBytes = 1 << 20
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
	seed    maphash.Seed
	marks   map[uint64]*mark
	order   []uint64 // hashes in order of arrival
	bytes   int      // of all replies
	byToken map[token]*mark
}

type mark struct {
	expires time.Time
	token   token
	// reply is what a duplicate is answered with; nil means nothing.
	reply []byte
	// transient marks are dropped when the request was answered, for what it did
	// is recognised by the block-wise transfer that it belongs to.
	transient bool
}

func (d *duplicates) hash(data []byte) uint64 { return maphash.Bytes(d.seed, data) }

// full reports whether no further request can be recorded.
func (d *duplicates) full() bool { return len(d.marks) >= maxMarks || d.bytes >= maxReplyBytes }

func (d *duplicates) find(h uint64, now time.Time) (*mark, bool) {
	m, ok := d.marks[h]
	if ok && m.expires.Before(now) {
		return nil, false
	}
	return m, ok
}

// add records a message. A transient mark stays until forget.
func (d *duplicates) add(h uint64, tok token, expires time.Time, transient bool) *mark {
	if d.marks == nil {
		d.marks = make(map[uint64]*mark)
		d.byToken = make(map[token]*mark)
	}
	if old, ok := d.marks[h]; ok { // expired, and not swept yet
		d.remove(h, old)
	}
	m := &mark{expires: expires, token: tok, transient: transient}
	d.marks[h] = m
	if !transient {
		d.order = append(d.order, h)
	}
	return m
}

// supersede drops the reply to the earlier request with this token.
func (d *duplicates) supersede(tok token) {
	if m, ok := d.byToken[tok]; ok {
		d.setReply(m, nil)
		delete(d.byToken, tok)
	}
}

// answered records what duplicates of m are answered with.
func (d *duplicates) answered(m *mark, reply []byte) {
	d.setReply(m, reply)
	d.byToken[m.token] = m
}

func (d *duplicates) setReply(m *mark, reply []byte) {
	d.bytes += len(reply) - len(m.reply)
	m.reply = reply
}

// forget removes a transient mark.
func (d *duplicates) forget(h uint64) {
	if m, ok := d.marks[h]; ok && m.transient {
		d.remove(h, m)
	}
}

// keep makes a transient mark one that stays.
func (d *duplicates) keep(h uint64) {
	if m, ok := d.marks[h]; ok && m.transient {
		m.transient = false
		d.order = append(d.order, h)
	}
}

// prolong keeps all marks for so much longer.
func (d *duplicates) prolong(by time.Duration) {
	for _, m := range d.marks {
		m.expires = m.expires.Add(by)
	}
}

func (d *duplicates) remove(h uint64, m *mark) {
	d.setReply(m, nil)
	if d.byToken[m.token] == m {
		delete(d.byToken, m.token)
	}
	delete(d.marks, h)
}

// expire removes what is too old and returns when to come again, zero for never.
func (d *duplicates) expire(now time.Time) time.Time {
	for len(d.order) > 0 {
		m, ok := d.marks[d.order[0]]
		if ok && m.expires.After(now) {
			return m.expires
		}
		if ok {
			d.remove(d.order[0], m)
		}
		d.order = d.order[1:]
	}
	if len(d.marks) == 0 {
		// Maps keep the room they once needed; an idle session must not.
		d.marks, d.byToken, d.order = nil, nil, nil
	}
	return time.Time{}
}
