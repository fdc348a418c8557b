package coder_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec/coder"
)

const fuzzLimit = 4096

// Whatever arrives: no panic, no more than the limit, and what is accepted can be sent.
func FuzzAppendDecoded(f *testing.F) {
	c := newCoder(f)
	for _, g := range goldenPayloads() {
		for _, policy := range policies {
			f.Add([]byte(g[0]), c.AppendCoded(nil, []byte(g[0]), []byte(g[1]), policy))
		}
	}
	f.Fuzz(func(t *testing.T, prelude, coded []byte) {
		got, err := c.AppendDecoded(nil, prelude, coded, fuzzLimit)
		require.LessOrEqual(t, len(got), fuzzLimit)
		if err != nil {
			require.Empty(t, got)
			return
		}
		again, err := c.AppendDecoded(nil, prelude, c.AppendCoded(nil, prelude, got, coder.Server.Policy()), fuzzLimit)
		require.NoError(t, err)
		require.Equal(t, got, again)
	})
}

func FuzzRoundTrip(f *testing.F) {
	c := newCoder(f)
	for _, g := range goldenPayloads() {
		f.Add([]byte(g[0]), []byte(g[1]))
	}
	f.Fuzz(func(t *testing.T, prelude, payload []byte) {
		for method, policy := range policies {
			coded := c.AppendCoded(nil, prelude, payload, policy)
			require.LessOrEqual(t, len(coded), 1+len(payload), method)
			got, err := c.AppendDecoded(nil, prelude, coded, len(payload))
			require.NoError(t, err, method)
			require.True(t, bytes.Equal(payload, got), method)
		}
	})
}
