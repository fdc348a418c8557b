package mixing

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/bits"
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
	var used []uint32
	bitmap := make([]byte, Slots/8)
	for i := range m.Slots {
		if m.Slots[i][0] != 0 {
			used = append(used, uint32(i))
			bitmap[i/8] |= 1 << (i % 8)
		}
	}
	dst = append(dst, bitmap...)
	for _, i := range used {
		dst = append(dst, m.Slots[i][0])
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
func (m *Model) eachHistory(used []uint32, f func(h *byte) bool) {
	above := func(s *slot, node int) byte {
		if node == 1 {
			return 0
		}
		return s[node>>1]
	}
	ordered := make([]uint32, len(used))
	for node := 1; node < slotSize; node++ {
		var place [256]int // where the next slot goes below each history
		for _, i := range used {
			if s := &m.Slots[i]; m.reached(s, node) {
				place[above(s, node)]++
			}
		}
		reached := 0
		for h, n := range place {
			place[h] = reached
			reached += n
		}
		for _, i := range used {
			if s := &m.Slots[i]; m.reached(s, node) {
				ordered[place[above(s, node)]] = i
				place[above(s, node)]++
			}
		}
		for _, i := range ordered[:reached] {
			if !f(&m.Slots[i][node]) {
				return
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

// Dictionary reads no more than the dictionary of what Append wrote. It fails with ErrModel.
func Dictionary(in io.Reader) ([]byte, error) {
	head := bufio.NewReader(in)
	if version, err := head.ReadByte(); err != nil || version != Version {
		return nil, ErrModel
	}
	n, err := binary.ReadUvarint(head)
	if err != nil || n > maxDictionary {
		return nil, ErrModel
	}
	dictionary := make([]byte, n)
	if _, err := io.ReadFull(head, dictionary); err != nil {
		return nil, ErrModel
	}
	return dictionary, nil
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
	bitmap := r.next(Slots / 8)
	n := 0
	for _, b := range bitmap {
		n += bits.OnesCount8(b)
	}
	used := make([]uint32, 0, n)
	for i, b := range bitmap {
		for j := range 8 {
			if b>>j&1 == 1 {
				used = append(used, uint32(i*8+j))
			}
		}
	}
	for _, i := range used {
		m.Slots[i][0] = r.byte()
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
