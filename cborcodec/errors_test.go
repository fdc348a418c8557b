package cborcodec

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestJSONErrors(t *testing.T) {
	tests := []struct {
		name, text string
		reason     Reason
		offset     int
	}{
		{"empty", "", ReasonTruncated, 0},
		{"white space", " \n", ReasonTruncated, 2},
		{"byte order mark", "\ufeff{}", ReasonToken, 0},
		{"NUL", "\x00", ReasonToken, 0},
		{"form feed is no white space", "\f1", ReasonToken, 0},
		{"second value", "1 2", ReasonTrailing, 2},
		{"garbage behind", "{}x", ReasonTrailing, 2},
		{"open array", "[1", ReasonTruncated, 2},
		{"trailing comma in array", "[1,]", ReasonToken, 3},
		{"no comma in array", "[1 2]", ReasonToken, 3},
		{"leading comma", "[,1]", ReasonToken, 1},
		{"wrong bracket", "[1}", ReasonToken, 2},
		{"open object", "{", ReasonTruncated, 1},
		{"trailing comma in object", `{"a":1,}`, ReasonToken, 7},
		{"no colon", `{"a" 1}`, ReasonToken, 5},
		{"no value", `{"a":}`, ReasonToken, 5},
		{"key without quotes", `{a:1}`, ReasonToken, 1},
		{"number as key", `{1:1}`, ReasonToken, 1},
		{"wrong literal", "trve", ReasonToken, 2},
		{"cut literal", "fals", ReasonTruncated, 4},
		{"capital literal", "Null", ReasonToken, 0},
		{"literal with a tail", "nulls", ReasonTrailing, 4},
		{"NaN", "NaN", ReasonToken, 0},
		{"plus", "+1", ReasonToken, 0},
		{"lone minus", "-", ReasonTruncated, 1},
		{"minus and letter", "-a", ReasonNumber, 1},
		{"leading zero", "012", ReasonNumber, 1},
		{"leading zero behind minus", "-00", ReasonNumber, 2},
		{"no integer part", ".5", ReasonToken, 0},
		{"no fraction", "1.", ReasonTruncated, 2},
		{"no fraction before exponent", "1.e5", ReasonNumber, 2},
		{"no exponent", "1e", ReasonTruncated, 2},
		{"no digits in exponent", "1e+ ", ReasonNumber, 3},
		{"hexadecimal", "0x10", ReasonTrailing, 1},
		{"open string", `"a`, ReasonTruncated, 2},
		{"line feed in string", "\"a\nb\"", ReasonControl, 2},
		{"NUL in string", "\"\x00\"", ReasonControl, 1},
		{"escape cut off", `"\`, ReasonTruncated, 2},
		{"unknown escape", `"\x41"`, ReasonEscape, 1},
		{"short unicode escape", `"\u12"`, ReasonEscape, 1},
		{"bad digit in unicode escape", `"\u12g4"`, ReasonEscape, 1},
		{"unicode escape cut off", `"\u12`, ReasonTruncated, 5},
		{"stray continuation byte", "\"ab\x80\"", ReasonUTF8, 3},
		{"cut sequence", "\"é\xc3\"", ReasonUTF8, 3},
		{"overlong", "\"\xc0\x80\"", ReasonUTF8, 1},
		{"surrogate in UTF-8", "\"\xed\xa0\x80\"", ReasonUTF8, 1},
		{"beyond U+10FFFF", "\"\xf4\x90\x80\x80\"", ReasonUTF8, 1},
		{"invalid key", "{\"\xff\":1}", ReasonUTF8, 2},
		{"invalid byte between tokens", "[\xff]", ReasonToken, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dst, err := V1(Limits{}).AppendCBOR([]byte("head"), []byte(tt.text))
			requireSyntaxError(t, err, tt.reason, tt.offset)
			assert.Equal(t, "head", string(dst))
		})
	}
}

