package dialect

import (
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec"
)

// explained returns the parts of a payload, which must cover it without a gap.
func explained(t *testing.T, c *Codec, payload []byte, request bool, x *Context) (parts []Part) {
	t.Helper()
	at := 0
	require.NoError(t, c.Explain(payload, request, x, func(p *Part) {
		require.Equal(t, at, p.At)
		at += p.Size
		parts = append(parts, *p)
	}))
	require.Equal(t, len(payload), at)
	return parts
}

// Whatever the codec writes is explained to the last byte, and nothing is unknown.
func TestExplainCorpus(t *testing.T) {
	codec := New(recordedHome, cborcodec.Limits{})
	for _, e := range corpus(t) {
		r := e.request()
		payload, err := codec.AppendRequest(nil, &r, nil)
		require.NoError(t, err)
		parts := explained(t, codec, payload, true, nil)
		if e.Resp != nil {
			payload, err := codec.AppendBody(nil, e.Resp, nil)
			require.NoError(t, err)
			parts = append(parts, explained(t, codec, payload, false, nil)...)
		}
		for i := range parts {
			require.False(t, parts[i].Unknown, "%+v", parts[i])
		}
	}
}

// A reader without a session sees what refers to it as unknown, and all else.
func TestExplainWithoutSession(t *testing.T) {
	codec := New("", cborcodec.Limits{})
	for _, tt := range []struct {
		payload string
		request bool
		want    []Part
	}{
		{"00d720", true, []Part{
			{Size: 1, Role: Route, Text: routeRows[0], How: "route 0"},
			{At: 1, Size: 2, Role: Query, How: "sticky", Ref: -1, HasRef: true, Unknown: true},
		}},
		{fmt.Sprintf("a2d703a1%xf706d702", appendHead(nil, majorNegative, keyNumbers["device_one_time_keys_count"])), false, []Part{
			{Size: 1, Role: Body, How: "object of 2"},
			{At: 1, Size: 3, Depth: 1, Role: Member, Name: "(reference 3)", How: "object of 1"},
			{At: 4, Size: 2, Depth: 2, Role: Member, Name: "device_one_time_keys_count", How: "undefined: as before", Unknown: true},
			{At: 6, Size: 3, Depth: 1, Role: Member, Name: "sender", Ref: 2, HasRef: true, Unknown: true},
		}},
		{"a103d81820", false, []Part{
			{Size: 1, Role: Body, How: "object of 1"},
			{At: 1, Size: 4, Depth: 1, Role: Member, Name: "content", How: "what was sent", Ref: -1, HasRef: true, Unknown: true},
		}},
		{"8208d205", false, []Part{
			{Size: 1, Role: Body, How: "array of 2"},
			{At: 1, Size: 1, Depth: 1, Role: Element, Text: "8"},
			{At: 2, Size: 2, Depth: 1, Role: Element, How: "time", Unknown: true},
		}},
	} {
		payload, err := hex.DecodeString(tt.payload)
		require.NoError(t, err)
		assert.Equal(t, tt.want, explained(t, codec, payload, tt.request, nil), tt.payload)
	}
}

func TestExplainMalformed(t *testing.T) {
	codec := New(testHome, cborcodec.Limits{})
	for _, payload := range []string{"a1", "a101", "8201", "00ff", "19ffff", "d5", "f8", "6161", "9f", "bf01", "8182", "d5190fff", "0041", "a2f5f5f5f5", "d8034a30303030303030303030", "d9000241ff", "da0000010643312e30", "d81740"} {
		b, err := hex.DecodeString(payload)
		require.NoError(t, err)
		for _, request := range []bool{true, false} {
			err := codec.Explain(b, request, nil, func(*Part) {})
			if request {
				var r Request
				assert.Equal(t, codec.DecodeRequest(&r, b, nil) == nil, err == nil, payload)
				continue
			}
			_, want := codec.AppendJSON(nil, b, nil)
			assert.Equal(t, want == nil, err == nil, "%s: %v, %v", payload, want, err)
		}
	}
}

func TestRouteNumber(t *testing.T) {
	n, ok := RouteNumber("PUT /_matrix/client/v3/rooms/!a:b/send/m.room.message/1?x")
	require.True(t, ok)
	assert.Equal(t, "PUT /_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}", routeRows[n])
	for _, row := range routeRows {
		_, ok := RouteNumber(row)
		assert.True(t, ok, row)
	}
	_, ok = RouteNumber("BREW /coffee")
	assert.False(t, ok)
}

// Any bytes: never a panic, and no part beyond the end. What the codec reads is explained.
func FuzzExplain(f *testing.F) {
	for _, payload := range []string{"00d720", "a124f7", "a103d81820", "a111d205", "d68144d6", "d21b0000018bcfe56800", "bf01f8ffff", "9f5f4101ffff"} {
		b, err := hex.DecodeString(payload)
		require.NoError(f, err)
		f.Add(b)
	}
	codec := New(testHome, fuzzLimits)
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, request := range []bool{true, false} {
			at := 0
			err := codec.Explain(payload, request, nil, func(p *Part) {
				require.Equal(t, at, p.At)
				at += p.Size
			})
			require.LessOrEqual(t, at, len(payload))
			var r Request
			var want error
			if request {
				want = codec.DecodeRequest(&r, payload, nil)
			} else {
				_, want = codec.AppendJSON(nil, payload, nil)
			}
			if want == nil {
				require.NoError(t, err, "%x", payload)
				require.Equal(t, len(payload), at)
			}
		}
	})
}
