package cborcodec

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// benchBodies are recorded bodies of the sizes that matter: a message, an event
// with its surroundings, an initial sync.
func benchBodies(b *testing.B) map[string][]byte {
	b.Helper()
	bodies := corpusBodies(b)
	return map[string][]byte{
		"small":  nearest(bodies, 80),
		"medium": nearest(bodies, 1500),
		"large":  []byte(`{"rooms":[` + strings.Join(fill(bodies, 180_000), ",") + `]}`),
	}
}

// nearest is the body whose length is nearest to size.
func nearest(bodies []string, size int) []byte {
	best := bodies[0]
	for _, body := range bodies {
		if abs(len(body)-size) < abs(len(best)-size) {
			best = body
		}
	}
	return []byte(best)
}

func abs(n int) int { return max(n, -n) }

// fill takes bodies until they have size bytes.
func fill(bodies []string, size int) []string {
	total := 0
	for i, body := range bodies {
		if total += len(body); total >= size {
			return bodies[:i]
		}
	}
	return bodies
}

func BenchmarkAppendCBOR(b *testing.B) {
	codec := V1(Limits{})
	for _, size := range []string{"small", "medium", "large"} {
		body := benchBodies(b)[size]
		b.Run(size, func(b *testing.B) {
			var buf []byte
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if buf, err = codec.AppendCBOR(buf[:0], body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Throughput counts bytes of JSON, so that both directions compare.
func BenchmarkAppendJSON(b *testing.B) {
	codec := V1(Limits{})
	for _, size := range []string{"small", "medium", "large"} {
		body := benchBodies(b)[size]
		item, err := codec.AppendCBOR(nil, body)
		require.NoError(b, err)
		b.Run(size, func(b *testing.B) {
			var buf []byte
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if buf, err = codec.AppendJSON(buf[:0], item); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkHasIntegerKeys(b *testing.B) {
	// Without integer keys the walk goes to the end.
	item, err := Plain(Limits{}).AppendCBOR(nil, benchBodies(b)["large"])
	require.NoError(b, err)
	b.SetBytes(int64(len(item)))
	b.ReportAllocs()
	for b.Loop() {
		if HasIntegerKeys(item) {
			b.Fatal("found a key")
		}
	}
}
