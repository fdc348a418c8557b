package train

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"github.com/coapgw/coapgw/cborcodec/coder/internal/mixing"
)

// maxPrimed is how many slots a model primes: the others are for what messages bring.
const maxPrimed = 66000

// uniform is what half a byte costs when nothing is known, in 1/256 bit.
const uniform = int64(4 << 8)

// candidates are the contexts that a model could prime.
type candidates struct {
	// number maps contexts to the rest, by open addressing; 0 is free, others are one
	// more.
	number []uint32
	mask   uint32

	contexts []uint32
	// gains are what they save in all messages, in 1/256 bit.
	gains  []int64
	counts []mixing.SlotCounts
}

func newCandidates(shift int) *candidates {
	return &candidates{number: make([]uint32, 1<<shift), mask: 1<<shift - 1}
}

// find returns the number of a context, and false if it has none.
func (c *candidates) find(context uint32) (n uint32, ok bool) {
	for at := context & c.mask; ; at = (at + 1) & c.mask {
		n := c.number[at]
		if n == 0 {
			return at, false
		}
		if c.contexts[n-1] == context {
			return n - 1, true
		}
	}
}

// add returns the number of a context, a new one if it has none.
func (c *candidates) add(context uint32) uint32 {
	at, ok := c.find(context)
	if ok {
		return at
	}
	c.contexts = append(c.contexts, context)
	c.gains = append(c.gains, 0)
	c.counts = append(c.counts, mixing.SlotCounts{})
	c.number[at] = uint32(len(c.contexts))
	if len(c.contexts) > len(c.number)/2 {
		c.grow()
	}
	return uint32(len(c.contexts)) - 1
}

func (c *candidates) grow() {
	c.number = make([]uint32, 2*len(c.number))
	c.mask = uint32(len(c.number)) - 1
	for n, context := range c.contexts {
		at := context & c.mask
		for c.number[at] != 0 {
			at = (at + 1) & c.mask
		}
		c.number[at] = uint32(n) + 1
	}
}

// prime gives m the most useful contexts of messages.
func prime(m *mixing.Model, messages []Message) {
	all := count(m, messages, shared(m, messages))
	for _, msg := range messages {
		m.Walk(msg.Prelude, msg.Payload, func(v *mixing.Visit) {
			byLastByte := uniform
			if n, ok := all.find(v.Contexts[0]); ok {
				byLastByte = cost(&all.counts[n], v.Half)
			}
			for i, h := range v.Contexts {
				n, ok := all.find(h)
				if !ok {
					continue
				}
				before := byLastByte
				if i == 0 || i == mixing.KindContext {
					before = uniform
				}
				all.gains[n] += before - cost(&all.counts[n], v.Half)
			}
		})
	}
	order := make([]uint32, 0, len(all.contexts))
	for n, gain := range all.gains {
		if gain > 0 {
			order = append(order, uint32(n))
		}
	}
	slices.SortFunc(order, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(all.gains[b], all.gains[a]), cmp.Compare(all.contexts[a], all.contexts[b]))
	})
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

// maxPlaces bounds the table of shared, as a logarithm.
const maxPlaces = 26

// shared returns a function that tells whether a context occurs in two sources at least.
// It errs on the side of yes where contexts share a place in its table.
func shared(m *mixing.Model, messages []Message) func(context uint32) bool {
	total := 0
	for _, msg := range messages {
		total += len(msg.Payload)
	}
	// Four places for each context that there may be.
	shift := 32 - min(bits.Len(uint(total*2*mixing.Contexts*4)), maxPlaces)
	const several = math.MaxUint16
	sources := make([]uint16, 1<<(32-shift))
	for _, msg := range messages {
		source := uint16(msg.Source%(several-1)) + 1
		m.Walk(msg.Prelude, msg.Payload, func(v *mixing.Visit) {
			for _, h := range v.Contexts {
				switch s := &sources[h>>shift]; *s {
				case 0:
					*s = source
				case source:
				default:
					*s = several
				}
			}
		})
	}
	return func(context uint32) bool { return sources[context>>shift] == several }
}

// count counts the bits in each context that is shared.
func count(m *mixing.Model, messages []Message, shared func(uint32) bool) *candidates {
	all := newCandidates(16)
	for _, msg := range messages {
		m.Walk(msg.Prelude, msg.Payload, func(v *mixing.Visit) {
			for _, h := range v.Contexts {
				if !shared(h) {
					continue
				}
				n := all.add(h)
				c := &all.counts[n]
				mixing.Path(v.Half, func(history, bit int) {
					if c[history][bit] < math.MaxUint16 {
						c[history][bit]++
					}
				})
			}
		})
	}
	return all
}

// cost is what half costs in the context of these counts, in 1/256 bit.
func cost(c *mixing.SlotCounts, half byte) int64 {
	var sum int64
	node := 1
	for i := 3; i >= 0; i-- {
		bit := int(half>>i) & 1
		n := &c[node]
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
