package coder_test

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec"
	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/cborcodec/dialect"
)

// benchPayload is what the dialect makes of a recording that was held out, cut to size.
func benchPayload(b *testing.B, size int) []byte {
	b.Helper()
	file, err := os.ReadFile("../../testdata/corpus/sessions/bs0.jsonl")
	require.NoError(b, err)
	var all []byte
	codec := dialect.New("chat.nordlicht-verein.org", cborcodec.Limits{})
	for _, line := range strings.Split(strings.TrimSpace(string(file)), "\n")[60:] {
		var exchange struct{ Resp json.RawMessage }
		require.NoError(b, json.Unmarshal([]byte(line), &exchange))
		if all, err = codec.AppendBody(all, exchange.Resp, nil); err != nil {
			b.Fatal(err)
		}
	}
	require.Greater(b, len(all), size)
	return all[:size]
}

func benchmark(b *testing.B, f func(b *testing.B, c *coder.Coder, p coder.Policy, payload []byte)) {
	c := newCoder(b)
	for _, method := range []coder.Method{coder.Raw, coder.Deflate, coder.Mixing} {
		for _, size := range []int{80, 600, 4000, 32000} {
			b.Run(method.String()+"/"+strconv.Itoa(size), func(b *testing.B) {
				payload := benchPayload(b, size)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				f(b, c, policies[method], payload)
			})
		}
	}
}

func BenchmarkAppendCoded(b *testing.B) {
	benchmark(b, func(b *testing.B, c *coder.Coder, p coder.Policy, payload []byte) {
		coded := c.AppendCoded(nil, nil, payload, p)
		for b.Loop() {
			coded = c.AppendCoded(coded[:0], nil, payload, p)
		}
		b.ReportMetric(float64(len(coded)), "coded-B")
	})
}

func BenchmarkAppendDecoded(b *testing.B) {
	benchmark(b, func(b *testing.B, c *coder.Coder, p coder.Policy, payload []byte) {
		coded := c.AppendCoded(nil, nil, payload, p)
		decoded := make([]byte, 0, len(payload))
		for b.Loop() {
			if _, err := c.AppendDecoded(decoded, nil, coded, len(payload)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkShipped(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := coder.Shipped(); err != nil {
			b.Fatal(err)
		}
	}
}
