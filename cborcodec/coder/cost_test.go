package coder_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coapgw/coapgw/cborcodec/coder"
)

// The cost is what the code takes: less than two bytes more than its bits, or fewer where
// the zeros at its end are taken away.
func TestCost(t *testing.T) {
	c := newCoder(t)
	for _, g := range goldenPayloads() {
		prelude, payload := []byte(g[0]), []byte(g[1])
		coded := c.AppendCoded(nil, prelude, payload, coder.Policy{Mixing: coder.MaxMixing})
		if coded[0]&coder.MethodMask != byte(coder.Mixing) {
			continue
		}
		cost := c.Cost(prelude, payload)
		sum := cost.Length
		for _, bits := range cost.Bytes {
			assert.Positive(t, bits)
			sum += bits
		}
		assert.Len(t, cost.Bytes, len(payload))
		assert.InDelta(t, math.Ceil(sum/8), float64(len(coded)-1), 6+sum/1000)
	}
	assert.Len(t, c.Cost(nil, []byte(strings.Repeat("x", coder.MaxMixing+1))).Bytes, coder.MaxMixing+1)
}
