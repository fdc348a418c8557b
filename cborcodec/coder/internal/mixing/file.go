package mixing

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/bits"
)

// Version is the number of the algorithm. Whoever changes a constant, a rule or a
// table of this package that alters a code gives it the next number.
const Version = 6

// ErrModel says that bytes are no model of this Version.
var ErrModel = errors.New("mixing: not a model")

// weightShift is what a model leaves out of a weight: it is stored in units of 1/4096.
const weightShift = 4

// maxDictionary is the longest dictionary: what deflate can look back to.
const maxDictionary = 32 << 10

// Append appends the form of the model that ReadModel reads: the version, the
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
	used := new(slotSet)
	for i := range m.Slots {
		if m.Slots[i][0] != 0 {
			used[i/8] |= 1 << (i % 8)
		}
	}
	dst = append(dst, used[:]...)
	for n := range used.all {
		dst = append(dst, m.Slots[n][0])
	}
	m.eachHistory(used, func(h *byte) bool {
		dst = append(dst, *h)
		return true
	})
	return dst
}

// slotSet is a set of slots, by their numbers: a bit each.
type slotSet [Slots / 8]byte

// all yields the numbers of the slots, in order.
func (s *slotSet) all(yield func(uint32) bool) {
	for i, b := range s {
		for ; b != 0; b &= b - 1 {
			if !yield(uint32(i*8 + bits.TrailingZeros8(b))) {
				return
			}
		}
	}
}

func (s *slotSet) size() (n int) {
	for _, b := range s {
		n += bits.OnesCount8(b)
	}
	return n
}

// eachHistory calls f for the histories of the slots of a set, until it returns
// false: node by node, and those of one node ordered by the history above it, since like
// ones follow. A history is left out where the one above it tells that it is empty.
func (m *Model) eachHistory(used *slotSet, f func(h *byte) bool) {
	ordered := make([]uint32, used.size()) // of one node at a time: small devices do this too
	for node := 1; node < slotSize; node++ {
		above := func(n uint32) byte {
			if node == 1 {
				return 0
			}
			return m.Slots[n][node>>1]
		}
		// Sorted by counting: where those with a history above begin.
		var begin [256 + 1]int
		for n := range used.all {
			if m.reached(&m.Slots[n], node) {
				begin[int(above(n))+1]++
			}
		}
		for i := range 256 {
			begin[i+1] += begin[i]
		}
		total := begin[256]
		for n := range used.all {
			if m.reached(&m.Slots[n], node) {
				place := &begin[above(n)]
				ordered[*place] = n
				*place++
			}
		}
		for _, n := range ordered[:total] {
			if !f(&m.Slots[n][node]) {
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

// ReadModel reads what Append wrote, to its end. It fails with ErrModel, or with an error of
// r other than its end.
func ReadModel(r io.Reader) (*Model, error) {
	in := modelReader{in: bufio.NewReader(r)}
	if in.byte() != Version {
		return nil, in.wrong()
	}
	n, err := binary.ReadUvarint(in.in)
	if err != nil || n > maxDictionary {
		in.fail(err)
		return nil, in.wrong()
	}
	dictionary := make([]byte, n)
	in.read(dictionary)
	m := NewModel(dictionary)
	m.fields(func(v *int16) { *v = max(-MaxLogit, min(in.int16(), MaxLogit)) })
	m.Mixers.each(func(w *int32) { *w = int32(in.int16()) << weightShift })
	m.readSlots(&in)
	if in.err != nil {
		return nil, in.wrong()
	}
	if _, err := in.in.ReadByte(); err != io.EOF {
		in.fail(err)
		return nil, in.wrong()
	}
	return m, nil
}

func (m *Model) readSlots(r *modelReader) {
	used := new(slotSet)
	r.read(used[:])
	for n := range used.all {
		m.Slots[n][0] = r.byte()
	}
	m.eachHistory(used, func(h *byte) bool {
		*h = r.byte()
		if int(*h) >= len(m.histories.counts) {
			r.fail(ErrModel)
		}
		return r.err == nil
	})
}

// modelReader reads a model; after a failure it gives zeros.
type modelReader struct {
	in  *bufio.Reader
	err error
}

// fail notes the first thing that went wrong.
func (r *modelReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// wrong is what is wrong with the model: nothing but that it is none, or that it could not
// be read.
func (r *modelReader) wrong() error {
	if r.err == nil || r.err == io.EOF || r.err == io.ErrUnexpectedEOF {
		return ErrModel
	}
	return r.err
}

func (r *modelReader) read(b []byte) {
	if r.err == nil {
		_, r.err = io.ReadFull(r.in, b)
	}
	if r.err != nil {
		clear(b)
	}
}

func (r *modelReader) byte() byte {
	if r.err != nil {
		return 0
	}
	b, err := r.in.ReadByte()
	r.fail(err)
	return b
}

func (r *modelReader) int16() int16 {
	high := r.byte()
	return int16(uint16(high)<<8 | uint16(r.byte()))
}
