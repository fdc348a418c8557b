package mixing

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
)

// Version is the number of the algorithm. Whoever changes a constant, a rule or a
// table of this package that alters a code gives it the next number.
const Version = 5

// ErrModel says that bytes are no model of this Version.
var ErrModel = errors.New("mixing: not a model")

// weightShift is what a model leaves out of a weight: it is stored in units of 1/4096.
const weightShift = 4

// maxDictionary is the longest dictionary: what deflate can look back to.
const maxDictionary = 32 << 10

// Append appends the form of the model that ParseModel reads: the version, the
// dictionary behind its length, the logits, the mixers, the slots.
func (m *Model) Append(dst []byte) []byte {
	dst = append(dst, Version)
	dst = binary.AppendUvarint(dst, uint64(len(m.Dictionary)))
	dst = append(dst, m.Dictionary...)
	m.fields(func(v *int16) { dst = binary.BigEndian.AppendUint16(dst, uint16(*v)) })
	m.Mixers.each(func(w *int32) {
		stored := max(math.MinInt16, min(*w>>weightShift, math.MaxInt16))
		dst = binary.BigEndian.AppendUint16(dst, uint16(stored))
	})
	return m.appendSlots(dst)
}

// appendSlots appends the slots: which are in use, a bit each, then the check bytes of
// those, then their histories.
func (m *Model) appendSlots(dst []byte) []byte {
	var used []*slot
	bitmap := make([]byte, Slots/8)
	for i := range m.Slots {
		if s := &m.Slots[i]; s[0] != 0 {
			used = append(used, s)
			bitmap[i/8] |= 1 << (i % 8)
		}
	}
	dst = append(dst, bitmap...)
	for _, s := range used {
		dst = append(dst, s[0])
	}
	m.eachHistory(used, func(h *byte) bool {
		dst = append(dst, *h)
		return true
	})
	return dst
}

// eachHistory calls f for the histories of slots, until it returns false: node by node,
// and those of one node ordered by the history above it, since like ones follow. A
// history is left out where the one above it tells that it is empty.
func (m *Model) eachHistory(used []*slot, f func(h *byte) bool) {
	for node := 1; node < slotSize; node++ {
		var below [256][]*slot
		for _, s := range used {
			if m.reached(s, node) {
				above := byte(0)
				if node > 1 {
					above = s[node>>1]
				}
				below[above] = append(below[above], s)
			}
		}
		for _, same := range below {
			for _, s := range same {
				if !f(&s[node]) {
					return
				}
			}
		}
	}
}

// reached says whether a bit has led from the history above a node to it.
func (m *Model) reached(s *slot, node int) bool {
	return node == 1 || m.histories.counts[s[node>>1]][node&1] > 0
}

// fields calls f for all logits.
func (m *Model) fields(f func(*int16)) {
	for i := range m.Logits {
		for j := range Histories {
			f(&m.Logits[i][j])
		}
	}
	for i := range m.MatchLogits {
		f(&m.MatchLogits[i])
	}
}

// each calls f for all weights.
func (m *Mixers) each(f func(*int32)) {
	for i := range m.First {
		for j := range m.First[i] {
			f(&m.First[i][j])
		}
	}
	for i := range m.Final {
		for j := range m.Final[i] {
			f(&m.Final[i][j])
		}
	}
}

// ParseModel reads what Append wrote. It fails with ErrModel.
func ParseModel(b []byte) (*Model, error) {
	r := modelReader{rest: b}
	if r.byte() != Version {
		return nil, ErrModel
	}
	n, size := binary.Uvarint(r.rest)
	if size <= 0 || n > maxDictionary {
		return nil, ErrModel
	}
	r.next(size)
	m := NewModel(bytes.Clone(r.next(int(n))))
	m.fields(func(v *int16) { *v = max(-MaxLogit, min(r.int16(), MaxLogit)) })
	m.Mixers.each(func(w *int32) { *w = int32(r.int16()) << weightShift })
	m.readSlots(&r)
	if r.failed || len(r.rest) != 0 {
		return nil, ErrModel
	}
	return m, nil
}

func (m *Model) readSlots(r *modelReader) {
	var used []*slot
	for i, bits := range r.next(Slots / 8) {
		for j := range 8 {
			if bits>>j&1 == 1 {
				used = append(used, &m.Slots[i*8+j])
			}
		}
	}
	for _, s := range used {
		s[0] = r.byte()
	}
	m.eachHistory(used, func(h *byte) bool {
		*h = r.byte()
		r.failed = r.failed || int(*h) >= len(m.histories.counts)
		return !r.failed
	})
}

// modelReader reads a model; after a failure it gives zeros.
type modelReader struct {
	rest   []byte
	failed bool
}

func (r *modelReader) next(n int) []byte {
	if n > len(r.rest) {
		r.failed = true
		return make([]byte, n)
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *modelReader) byte() byte { return r.next(1)[0] }

func (r *modelReader) int16() int16 { return int16(binary.BigEndian.Uint16(r.next(2))) }
