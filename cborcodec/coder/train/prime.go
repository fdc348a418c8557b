package train

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/coapgw/coapgw/cborcodec/coder/internal/mixing"
)

// maxPrimed is how many slots a model primes: the others are for what messages bring.
const maxPrimed = 40000

// uniform is what half a byte costs when nothing is known, in 1/256 bit.
const uniform = int64(4 << 8)

// candidate is a context that a model could prime.
type candidate struct {
	context uint32
	// gain is what it saves in all messages, in 1/256 bit.
	gain   int64
	counts [16]mixing.Counts
}

// prime gives m the most useful contexts of messages.
func prime(m *mixing.Model, messages []Message) {
	all, index := count(m, messages, shared(m, messages))
	for _, msg := range messages {
		m.Walk(msg.Prelude, msg.Payload, func(v mixing.Visit) {
			byLastByte := uniform
			if n, ok := index[v.Contexts[0]]; ok {
				byLastByte = all[n].cost(v.Half)
			}
			for i, h := range v.Contexts {
				n, ok := index[h]
				if !ok {
					continue
				}
				before := byLastByte
				if i == 0 || i == mixing.KindContext {
					before = uniform
				}
				all[n].gain += before - all[n].cost(v.Half)
			}
		})
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.gain, a.gain), cmp.Compare(a.context, b.context))
	})
	primed := 0
	for i := range all {
		if primed == maxPrimed || all[i].gain <= 0 {
			return
		}
		if m.Prime(all[i].context, &all[i].counts) {
			primed++
		}
	}
}

// shared returns a function that tells whether a context occurs in two groups at least.
// It errs on the side of yes where contexts share a place in its table.
func shared(m *mixing.Model, messages []Message) func(context uint32) bool {
	total := 0
	for _, msg := range messages {
		total += len(msg.Payload)
	}
	// Four places for each context that there may be.
	shift := 32 - min(bits.Len(uint(total*2*mixing.Contexts*4)), 26)
	groups := make([]uint16, 1<<(32-shift))
	for _, msg := range messages {
		group := uint16(1) << (msg.Group & 15)
		m.Walk(msg.Prelude, msg.Payload, func(v mixing.Visit) {
			for _, h := range v.Contexts {
				groups[h>>shift] |= group
			}
		})
	}
	return func(context uint32) bool { return bits.OnesCount16(groups[context>>shift]) > 1 }
}

// count counts the bits in each context that is shared, and returns where each is.
func count(m *mixing.Model, messages []Message, shared func(uint32) bool) ([]candidate, map[uint32]int32) {
	var all []candidate
	index := make(map[uint32]int32)
	for _, msg := range messages {
		m.Walk(msg.Prelude, msg.Payload, func(v mixing.Visit) {
			for _, h := range v.Contexts {
				if !shared(h) {
					continue
				}
				i, ok := index[h]
				if !ok {
					i = int32(len(all))
					index[h] = i
					all = append(all, candidate{context: h})
				}
				c := &all[i].counts
				mixing.Path(v.Half, func(history, bit int) { c[history][bit]++ })
			}
		})
	}
	return all, index
}

// cost is what half costs in the context, in 1/256 bit.
func (c *candidate) cost(half byte) int64 {
	var sum int64
	mixing.Path(half, func(history, bit int) {
		n := c.counts[history]
		sum += log2(uint64(n[0]+n[1])*5+2) - log2(uint64(n[bit])*5+1)
	})
	return sum
}

// log2 is the logarithm of x in 1/256.
func log2(x uint64) int64 {
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
