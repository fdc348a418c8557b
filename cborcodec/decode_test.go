package cborcodec

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What other MSC3079 encoders emit.
func TestForeignItems(t *testing.T) {
	tests := []struct{ name, item, text string }{
		{"indefinite map", "bf0201ff", `{"type":1}`},
		{"empty indefinite map", "bfff", `{}`},
		{"indefinite array", "9f01820203ff", `[1,[2,3]]`},
		{"empty indefinite array", "9fff", `[]`},
		{"indefinite string", "7f6261626163ff", `"abc"`},
		{"empty indefinite string", "7fff", `""`},
		{"chunk of length 0", "7f606161ff", `"a"`},
		{"indefinite string as key", "a17f627479627065ff01", `{"type":1}`},
		{"long heads", "b90002780161011b000000000000000902", `{"a":1,"unsigned":2}`},
		{"unknown integer keys", "a4186901190bb8021bffffffffffffffff030004", `{"105":1,"3000":2,"18446744073709551615":3,"0":4}`},
		{"negative integer keys", "a220013bffffffffffffffff02", `{"-1":1,"-18446744073709551616":2}`},
		{"WTF-8 without surrogates", "d9011142c3a9", `"é"`},
		{"literals", "83f5f4f6", `[true,false,null]`},
	}
	for _, codec := range []*Codec{V1(Limits{}), Plain(Limits{})} {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				text, err := codec.AppendJSON(nil, unhex(t, tt.item))
				require.NoError(t, err)
				assert.Equal(t, tt.text, string(text))
			})
		}
	}
}

// A string key wins over its integer twin, wherever the two stand.
func TestStringTwins(t *testing.T) {
	const name = "6474797065" // "type", row 2
	tests := []struct{ name, item, text string }{
		{"string first", "a2" + name + "010202", `{"type":1}`},
		{"integer first", "a20202" + name + "01", `{"type":1}`},
		{"between others", "a461610002026162" + "01" + name + "03", `{"a":0,"b":1,"type":3}`},
		{"first member dropped", "a302026161" + "01" + name + "03", `{"a":1,"type":3}`},
		{"several integers", "a302010202" + name + "03", `{"type":3}`},
		{"several strings", "a30201" + name + "02" + name + "03", `{"type":2,"type":3}`},
		{"other keys stay", "a301010202" + name + "03", `{"event_id":1,"type":3}`},
		{"indefinite", "bf0202" + name + "01ff", `{"type":1}`},
		{"twin in chunks", "a202027f627479627065ff01", `{"type":1}`},
		{"dropped object", "a202a20202" + name + "01" + name + "03", `{"type":3}`},
		{"other level", "a102a1" + name + "01", `{"type":{"type":1}}`},
		{"child of a twin", "a202a1" + name + "016161" + "05", `{"type":{"type":1},"a":5}`},
		{"nested twice", "a20201" + name + "a20202" + name + "03", `{"type":{"type":3}}`},
		{"two maps", "82a20201" + name + "02a10203", `[{"type":2},{"type":3}]`},
		{"numeric string is no twin", "a20801613802", `{"origin_server_ts":1,"8":2}`},
		{"integer without a row has no twin", "a21869016331303502", `{"105":1,"105":2}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text, err := V1(Limits{}).AppendJSON([]byte("head"), unhex(t, tt.item))
			require.NoError(t, err)
			assert.Equal(t, "head"+tt.text, string(text))
		})
	}
}

// Twins at every level must not cost more than a second walk: 100 levels of walks
// that double would never end.
func TestTwinsAtEveryLevel(t *testing.T) {
	const levels = 100
	const outer, inner = "a202016474797065", "00"
	item := unhex(t, strings.Repeat(outer, levels)+inner)
	text, err := V1(Limits{}).AppendJSON(nil, item)
	require.NoError(t, err)
	assert.Equal(t, strings.Repeat(`{"type":`, levels)+"0"+strings.Repeat("}", levels), string(text))
}

func TestHasIntegerKeys(t *testing.T) {
	tests := []struct {
		name, item string
		want       bool
	}{
		{"empty input", "", false},
		{"integer", "01", false},
		{"array of integers", "820102", false},
		{"string keys", "a2616101616202", false},
		{"integer key", "a10201", true},
		{"negative key", "a12001", true},
		{"second key", "a26161010202", true},
		{"nested in a value", "a16161a10201", true},
		{"nested in an array", "8201a10201", true},
		{"behind an indefinite string", "827f6161ffa10201", true},
		{"behind a byte string", "824101a10201", true},
		{"under a tag", "c1a10201", true},
		{"indefinite map", "bf6161010201ff", true},
		{"empty indefinite map", "bfff", false},
		{"truncated before", "a26161", false},
		{"truncated after", "a202", true},
		{"malformed", "1c", false},
		{"too deep", strings.Repeat("81", DefaultMaxDepth+1) + "a10201", false},
		{"tags too deep", strings.Repeat("c1", 1<<16) + "00", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, HasIntegerKeys(unhex(t, tt.item)))
		})
	}
}

func ExampleCodec() {
	codec := V1(Limits{})
	item, err := codec.AppendCBOR(nil, []byte(`{"msgtype": "m.text", "body": "Hello"}`))
	if err != nil {
		panic(err)
	}
	text, err := codec.AppendJSON(nil, item)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%x\n%s\n", item, text)
	// Output:
	// a2181c666d2e74657874181b6548656c6c6f
	// {"msgtype":"m.text","body":"Hello"}
}