func TestCBORErrors(t *testing.T) {
	tests := []struct {
		name, item string
		reason     Reason
		offset     int
	}{
		{"empty", "", ReasonTruncated, 0},
		{"second item", "0102", ReasonTrailing, 1},
		{"cut argument", "1901", ReasonTruncated, 2},
		{"cut string", "6261", ReasonTruncated, 2},
		{"string of 2^64-1 bytes", "7bffffffffffffffff", ReasonTruncated, 9},
		{"cut array", "8201", ReasonTruncated, 2},
		{"array of 2^60 elements", "9b1000000000000000", ReasonTruncated, 9},
		{"map of 2^63 pairs", "bb8000000000000000", ReasonTruncated, 9},
		{"map of more pairs than bytes", "a2616101", ReasonTruncated, 4},
		{"cut indefinite array", "9f01", ReasonTruncated, 2},
		{"cut indefinite string", "7f6161", ReasonTruncated, 3},
		{"reserved additional information 28", "1c", ReasonReserved, 0},
		{"reserved additional information 30", "81fe", ReasonReserved, 1},
		{"indefinite integer", "1f", ReasonReserved, 0},
		{"indefinite tag", "df00", ReasonReserved, 0},
		{"stray break", "ff", ReasonReserved, 0},
		{"break in definite array", "81ff", ReasonReserved, 1},
		{"break for a map value", "bf6161ff", ReasonReserved, 3},
		{"two-byte simple value 20", "f814", ReasonReserved, 0},
		{"two-byte simple value 31", "f81f", ReasonReserved, 0},
		{"simple value 32", "f820", ReasonNoJSON, 0},
		{"chunk of another type", "7f4161ff", ReasonReserved, 1},
		{"chunk that is indefinite", "7f7f6161ffff", ReasonReserved, 1},
		{"chunk that splits a character", "7f61c361a9ff", ReasonUTF8, 2},
		{"invalid UTF-8", "6361ff62", ReasonUTF8, 2},
		{"surrogate in text", "63eda080", ReasonUTF8, 1},
		{"byte string behind", "810140", ReasonTrailing, 2},
		{"byte string inside", "8140", ReasonNoJSON, 1},
		{"indefinite byte string", "5fff", ReasonNoJSON, 0},
		{"undefined", "f7", ReasonNoJSON, 0},
		{"simple value 0", "e0", ReasonNoJSON, 0},
		{"simple value 255", "f8ff", ReasonNoJSON, 0},
		{"NaN", "f97e00", ReasonNotFinite, 0},
		{"single NaN", "fa7fc00000", ReasonNotFinite, 0},
		{"infinity", "f97c00", ReasonNotFinite, 0},
		{"negative infinity", "fbfff0000000000000", ReasonNotFinite, 0},
		{"date", "c074323031332d30332d32315432303a30343a30305a", ReasonTag, 0},
		{"tag behind", "8101c1", ReasonTrailing, 2},
		{"bigfloat", "c5822003", ReasonTag, 0},
		{"tag without content", "c2", ReasonTruncated, 1},
		{"bignum of text", "c26131", ReasonTag, 0},
		{"bignum in chunks", "c25f4101ff", ReasonTag, 0},
		{"cut bignum", "c24201", ReasonTruncated, 3},
		{"decimal fraction of an integer", "c401", ReasonTag, 0},
		{"decimal fraction of three", "c483010203", ReasonTag, 0},
		{"decimal fraction with float exponent", "c482f93c0001", ReasonTag, 0},
		{"decimal fraction with float mantissa", "c48201f93c00", ReasonTag, 0},
		{"decimal fraction with bignum exponent", "c482c2410101", ReasonTag, 0},
		{"indefinite decimal fraction", "c49f0101ff", ReasonTag, 0},
		{"decimal fraction in decimal fraction", "c48201c4820101", ReasonTag, 0},
		{"cut decimal fraction", "c48201", ReasonTruncated, 3},
		{"embedded object", "d90106427b7d", ReasonTag, 0},
		{"embedded nothing", "d9010640", ReasonTag, 0},
		{"embedded text string", "d901066131", ReasonTag, 0},
		{"embedded bad number", "d9010643303132", ReasonNumber, 5},
		{"embedded number with a tail", "d9010643312032", ReasonNumber, 5},
		{"embedded cut number", "d9010642312e", ReasonTruncated, 6},
		{"WTF-8 of text", "d901116161", ReasonTag, 0},
		{"WTF-8 with a split pair", "d901114761eda0bdedb880", ReasonUTF8, 8},
		{"WTF-8 with a stray byte", "d901114261ff", ReasonUTF8, 5},
		{"WTF-8 with a cut surrogate", "d9011142eda0", ReasonUTF8, 4},
		{"float as key", "a1f93c0001", ReasonKey, 1},
		{"byte string as key", "a1416101", ReasonKey, 1},
		{"null as key", "a1f601", ReasonKey, 1},
		{"bignum as key", "a1c2410101", ReasonKey, 1},
		{"array as key", "a18001", ReasonKey, 1},
		{"bad text as key", "a161ff01", ReasonUTF8, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dst, err := V1(Limits{}).AppendJSON([]byte("head"), unhex(t, tt.item))
			requireSyntaxError(t, err, tt.reason, tt.offset)
			assert.Equal(t, "head", string(dst))
		})
	}
}

