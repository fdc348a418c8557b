package train

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/coapgw/coapgw/cborcodec/coder/internal/mixing"
)

// maxPrimed is how many slots a model primes: the others are for what messages bring.
const maxPrimed = 75500

// uniform is what half a byte costs when nothing is known, in 1/256 bit.
const uniform = int64(4 << 8)

// rounds are how many contexts are left after each round of choosing, in hundredths of
// maxPrimed: what a context is worth depends on which others are there. Some find no place in
// the table, so the last round leaves more than are needed.
var rounds = []int{400, 200, 133, 105}

// prime gives m the most useful contexts of messages.
func prime(m *mixing.Model, messages []Message) {
	all := newCandidates(16)
	seen := all.count(m, messages, shared(m, messages))
	chosen := make([]bool, len(all.contexts))
	for n := range chosen {
		chosen[n] = true
	}
	var order []uint32
	for _, percent := range rounds {
		order = all.best(seen, chosen, maxPrimed*percent/100)
		clear(chosen)
		for _, n := range order {
			chosen[n] = true
		}
	}
	primed := 0
	for _, n := range order {
		if primed == maxPrimed {
			return
		}
		if m.Prime(all.contexts[n], &all.counts[n]) {
			primed++
		}
	}
}

// best returns those of the chosen that save the most for what they take in the model, at most
// so many.
func (c *candidates) best(seen *visits, chosen []bool, most int) []uint32 {
	clear(c.gains)
	for at := range seen.halves {
		c.credit(seen, at, chosen)
	}
	var order []uint32
	for n, gain := range c.gains {
		if gain > 0 && chosen[n] {
			c.gains[n] = gain * 64 / size(&c.counts[n])
			order = append(order, uint32(n))
		}
	}
	slices.SortFunc(order, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(c.gains[b], c.gains[a]), cmp.Compare(c.contexts[a], c.contexts[b]))
	})
	return order[:min(len(order), most)]
}

// agreement is the part, as one in so many, that counts of what a context saves though others
// save it too: contexts that agree make the mixer sure.
const agreement = 4

// credit gives the chosen contexts of a half byte what each saves that no other does, and a part
// of what it saves beyond the last byte.
func (c *candidates) credit(seen *visits, at int, chosen []bool) {
	var costs [mixing.Contexts]int64
	found, half := &seen.found[at], seen.halves[at]
	byLastByte, least, second := uniform, uniform, uniform
	for i, n := range found {
		costs[i] = -1
		if n == 0 || !chosen[n-1] {
			continue
		}
		costs[i] = cost(&c.counts[n-1], half)
		if i == 0 {
			byLastByte = min(costs[i], uniform)
		}
		if costs[i] < least {
			least, second = costs[i], least
		} else {
			second = min(second, costs[i])
		}
	}
	for i, x := range costs {
		if x < 0 {
			continue
		}
		others, before := least, byLastByte
		if x == least {
			others = second
		}
		if i == 0 || i == mixing.KindContext {
			before = uniform
		}
		c.gains[found[i]-1] += seen.weights[at] * (max(others-x, 0) + (before-x)/agreement)
	}
}

// size is about what a slot with these counts takes in a packed model, in units of 1/8 byte: the
// check byte, and less than a byte for each history.
func size(c *mixing.SlotCounts) int64 {
	total := int64(8)
	for _, n := range c[1:] {
		if n[0]+n[1] > 0 {
			total += 5
		}
	}
	return total
}

// cost is what half costs in the context of these counts, in 1/256 bit, by what was seen there
// besides it.
func cost(c *mixing.SlotCounts, half byte) int64 {
	var sum int64
	node := 1
	for i := 3; i >= 0; i-- {
		bit := int(half>>i) & 1
		n := c[node]
		n[bit] -= min(n[bit], 1)
		sum += log2(uint64(n[0])*5+uint64(n[1])*5+2) - log2(uint64(n[bit])*5+1)
		node = node<<1 | bit
	}
	return sum
}

// logTable has the logarithms of small numbers.
var logTable = func() (table [1 << 12]int32) {
	for x := range table[1:] {
		table[x+1] = int32(exactLog2(uint64(x + 1)))
	}
	return table
}()

// log2 is the logarithm of x in 1/256.
func log2(x uint64) int64 {
	if x < uint64(len(logTable)) {
		return int64(logTable[x])
	}
	return exactLog2(x)
}

func exactLog2(x uint64) int64 {
	n := bits.Len64(x) - 1
	m := x << (63 - n) >> 32 // 1.31
	r := int64(n)
	for range 8 {
		m = m * m >> 31
		r <<= 1
		if m >= 1<<32 {
			m >>= 1
			r++
		}
	}
	return r
}
