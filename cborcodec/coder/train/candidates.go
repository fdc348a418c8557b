package train

import (
	"math"
	"math/bits"

	"github.com/coapgw/coapgw/cborcodec/coder/internal/mixing"
)

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

// visits are all half bytes of some messages.
type visits struct {
	// found are the numbers of their contexts, each one more; 0 is one that is not shared.
	found  [][mixing.Contexts]uint32
	halves []byte
	// weights are what it counts to save a bit of each.
	weights []int64
}

// worth is what it counts to save a bit of a message: the short ones are most of those that
// somebody waits for.
func worth(payload []byte) int64 {
	switch n := len(payload); {
	case n < 200:
		return 3
	case n < 500:
		return 2
	}
	return 1
}

// count adds the contexts that are shared, with the bits that were seen in each.
func (c *candidates) count(m *mixing.Model, messages []Message, shared func(uint32) bool) *visits {
	seen := new(visits)
	for _, msg := range messages {
		weight := worth(msg.Payload)
		m.Walk(msg.Prelude, msg.Payload, func(v *mixing.Visit) {
			var found [mixing.Contexts]uint32
			for i, h := range v.Contexts {
				if !shared(h) {
					continue
				}
				n := c.add(h)
				found[i] = n + 1
				counts := &c.counts[n]
				mixing.Path(v.Half, func(history, bit int) {
					if counts[history][bit] < math.MaxUint16 {
						counts[history][bit]++
					}
				})
			}
			seen.found = append(seen.found, found)
			seen.halves = append(seen.halves, v.Half)
			seen.weights = append(seen.weights, weight)
		})
	}
	return seen
}