func requireSyntaxError(t *testing.T, err error, reason Reason, offset int) {
	t.Helper()
	var syntax *SyntaxError
	require.ErrorAs(t, err, &syntax)
	assert.Equal(t, reason, syntax.Reason, "%v", err)
	assert.Equal(t, offset, syntax.Offset, "%v", err)
	assert.ErrorIs(t, err, reason)
}

// sample holds every kind of token.
const sample = `{"type":"m\u0000é\ud800","a":[true,false,null,-0,1.5,1.0,1E9,123456789012345678901234567890]}`

// A valid input cut anywhere is refused as truncated, whole characters or not.
func TestEveryTruncation(t *testing.T) {
	codec := V1(Limits{})
	item, err := codec.AppendCBOR(nil, []byte(sample))
	require.NoError(t, err)
	for n := range len(sample) {
		_, err := codec.AppendCBOR(nil, []byte(sample[:n]))
		require.ErrorIs(t, err, ReasonTruncated, "%q", sample[:n])
	}
	for n := range len(item) {
		_, err := codec.AppendJSON(nil, item[:n])
		require.ErrorIs(t, err, ReasonTruncated, "%x", item[:n])
	}
}

func TestErrorTexts(t *testing.T) {
	_, err := V1(Limits{}).AppendCBOR(nil, []byte(`["secret`))
	assert.EqualError(t, err, "cborcodec: input ends inside a value at offset 8")
	_, err = V1(Limits{MaxDepth: 1}).AppendCBOR(nil, []byte(`[[]]`))
	assert.EqualError(t, err, "cborcodec: more than MaxDepth = 1 at offset 1")
	for reason := ReasonTruncated; reason <= ReasonKey; reason++ {
		assert.NotContains(t, reason.Error(), "reason", "each reason has a text")
	}
	assert.Equal(t, "reason 200", Reason(200).Error())
}

