package cborcodec

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type typedEvent struct {
	Type     string            `json:"type"`
	Content  json.RawMessage   `json:"content,omitempty"`
	Time     int64             `json:"origin_server_ts,omitempty"`
	Order    float64           `json:"order,omitempty"`
	Depth    int               `json:"depth,string,omitempty"`
	Seen     time.Time         `json:"last_seen_ts,omitzero"`
	Redacted *typedEvent       `json:"redacted_because,omitempty"`
	Hashes   map[string]string `json:"hashes,omitempty"`
	hidden   int
}

func TestMarshal(t *testing.T) {
	event := typedEvent{
		Type:     "<m.tag>",
		Content:  json.RawMessage(`{"body":"x","n":1.0}`),
		Time:     1795328234283,
		Order:    2,
		Depth:    3,
		Seen:     time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC),
		Redacted: &typedEvent{Type: "x"},
		hidden:   7,
	}
	item, err := Marshal(event)
	require.NoError(t, err)
	diagnosed, err := Diagnose(item)
	require.NoError(t, err)
	assert.Equal(t, `{2: "<m.tag>", 3: {27: "x", "n": 4([-1, 10])}, 8: 1795328234283, "order": 2, 38: "3", `+
		`83: "2026-11-22T09:00:00Z", 18: {2: "x"}}`, diagnosed)

	var back typedEvent
	require.NoError(t, Unmarshal(item, &back))
	event.hidden = 0
	assert.Equal(t, event, back)
}

// Forms of other peers fit Go types that the bytes alone would not fit.
func TestUnmarshalForeign(t *testing.T) {
	tests := []struct {
		name, item string
		want       typedEvent
	}{
		{"float for an integer", "a108fb427a201e6d32b000", typedEvent{Time: 1795328234283}},
		{"integer for a float", "a1656f7264657203", typedEvent{Order: 3}},
		{"string twin wins", "a202616164747970656162", typedEvent{Type: "b"}},
		{"indefinite", "bf027f61616162ffff", typedEvent{Type: "ab"}},
		{"unknown keys", "a218690120f6", typedEvent{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got typedEvent
			require.NoError(t, Unmarshal(unhex(t, tt.item), &got))
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestTypedErrors(t *testing.T) {
	_, err := Marshal(math.NaN())
	var unsupported *json.UnsupportedValueError
	require.ErrorAs(t, err, &unsupported)
	_, err = Marshal(json.RawMessage("\"\xff\""))
	require.ErrorIs(t, err, ReasonUTF8)

	var n int
	require.ErrorIs(t, Unmarshal(unhex(t, "f7"), &n), ReasonNoJSON)
	var mismatch *json.UnmarshalTypeError
	require.ErrorAs(t, Unmarshal(unhex(t, "6161"), &n), &mismatch)
}

func TestDiagnose(t *testing.T) {
	text, err := Diagnose(readHex(t, "msc3079-object.hex"))
	require.NoError(t, err)
	assert.Equal(t, `{2: "m.room.message", 3: {27: "Hello World", 28: "m.text"}, 5: "!foo:localhost", `+
		`6: "@alice:localhost", 9: {"bool_value": true, "null_value": null}}`, text)

	text, err = Diagnose(unhex(t, "84f7c4822001d9011143eda08041ff"))
	require.NoError(t, err)
	assert.Equal(t, `[undefined, 4([-1, 1]), 273(h'eda080'), h'ff']`, text)

	_, err = Diagnose(unhex(t, "82"))
	require.Error(t, err)
}

func readHex(t testing.TB, name string) []byte {
	t.Helper()
	b, err := hex.DecodeString(string(readTestdata(t, name)))
	require.NoError(t, err)
	return b
}
