package cborcodec

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"
)

// fuzzLimits keeps single runs short.
var fuzzLimits = Limits{MaxInput: 1 << 16, MaxOutput: 1 << 20}

// Any bytes: accepted if and only if encoding/json and UTF-8 accept them, limits
// apart. What is accepted becomes one well-formed item in shortest heads.
func FuzzAppendCBOR(f *testing.F) {
	f.Add([]byte(sample))
	codec := V1(fuzzLimits)
	f.Fuzz(func(t *testing.T, text []byte) {
		item, err := codec.AppendCBOR(nil, text)
		var limit *LimitError
		if errors.As(err, &limit) {
			return
		}
		require.Equal(t, json.Valid(text) && utf8.Valid(text), err == nil, "%v", err)
		if err != nil {
			requireSound(t, err, len(text))
			return
		}
		require.NoError(t, oracle.Wellformed(item))
		require.False(t, HasIntegerKeys(item) && !oracleHasIntegerKeys(t, item))
	})
}

// Any bytes: never a panic; what is accepted is well-formed, and becomes JSON that
// comes back as it is.
func FuzzAppendJSON(f *testing.F) {
	item, err := V1(Limits{}).AppendCBOR(nil, []byte(sample))
	require.NoError(f, err)
	f.Add(item)
	// Numbers with tags as deep as anything may be, and an integer key behind them.
	for _, number := range []string{"c24102", "c48220c24102"} {
		deep, err := hex.DecodeString("82" + strings.Repeat("81", DefaultMaxDepth-1) + number + "a101f6")
		require.NoError(f, err)
		f.Add(deep)
	}
	codec := V1(fuzzLimits)
	f.Fuzz(func(t *testing.T, item []byte) {
		HasIntegerKeys(item)
		text, err := codec.AppendJSON(nil, item)
		if err != nil {
			requireSound(t, err, len(item))
			return
		}
		require.NoError(t, oracle.Wellformed(item))
		require.True(t, json.Valid(text) && utf8.Valid(text), "%q", text)
		requireIdentity(t, text)
		// The other readers of the same bytes.
		_, err = Diagnose(item)
		require.NoError(t, err)
		in := NewItems(item)
		require.NoError(t, in.Skip(2*DefaultMaxDepth))
		require.Empty(t, in.Rest())
		if want, ok := treeOf(t, item); ok {
			require.Equal(t, want, HasIntegerKeys(item))
		}
	})
}

// Any JSON text keeps its tokens, and what was decoded once stays as it is.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte(sample))
	codec := V1(fuzzLimits)
	f.Fuzz(func(t *testing.T, text []byte) {
		item, err := codec.AppendCBOR(nil, text)
		if err != nil {
			return
		}
		back, err := codec.AppendJSON(nil, item)
		require.NoError(t, err)
		requireSameTokens(t, string(text), string(back))
		requireIdentity(t, back)

		item, err = Plain(fuzzLimits).AppendCBOR(nil, text)
		require.NoError(t, err)
		require.False(t, HasIntegerKeys(item))
		_, err = codec.AppendJSON(nil, item)
		require.NoError(t, err)
	})
}

// requireSound checks that an error is one of ours and points into the input.
func requireSound(t *testing.T, err error, size int) {
	var syntax *SyntaxError
	var limit *LimitError
	switch {
	case errors.As(err, &syntax):
		require.LessOrEqual(t, uint(syntax.Offset), uint(size))
	case errors.As(err, &limit):
		require.LessOrEqual(t, uint(limit.Offset), uint(size))
	default:
		require.Fail(t, "untyped error", "%v", err)
	}
}

// requireIdentity checks that a text of AppendJSON's survives byte for byte. Sizes
// may pass a limit that they kept in the other form, so defaults apply.
func requireIdentity(t *testing.T, text []byte) {
	item, err := V1(Limits{}).AppendCBOR(nil, text)
	require.NoError(t, err)
	back, err := V1(Limits{}).AppendJSON(nil, item)
	require.NoError(t, err)
	require.Equal(t, string(text), string(back))
}

// oracleHasIntegerKeys is HasIntegerKeys over the reference library's tree.
func oracleHasIntegerKeys(t *testing.T, item []byte) bool {
	has, ok := treeOf(t, item)
	return has || !ok // of a key that stands twice it shows one value, and cannot tell
}

// treeOf says whether that tree has integer keys; ok is false where there is none: a key stands
// twice, or is one that Go's maps do not have.
func treeOf(t *testing.T, item []byte) (has, ok bool) {
	strict, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, MaxNestedLevels: 2 * DefaultMaxDepth}.DecMode()
	require.NoError(t, err)
	var tree any
	err = strict.Unmarshal(item, &tree)
	var twice *cbor.DupMapKeyError
	var key *cbor.InvalidMapKeyTypeError
	if errors.As(err, &twice) || errors.As(err, &key) {
		return false, false
	}
	require.NoError(t, err)
	return treeHasIntegerKeys(tree), true
}

func treeHasIntegerKeys(tree any) bool {
	switch tree := tree.(type) {
	case []any:
		for _, v := range tree {
			if treeHasIntegerKeys(v) {
				return true
			}
		}
	case map[any]any:
		for key, v := range tree {
			if _, isText := key.(string); !isText || treeHasIntegerKeys(v) {
				return true
			}
		}
	}
	return false
}
