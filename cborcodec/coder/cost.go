package coder

import (
	"math"

	"github.com/coapgw/coapgw/cborcodec/coder/internal/mixing"
)

// Cost is what a payload costs with Mixing, in bits: minus the binary logarithm of the
// probability that the model gives. The code is as long as their sum, rounded up to bytes.
type Cost struct {
	// Length is that of what says where the payload ends.
	Length float64
	// Bytes are those of each byte of the payload.
	Bytes []float64
}

// Cost returns what a payload that is no longer than MaxMixing costs behind a prelude. It
// is for people who look at messages, and takes as long as coding. The last digits of its
// numbers may differ between architectures.
func (c *Coder) Cost(prelude, payload []byte) Cost {
	if len(payload) > MaxMixing {
		return Cost{Bytes: make([]float64, len(payload))}
	}
	w := c.acquire()
	defer c.release(w)
	if w.predictor == nil {
		w.predictor = w.newPredictor()
	}
	p := w.predictor
	p.Reset(prelude)
	var cost Cost
	before, after := p.Frame(payload)
	for _, b := range before {
		cost.Length += bitsOf(p, b)
	}
	cost.Bytes = make([]float64, len(payload))
	for i, b := range payload {
		cost.Bytes[i] = bitsOf(p, b)
	}
	for _, b := range after {
		cost.Length += bitsOf(p, b)
	}
	return cost
}

// bitsOf is what one byte costs, which p then knows.
func bitsOf(p *mixing.Predictor, b byte) (bits float64) {
	for i := 7; i >= 0; i-- {
		bit := int(b>>i) & 1
		one := float64(p.Prob()) / (1 << 16)
		if bit == 0 {
			one = 1 - one
		}
		bits -= math.Log2(one)
		p.Update(bit)
	}
	return bits
}
