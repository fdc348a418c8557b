package coder_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec/coder"
)

const shippedIDFile = "shipped.id"

// TestShippedID: what stands beside the model is its ID, which takes the whole model to compute.
func TestShippedID(t *testing.T) {
	m, err := coder.Shipped()
	require.NoError(t, err)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(shippedIDFile, []byte(m.ID().String()+"\n"), 0o644))
	}
	b, err := os.ReadFile(shippedIDFile)
	require.NoError(t, err)
	assert.Equal(t, m.ID().String(), strings.TrimSpace(string(b)), "run make model")
}

// TestShippedSize: a program that talks over terrible links is loaded over them too.
func TestShippedSize(t *testing.T) {
	file, err := os.Stat("shipped.model")
	require.NoError(t, err)
	assert.LessOrEqual(t, file.Size(), int64(400_000))
}

// TestShippedFor: a microcontroller and a server understand each other.
func TestShippedFor(t *testing.T) {
	whole, err := coder.ShippedFor(coder.Server)
	require.NoError(t, err)
	lean, err := coder.ShippedFor(coder.Microcontroller)
	require.NoError(t, err)
	assert.Equal(t, whole.ID(), lean.ID())
	large, small := coder.New(whole, 1), coder.New(lean, 1)
	policy := coder.Server.Policy().And(coder.Microcontroller.Policy())
	for _, tt := range [][2]*coder.Coder{{large, small}, {small, large}} {
		coded := tt[0].AppendCoded(nil, nil, []byte(event), policy)
		assert.Equal(t, byte(coder.Deflate), coded[0]&coder.MethodMask)
		got, err := tt[1].AppendDecoded(nil, nil, coded, 1000)
		require.NoError(t, err)
		assert.Equal(t, event, string(got))
	}
	_, err = small.AppendDecoded(nil, nil, large.AppendCoded(nil, nil, []byte(event), coder.Server.Policy()), 1000)
	require.ErrorIs(t, err, coder.ErrMethod)
	assert.Equal(t, large.AppendCoded(nil, nil, []byte(event), policy), small.AppendCoded(nil, nil, []byte(event), coder.Server.Policy()), "what was not agreed either")
	assert.Less(t, testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err := coder.ShippedFor(coder.Microcontroller)
			require.NoError(b, err)
		}
	}).AllocedBytesPerOp(), int64(200_000))
}