func TestLimits(t *testing.T) {
	nested := func(open, closed string, n int) string {
		return strings.Repeat(open, n) + "0" + strings.Repeat(closed, n)
	}
	encode := func(l Limits, text string) error {
		_, err := V1(l).AppendCBOR(nil, []byte(text))
		return err
	}
	decode := func(l Limits, item string) error {
		_, err := V1(l).AppendJSON(nil, unhex(t, item))
		return err
	}
	tests := []struct {
		name string
		err  error
		want *LimitError // nil: accepted
	}{
		{"JSON at the default depth", encode(Limits{}, nested("[", "]", 128)), nil},
		{"JSON beyond", encode(Limits{}, nested("[", "]", 129)), &LimitError{128, "MaxDepth", 128}},
		{"JSON objects beyond", encode(Limits{MaxDepth: 2}, nested(`{"":`, "}", 3)), &LimitError{8, "MaxDepth", 2}},
		{"JSON siblings do not nest", encode(Limits{MaxDepth: 2}, "[[],{},[]]"), nil},
		{"hostile JSON depth", encode(Limits{}, strings.Repeat("[", 1<<20)), &LimitError{128, "MaxDepth", 128}},
		{"CBOR at the default depth", decode(Limits{}, nested("81", "", 128)+"0"), nil},
		{"CBOR beyond", decode(Limits{}, nested("81", "", 129)+"0"), &LimitError{128, "MaxDepth", 128}},
		{"CBOR maps beyond", decode(Limits{MaxDepth: 2}, "a160a160a16000"), &LimitError{4, "MaxDepth", 2}},
		{"CBOR siblings do not nest", decode(Limits{MaxDepth: 2}, "8380a080"), nil},
		{"hostile CBOR depth", decode(Limits{}, strings.Repeat("9f", 1<<20)), &LimitError{128, "MaxDepth", 128}},
		{"JSON input", encode(Limits{MaxInput: 4}, `"abc"`), &LimitError{4, "MaxInput", 4}},
		{"JSON input that fits", encode(Limits{MaxInput: 5}, `"abc"`), nil},
		{"CBOR input", decode(Limits{MaxInput: 1}, "6161"), &LimitError{1, "MaxInput", 1}},
		{"CBOR output", encode(Limits{MaxOutput: 3}, `"abc"`), &LimitError{5, "MaxOutput", 3}},
		{"CBOR output that fits", encode(Limits{MaxOutput: 4}, `"abc"`), nil},
		{"JSON output", decode(Limits{MaxOutput: 7}, "83f6f6f6"), &LimitError{3, "MaxOutput", 7}},
		{"JSON output, closing bracket", decode(Limits{MaxOutput: 15}, "83f6f6f6"), &LimitError{4, "MaxOutput", 15}},
		{"JSON output that fits", decode(Limits{MaxOutput: 16}, "83f6f6f6"), nil},
		{"bignum", decode(Limits{}, "c25901ab"+strings.Repeat("ff", 427)), &LimitError{0, "Bignum", 426}},
		{"bignum that fits", decode(Limits{}, "c25901aa"+strings.Repeat("ff", 426)), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.want == nil {
				require.NoError(t, tt.err)
				return
			}
			var limit *LimitError
			require.ErrorAs(t, tt.err, &limit)
			assert.Equal(t, tt.want, limit)
		})
	}
}

// What dst holds does not count as output, and stays.
func TestAppendKeepsDst(t *testing.T) {
	codec := V1(Limits{MaxOutput: 4})
	dst, err := codec.AppendCBOR([]byte("head"), []byte(`"abc"`))
	require.NoError(t, err)
	assert.Equal(t, "head\x63abc", string(dst))
	dst, err = V1(Limits{MaxOutput: 5}).AppendJSON([]byte("head"), []byte("\x63abc"))
	require.NoError(t, err)
	assert.Equal(t, `head"abc"`, string(dst))
}

// A length that the input cannot hold is refused without memory for it.
func TestClaimedLengthsAllocateNothing(t *testing.T) {
	codec := V1(Limits{})
	for _, item := range []string{"9b1000000000000000", "bb1000000000000000", "7b1000000000000000", "c25b1000000000000000"} {
		input := unhex(t, item)
		buf := make([]byte, 0, 64)
		allocs := testing.AllocsPerRun(10, func() {
			if _, err := codec.AppendJSON(buf, input); err == nil {
				t.Error("accepted")
			}
		})
		assert.LessOrEqual(t, allocs, 1.0, "the error alone: %s", item)
	}
}
