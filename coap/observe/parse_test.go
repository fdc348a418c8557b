package observe

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coapgw/coapgw/coap/txn"
)

// TestHollow holds it against what a decoder sees.
func TestHollow(t *testing.T) {
	var seen func(v any) bool
	seen = func(v any) bool {
		switch v := v.(type) {
		case nil:
			return true
		case map[string]any:
			for _, m := range v {
				if !seen(m) {
					return false
				}
			}
			return true
		case []any:
			return len(v) == 0
		}
		return false
	}
	for _, text := range []string{
		`{}`, ` { } `, `[]`, `[ ]`, "[\n]", `null`, `""`, `"x"`, `0`, `-1`, `true`, `false`, `[{}]`, `[[]]`, `[null]`,
		`{"a":{}}`, `{"a":[],"b":{"c":null}}`, `{"a":""}`, `{"a" : "b"}`, `{"a":{"b":[ ]},"c":1}`, `{"\"":{}}`, `{"\\":"\\"}`,
		`{"}":{},"[":[]}`, `{"a":{"b":"c:"}}`, `{"a":"b","c":{}}`, `{"x":[1]}`, `{"x":{"y":false}}`,
	} {
		var v any
		require.NoError(t, json.Unmarshal([]byte(text), &v))
		assert.Equal(t, seen(v), hollow([]byte(text)), text)
	}
	var value func(depth int) *rapid.Generator[any]
	value = func(depth int) *rapid.Generator[any] {
		leaves := []any{nil, map[string]any{}, []any{}, "x\":", 1, true}
		leaf := rapid.SampledFrom(append(leaves[:3:3], leaves...))
		if depth == 0 {
			return leaf
		}
		return rapid.OneOf(leaf, rapid.Map(rapid.MapOfN(rapid.StringMatching(`["\\{\[:a]{0,3}`), value(depth-1), 0, 3), func(m map[string]any) any { return m }),
			rapid.Map(rapid.SliceOfN(value(depth-1), 0, 2), func(s []any) any { return s }))
	}
	rapid.Check(t, func(t *rapid.T) {
		v := value(3).Draw(t, "value")
		text, err := json.MarshalIndent(v, "", rapid.SampledFrom([]string{"", " "}).Draw(t, "indent"))
		require.NoError(t, err)
		require.Equal(t, seen(v), hollow(text), string(text))
	})
}

// TestOddQueries: what says something twice, or in escapes, is for the homeserver to read.
func TestOddQueries(t *testing.T) {
	for query, polled := range map[string]bool{
		"since=a": true, "timeout=0&since=a&full_state=true&set_presence=offline&filter=%7B%7D&_cacheBuster=1": true,
		"since=a&since=b": false, "since=a&timeout=0&timeout=1": false, "full_state=false&full_state=true": false, "filter=1&filter=2": false,
		"%73ince=a": false, "since=a&full%5Fstate=true": false, "since=a&set+presence=": false,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://hs/_matrix/client/v3/sync?"+query, nil)
		require.NoError(t, err)
		_, ok := read(r, txn.User)
		assert.Equal(t, polled, ok, query)
	}
}

// BenchmarkAnswer is what serve reads in each answer to a pushed /sync.
func BenchmarkAnswer(b *testing.B) {
	for _, n := range []int{1, 100} {
		events := make([]string, n)
		for i := range events {
			events[i] = fmt.Sprintf(`{"type":"m.room.message","sender":"@alice:example.org","content":{"msgtype":"m.text","body":"hello world, number %d"},"event_id":"$abcdefghijklmnopqrstuvwxyz0123456789ABCDEF%d","origin_server_ts":1700000000000,"unsigned":{"age":120}}`, i, i)
		}
		body := []byte(`{"next_batch":"s1_2_3","device_one_time_keys_count":{"signed_curve25519":50},"rooms":{"join":{"!abc:example.org":{"timeline":{"events":[` +
			strings.Join(events, ",") + `],"limited":false,"prev_batch":"t1"},"state":{"events":[]},"ephemeral":{"events":[]},"unread_notifications":{"highlight_count":0,"notification_count":1}}}}}`)
		b.Run(fmt.Sprintf("%dB", len(body)), func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			told := &Told{}
			for b.Loop() {
				if g, ok := GistOf(body); !ok || g.Empty {
					b.Fatal("an answer")
				}
				if _, repeats := told.Repeats(body); repeats || OwnOnly(body) {
					b.Fatal("news")
				}
			}
		})
	}
}
