package interop

import (
	"encoding/json"
	"os"
	"sync"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"
)

// Options of MSC3079.
const (
	optionAccessToken = 256
	optionVersion     = 257
	formatCBOR        = "\x3c" // Content-Format 60
)

// dialect is MSC3079's CBOR as its reference writes it: JSON decoded into maps and
// floats, with integer keys where the table has one, or with string keys only.
type dialect struct {
	integers bool
	byName   map[string]uint64
	byNumber map[uint64]string
}

// readDialect reads the proposal's table.
var readDialect = sync.OnceValues(func() (dialect, error) {
	var table struct{ Keys map[string]uint64 }
	text, err := os.ReadFile(moduleDir + "/cborcodec/testdata/msc3079-v1-keys.json")
	if err == nil {
		err = json.Unmarshal(text, &table)
	}
	d := dialect{byName: table.Keys, byNumber: make(map[uint64]string)}
	for name, number := range table.Keys {
		d.byNumber[number] = name
	}
	return d, err
})

func newDialect(t *testing.T, integers bool) dialect {
	t.Helper()
	d, err := readDialect()
	require.NoError(t, err)
	require.NotEmpty(t, d.byName)
	d.integers = integers
	return d
}

// encode turns JSON into CBOR.
func (d dialect) encode(t testing.TB, text string) []byte {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal([]byte(text), &v))
	data, err := cbor.Marshal(d.number(v))
	require.NoError(t, err)
	return data
}

// number replaces keys by their numbers. A float stays one, even where it is whole:
// as the reference does.
func (d dialect) number(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[any]any, len(v))
		for key, value := range v {
			if n, ok := d.byName[key]; ok && d.integers {
				out[n] = d.number(value)
			} else {
				out[key] = d.number(value)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = d.number(value)
		}
		return out
	}
	return v
}

// decode returns what JSON would decode into. A client without integer keys fails
// at them.
func (d dialect) decode(t testing.TB, data []byte) any {
	t.Helper()
	var v any
	require.NoError(t, cbor.Unmarshal(data, &v))
	return d.name(t, v)
}

func (d dialect) name(t testing.TB, v any) any {
	t.Helper()
	switch v := v.(type) {
	case map[any]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			switch key := key.(type) {
			case uint64:
				require.True(t, d.integers, "an integer key for a peer that knows none")
				require.Contains(t, d.byNumber, key)
				out[d.byNumber[key]] = d.name(t, value)
			case string:
				out[key] = d.name(t, value)
			default:
				require.Fail(t, "a key that is neither text nor integer")
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = d.name(t, value)
		}
		return out
	}
	return v
}

// at walks down maps; a missing part gives nil.
func at(v any, path ...string) any {
	for _, p := range path {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	return v
}

// events returns the bodies of the messages that a /sync brought for a room.
func events(sync any, room string) (bodies []string) {
	list, _ := at(sync, "rooms", "join", room, "timeline", "events").([]any)
	for _, e := range list {
		if body, ok := at(e, "content", "body").(string); ok {
			bodies = append(bodies, body)
		}
	}
	return bodies
}
