package mixing

import (
	"math/bits"
	"slices"
)

// A bit history is one byte: the number of a pair of counts, how often the bit was 0
// and how often it was 1 in its context. historyRows lists the pairs: for each smaller
// count, the larger counts that it occurs with. Pairs are numbered row by row, the one
// with fewer zeros first. History 0 is the pair (0, 0): nothing seen.
var historyRows = []struct {
	smaller int
	larger  []int
}{
	{0, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128, 255}},
	{1, []int{1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128}},
	{2, []int{2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32, 48, 64, 128}},
	{3, []int{3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 128}},
	{4, []int{4, 5, 6, 8, 10, 12, 16, 24, 32, 48, 64, 128}},
	{6, []int{6, 8, 10, 12, 16, 24, 32, 48, 64, 128}},
	{8, []int{8, 12, 16, 24, 32, 48, 64, 128}},
	{12, []int{12, 16, 24, 32, 48, 64, 128}},
	{16, []int{16, 24, 32, 48, 64, 128}},
	{24, []int{24, 32, 48, 64, 128}},
	{32, []int{32, 48, 64, 128}},
	{64, []int{64, 128}},
}

// Histories bounds the numbers of histories.
const Histories = 240

// maxStep is the widest gap between listed counts that one more bit closes. Beyond
// it a count stands still: only a model says more.
const maxStep = 4

// Counts is a pair of counts of bits: zeros and ones.
type Counts [2]int

// histories are the tables about bit histories. They depend on nothing but
// historyRows.
type histories struct {
	next [256][2]uint8
	// total is the sum of both counts, 255 at most.
	total  [256]uint8
	counts []Counts
	number map[Counts]uint8
}

func newHistories() *histories {
	h := &histories{number: make(map[Counts]uint8)}
	add := func(c Counts) {
		h.number[c] = uint8(len(h.counts))
		h.counts = append(h.counts, c)
	}
	for _, row := range historyRows {
		for _, larger := range row.larger {
			add(Counts{row.smaller, larger})
			if larger != row.smaller {
				add(Counts{larger, row.smaller})
			}
		}
	}
	for i, c := range h.counts {
		h.total[i] = uint8(min(c[0]+c[1], 255))
		h.next[i] = [2]uint8{h.after(c, 0), h.after(c, 1)}
	}
	return h
}

// History is the number of the listed pair that is nearest below c, after both counts
// were scaled down until they fit.
func (h *histories) History(c Counts) uint8 {
	small, large := min(c[0], c[1]), max(c[0], c[1])
	if limit := 255; large > limit {
		small, large = small*limit/large, limit
	}
	row := historyRows[0]
	for _, r := range historyRows {
		if r.smaller <= small {
			row = r
		}
	}
	small = row.smaller
	large = floor(row.larger, large)
	if c[0] > c[1] {
		return h.number[Counts{large, small}]
	}
	return h.number[Counts{small, large}]
}

// after is the history after one more bit. The count of the other bit is cut down to
// its logarithm, so that a context that changed its mind is believed soon.
func (h *histories) after(c Counts, bit int) uint8 {
	same, other := c[bit], c[1-bit]
	if other > 2 {
		other = bits.Len(uint(other))
	}
	var listed []int
	for _, r := range historyRows {
		if r.smaller <= other {
			listed = r.larger
		}
	}
	if same < other {
		listed = nil
		for _, r := range historyRows {
			listed = append(listed, r.smaller)
		}
	}
	same = raise(listed, same)
	if bit == 0 {
		return h.History(Counts{same, other})
	}
	return h.History(Counts{other, same})
}

// floor is the largest listed number up to n, or the first.
func floor(listed []int, n int) int {
	i, found := slices.BinarySearch(listed, n)
	if found || i == 0 {
		return listed[i]
	}
	return listed[i-1]
}

// raise is the next listed number above n, or n if that is more than maxStep away.
func raise(listed []int, n int) int {
	i, _ := slices.BinarySearch(listed, n+1)
	if i < len(listed) && listed[i] <= n+maxStep {
		return listed[i]
	}
	return n
}
