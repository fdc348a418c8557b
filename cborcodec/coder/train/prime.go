package train

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/coapgw/coapgw/cborcodec/coder/internal/mixing"
)

// maxPrimed is how many slots a model primes: the others are for what messages bring.
const maxPrimed = 40000

type candidate struct {
	context uint32
	gain    int64
	counts  [16]mixing.Counts
}

// prime gives m the most useful contexts of messages.
func prime(m *mixing.Model, messages []Message) {
	total := 0
	for _, msg := range messages {
		total += len(msg.Payload)
	}
	// Four places for each context that there may be.
	shift := 32 - min(bits.Len(uint(total*2*mixing.Contexts*4)), 26)
	groups := make([]uint16, 1<<(32-shift))
	for _, msg := range messages {
		bit := uint16(1) << (msg.Group & 15)
		m.Walk(msg.Prelude, msg.Payload, func(v mixing.Visit) {
			for _, h := range v.Contexts {
				groups[h>>shift] |= bit
			}
		})
	}
	index := make(map[uint32]int32)
	var all []candidate
	for _, msg := range messages {
		m.Walk(msg.Prelude, msg.Payload, func(v mixing.Visit) {
			for _, h := range v.Contexts {
				if bits.OnesCount16(groups[h>>shift]) < 2 {
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
	for _, msg := range messages {
		m.Walk(msg.Prelude, msg.Payload, func(v mixing.Visit) {
			base, ok := index[v.Contexts[0]]
			baseCost := int64(4 << 8)
			if ok {
				baseCost = all[base].cost(v.Half)
			}
			for j, h := range v.Contexts {
				if i, ok := index[h]; ok {
					if j == 0 || j == 11 {
						all[i].gain += 4<<8 - all[i].cost(v.Half)
					} else {
						all[i].gain += baseCost - all[i].cost(v.Half)
					}
				}
			}
		})
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.gain, a.gain), cmp.Compare(a.context, b.context))
	})
	n := 0
	for i := range all {
		if n == maxPrimed || all[i].gain <= 0 {
			break
		}
		if m.Prime(all[i].context, &all[i].counts) {
			n++
		}
	}
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
