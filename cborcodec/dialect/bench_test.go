package dialect

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec"
)

// benchBodies are recorded responses of the sizes that matter.
func benchBodies(b testing.TB) map[string][]byte {
	bodies := map[string][]byte{}
	for _, e := range corpus(b) {
		for name, size := range map[string]int{"small": 80, "medium": 1000, "large": 60_000} {
			if old := bodies[name]; old == nil || distance(len(e.Resp), size) < distance(len(old), size) {
				bodies[name] = e.Resp
			}
		}
	}
	return bodies
}

func distance(a, b int) int { return max(a-b, b-a) }

var benchNames = []string{"small", "medium", "large"}

func BenchmarkAppendBody(b *testing.B) {
	bodies := benchBodies(b)
	for _, name := range benchNames {
		b.Run(name, func(b *testing.B) {
			codec := New(recordedHome, cborcodec.Limits{})
			b.SetBytes(int64(len(bodies[name])))
			b.ReportAllocs()
			var buf []byte
			for b.Loop() {
				var err error
				if buf, err = codec.AppendBody(buf[:0], bodies[name], nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Throughput counts bytes of JSON, so that both directions compare.
func BenchmarkAppendJSON(b *testing.B) {
	bodies := benchBodies(b)
	for _, name := range benchNames {
		b.Run(name, func(b *testing.B) {
			codec := New(recordedHome, cborcodec.Limits{})
			payload, err := codec.AppendBody(nil, bodies[name], nil)
			require.NoError(b, err)
			b.SetBytes(int64(len(bodies[name])))
			b.ReportAllocs()
			var buf []byte
			for b.Loop() {
				if buf, err = codec.AppendJSON(buf[:0], payload, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

var benchRequest = Request{
	Method: "PUT",
	Target: "/_matrix/client/v3/rooms/%21PlPiL6wQs5xqqYGa:" + recordedHome + "/send/m.room.message/m1795328724548.1",
	Body:   []byte(`{"body":"hello world","msgtype":"m.text"}`),
}

func BenchmarkAppendRequest(b *testing.B) {
	codec := New(recordedHome, cborcodec.Limits{})
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		var err error
		if buf, err = codec.AppendRequest(buf[:0], &benchRequest, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeRequest(b *testing.B) {
	codec := New(recordedHome, cborcodec.Limits{})
	payload, err := codec.AppendRequest(nil, &benchRequest, nil)
	require.NoError(b, err)
	b.ReportAllocs()
	var r Request
	for b.Loop() {
		if err := codec.DecodeRequest(&r, payload, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// TestBodiesAllocateNothing: with buffers that are large enough.
func TestBodiesAllocateNothing(t *testing.T) {
	codec := New(recordedHome, cborcodec.Limits{})
	for name, body := range benchBodies(t) {
		payload, err := codec.AppendBody(nil, body, nil)
		require.NoError(t, err)
		text, err := codec.AppendJSON(nil, payload, nil)
		require.NoError(t, err)
		assert.Zero(t, testing.AllocsPerRun(50, func() {
			payload, _ = codec.AppendBody(payload[:0], body, nil)
			text, _ = codec.AppendJSON(text[:0], payload, nil)
		}), name)
	}
}
