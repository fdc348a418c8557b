package cborcodec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"reflect"
	"strconv"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// decode(encode(x)) is x to the byte, but for white space and needless escapes.
func TestRoundTripIsIdentity(t *testing.T) {
	codec := V1(Limits{})
	rapid.Check(t, func(t *rapid.T) {
		x := jsonText(3, true).Draw(t, "x")
		item, err := codec.AppendCBOR(nil, []byte(x.written))
		require.NoError(t, err)
		require.NoError(t, oracle.Wellformed(item))
		back, err := codec.AppendJSON(nil, item)
		require.NoError(t, err)
		require.Equal(t, x.canonical, string(back))

		again, err := codec.AppendCBOR(nil, back)
		require.NoError(t, err)
		require.Equal(t, item, again)
	})
}

// The reference library reads from Plain's output what encoding/json reads from the
// text. Neither knows lone surrogates.
func TestOracleReadsOurs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := jsonText(3, false).Draw(t, "x")
		requireOracleReads(t, x.written)
	})
}

// We read from the reference library's bytes, integers as floats and all, what
// encoding/json reads from the text.
func TestWeReadOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := jsonText(3, false).Draw(t, "x")
		var tree any
		if json.Unmarshal([]byte(x.written), &tree) != nil {
			return // a number beyond float64
		}
		requireOursReads(t, tree)
	})
}

// The recorded bodies: identity to the token, and agreement with both oracles.
func TestCorpus(t *testing.T) {
	codec := V1(Limits{})
	var item, back []byte
	for i, body := range corpusBodies(t) {
		var err error
		item, err = codec.AppendCBOR(item[:0], []byte(body))
		require.NoError(t, err)
		require.Less(t, len(item), len(body)+1)
		back, err = codec.AppendJSON(back[:0], item)
		require.NoError(t, err)
		requireSameTokens(t, body, string(back))
		if i%8 == 0 { // the trees are slow
			requireOracleReads(t, body)
			var tree any
			require.NoError(t, json.Unmarshal([]byte(body), &tree))
			requireOursReads(t, tree)
		}
	}
}

// requireSameTokens compares two texts as encoding/json cuts them: order,
// duplicates and the text of numbers count.
func requireSameTokens(t require.TestingT, want, got string) {
	a, b := json.NewDecoder(bytes.NewReader([]byte(want))), json.NewDecoder(bytes.NewReader([]byte(got)))
	a.UseNumber()
	b.UseNumber()
	for {
		x, errX := a.Token()
		y, errY := b.Token()
		require.Equal(t, errX, errY)
		if errors.Is(errX, io.EOF) {
			return
		}
		require.NoError(t, errX)
		if x != y { // spares require's reflection
			require.Equal(t, x, y)
		}
	}
}

// oracle is the reference library with limits out of the way.
var oracle = func() cbor.DecMode {
	mode, err := cbor.DecOptions{
		DefaultMapType:  reflect.TypeFor[map[string]any](),
		BigIntDec:       cbor.BigIntDecodeValue,
		MaxNestedLevels: 4 * DefaultMaxDepth,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return mode
}()

func requireOracleReads(t require.TestingT, text string) {
	item, err := Plain(Limits{}).AppendCBOR(nil, []byte(text))
	require.NoError(t, err)
	var got any
	require.NoError(t, oracle.Unmarshal(item, &got))

	var want any
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(&want))
	require.Equal(t, exact(want), exact(got))
}

func requireOursReads(t require.TestingT, tree any) {
	for _, width := range []cbor.ShortestFloatMode{cbor.ShortestFloatNone, cbor.ShortestFloat16} {
		mode, err := cbor.EncOptions{ShortestFloat: width, Sort: cbor.SortCanonical}.EncMode()
		require.NoError(t, err)
		item, err := mode.Marshal(tree)
		require.NoError(t, err)
		text, err := V1(Limits{}).AppendJSON(nil, item)
		require.NoError(t, err)
		var got any
		require.NoError(t, json.Unmarshal(text, &got))
		require.Equal(t, tree, got)
	}
}

// exact replaces numbers by their exact value, written as a fraction.
func exact(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key := range v {
			v[key] = exact(v[key])
		}
		return v
	case []any:
		for i := range v {
			v[i] = exact(v[i])
		}
		return v
	case json.Number:
		return ratio(v.String())
	case uint64, int64:
		return ratio(fmt.Sprint(v))
	case big.Int:
		return ratio(v.String())
	case float64:
		return new(big.Rat).SetFloat64(v).String()
	case cbor.Tag:
		switch content := v.Content.(type) {
		case []byte: // tag 262
			return ratio(string(content))
		case []any: // tag 4
			mantissa, ok := content[1].(big.Int)
			if !ok {
				mantissa.SetString(fmt.Sprint(content[1]), 10)
			}
			return ratio(fmt.Sprintf("%se%v", &mantissa, content[0]))
		}
	}
	return v
}

// ratio is the value of a decimal. The shortest digits of a float stand for that
// float (RFC 8785 §3.2.2.3): 0.1 is the float that prints so, while an integer
// beyond 2^53 that is a float without being its shortest digits is that float as well.
func ratio(number string) string {
	r, ok := new(big.Rat).SetString(number)
	if !ok {
		panic("no number: " + number)
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return r.String() // beyond the range of float64
	}
	shortest, ok := new(big.Rat).SetString(strconv.FormatFloat(f, 'g', -1, 64))
	if ok && r.Cmp(shortest) == 0 {
		return new(big.Rat).SetFloat64(f).String()
	}
	return r.String()
}

// What a float says of itself is compared by its value, not by the digits printed.
func TestExactComparesValues(t *testing.T) {
	same := [][2]any{
		{json.Number("18100000000000032.0"), 18100000000000032.0},
		{json.Number("18100000000000030"), 18100000000000032.0}, // its shortest digits
		{json.Number("0.1"), 0.1},
		{json.Number("1e400"), cbor.Tag{Number: 4, Content: []any{int64(400), uint64(1)}}},
	}
	for _, pair := range same {
		require.Equal(t, exact(pair[0]), exact(pair[1]))
	}
	other := [][2]any{
		{json.Number("18100000000000033"), 18100000000000032.0},
		{json.Number("0.10000000000000001"), 0.1},
		{json.Number("0.2"), 0.1},
	}
	for _, pair := range other {
		require.NotEqual(t, exact(pair[0]), exact(pair[1]))
	}
}

// With a buffer that is large enough neither direction allocates.
func TestNoAllocations(t *testing.T) {
	codec := V1(Limits{})
	text := nearest(corpusBodies(t), 1500)
	item, err := codec.AppendCBOR(nil, text)
	require.NoError(t, err)
	buf := make([]byte, 0, 2*len(text))
	encode := func() { _, err = codec.AppendCBOR(buf, text) }
	decode := func() { _, err = codec.AppendJSON(buf, item) }
	require.Zero(t, testing.AllocsPerRun(100, encode))
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(100, decode))
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(100, func() { HasIntegerKeys(item) }))
}
