package cborcodec

import (
	"encoding/hex"
	"math"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every number comes back as the same text; the bytes are the shortest exact form.
func TestNumbers(t *testing.T) {
	tests := []struct{ text, item string }{
		// Integers (RFC 8949 §3.1).
		{"0", "00"},
		{"23", "17"},
		{"24", "1818"},
		{"255", "18ff"},
		{"256", "190100"},
		{"65535", "19ffff"},
		{"65536", "1a00010000"},
		{"4294967295", "1affffffff"},
		{"4294967296", "1b0000000100000000"},
		{"-1", "20"},
		{"-24", "37"},
		{"-25", "3818"},
		{"9007199254740993", "1b0020000000000001"},
		{"18446744073709551615", "1bffffffffffffffff"},
		{"-18446744073709551616", "3bffffffffffffffff"},
		// Bignums (§3.4.3).
		{"18446744073709551616", "c249010000000000000000"},
		{"-18446744073709551617", "c349010000000000000000"},
		{"100000000000000000000", "c249056bc75e2d63100000"},
		// Floats in the shortest width (§4.2.2).
		{"-0", "f98000"},
		{"0.5", "f93800"},
		{"1.5", "f93e00"},
		{"-4.25", "f9c440"},
		{"0.00006103515625", "f90400"},
		{"5.960464477539063e-8", "f90001"},
		{"100000.5", "fa47c35040"},
		{"3.4028234663852886e+38", "fa7f7fffff"},
		{"0.000001", "fb3eb0c6f7a0b5ed8d"},
		{"1e-7", "fb3e7ad7f29abcaf48"},
		{"0.1", "fb3fb999999999999a"},
		{"-4.1", "fbc010666666666666"},
		{"1e+300", "fb7e37e43c8800759c"},
		{"1.7976931348623157e+308", "fb7fefffffffffffff"},
		{"5e-324", "fb0000000000000001"},
		// Decimal fractions (§3.4.4).
		{"1.0", "c482200a"},
		{"0.0", "c4822000"},
		{"-1.50", "c482213895"},
		{"1e2", "c4820201"},
		{"-7e1", "c4820126"},
		{"1e400", "c48219019001"},
		{"1e-100", "fb2b2bff2ee48e0530"},
		{"10e-100", "c48238630a"},
		{"1e9223372036854775807", "c4821b7fffffffffffffff01"},
		{"273.150", "c482221a00042afe"},
		{"0.1000000000000000000000001", "c4823818c24ad3c21bcecceda1000001"},
		// Text (tag 262): what no form above spells this way.
		{"-0.0", "d90106442d302e30"},
		{"-0e5", "d90106442d306535"},
		{"1E2", "d9010643314532"},
		{"1e+2", "d901064431652b32"},
		{"1e02", "d901064431653032"},
		{"1e0", "d9010643316530"},
		{"1e-2", "d901064431652d32"},
		{"1.5e10", "d9010646312e35653130"},
		{"1e9223372036854775808", "d90106553165" + hex.EncodeToString([]byte("9223372036854775808"))},
	}
	codec := V1(Limits{})
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			item, err := codec.AppendCBOR(nil, []byte(tt.text))
			require.NoError(t, err)
			assert.Equal(t, tt.item, hex.EncodeToString(item))
			text, err := codec.AppendJSON(nil, item)
			require.NoError(t, err)
			assert.Equal(t, tt.text, string(text))
		})
	}
}

// Around the lengths where a number changes its form the text stays.
func TestLongNumbers(t *testing.T) {
	codec := V1(Limits{})
	for _, sign := range []string{"", "-"} {
		for _, n := range []int{1, 19, 20, 62, 63, 64, 65, 66, 120, 126, 127, 128, 129, 1022, 1023, 1024, 1025, 1100, 5000} {
			for _, text := range []string{
				sign + strings.Repeat("9", n),
				sign + "1" + strings.Repeat("0", n),
				sign + "0." + strings.Repeat("0", n) + "1",
				sign + "0." + strings.Repeat("3", n),
				sign + strings.Repeat("7", n) + ".25",
				sign + strings.Repeat("7", n) + "e" + strings.Repeat("1", n),
				sign + "1e-" + strings.Repeat("6", n),
			} {
				item, err := codec.AppendCBOR(nil, []byte(text))
				require.NoError(t, err)
				require.NoError(t, cbor.Wellformed(item))
				back, err := codec.AppendJSON(nil, item)
				require.NoError(t, err)
				require.Equal(t, text, string(back))
			}
		}
	}
}

// Peers that may not know tags get a plain item of equal value where one exists.
func TestUntaggedNumbers(t *testing.T) {
	tests := []struct{ text, item, back string }{
		{"1", "01", "1"},
		{"1.0", "01", "1"},
		{"-2.00", "21", "-2"},
		{"0.0", "00", "0"},
		{"-0.0", "f98000", "-0"},
		{"0e7", "00", "0"},
		{"1e2", "1864", "100"},
		{"1.5E+3", "1905dc", "1500"},
		{"2.50", "f94100", "2.5"},
		{"10e-2", "fb3fb999999999999a", "0.1"},
		{"9007199254740992.0", "1b0020000000000000", "9007199254740992"},
		{"9007199254740993.0", "c482201b014000000000000a", "9007199254740993.0"}, // not a float64
		{"1E300", "fb7e37e43c8800759c", "1e+300"},
		{"1e400", "c48219019001", "1e400"},
		{"1e-400", "c48239018f01", "1e-400"},
		{"18446744073709551616", "c249010000000000000000", "18446744073709551616"},
		{"18446744073709551615", "1bffffffffffffffff", "18446744073709551615"},
		{"-18446744073709551616", "3bffffffffffffffff", "-18446744073709551616"},
		{"100000000000000000000", "fb4415af1d78b58c40", "100000000000000000000"},
		{"-10000000000000000000", "3b8ac7230489e7ffff", "-10000000000000000000"},
		{"-18446744073709551617", "c349010000000000000000", "-18446744073709551617"},
		{"-100000000000000000000", "fbc415af1d78b58c40", "-100000000000000000000"},
		{"1000000000000000000000", "fb444b1ae4d6e2ef50", "1e+21"},
		{"12345678901234567890123", "c24a029d42b64e76714244cb", "12345678901234567890123"}, // not a float64
	}
	for _, codec := range []*Codec{Plain(Limits{}), V1(Limits{}).Untagged()} {
		for _, tt := range tests {
			item, err := codec.AppendCBOR(nil, []byte(tt.text))
			require.NoError(t, err)
			assert.Equal(t, tt.item, hex.EncodeToString(item), tt.text)
			back, err := codec.AppendJSON(nil, item)
			require.NoError(t, err)
			assert.Equal(t, tt.back, string(back), tt.text)
		}
	}
	assert.False(t, V1(Limits{}).untagged, "Untagged leaves its receiver alone")
}

// What peers send: floats for integers, any width, non-shortest heads, bignums with
// leading zeros, decimal fractions of any exponent.
func TestForeignNumbers(t *testing.T) {
	tests := []struct{ name, item, text string }{
		{"half 1.0", "f93c00", "1"},
		{"single 1.0", "fa3f800000", "1"},
		{"double 1.0", "fb3ff0000000000000", "1"},
		{"double -3.0", "fbc008000000000000", "-3"},
		{"double timestamp", "fb427a201e6d32b000", "1795328234283"},
		{"double 2^53", "fb4340000000000000", "9007199254740992"},
		{"double 2^63", "fb43e0000000000000", "9223372036854775808"},
		{"double 2^64", "fb43f0000000000000", "18446744073709551616"},
		{"double 10^20", "fb4415af1d78b58c40", "100000000000000000000"},
		{"double 10^21", "fb444b1ae4d6e2ef50", "1e+21"},
		{"half 0.0", "f90000", "0"},
		{"single -0.0", "fa80000000", "-0"},
		{"single 0.1", "fa3dcccccd", "0.10000000149011612"},
		{"single for a half", "fa3fc00000", "1.5"},
		{"long head", "1b0000000000000001", "1"},
		{"long negative head", "3900ff", "-256"},
		{"bignum 0", "c240", "0"},
		{"bignum -1", "c340", "-1"},
		{"small bignum", "c24101", "1"},
		{"bignum with leading zeros", "c24a00010000000000000000", "18446744073709551616"},
		{"fraction 273.15", "c48221196ab3", "273.15"},
		{"fraction -273.15", "c48221396ab2", "-273.15"},
		{"fraction 0.001", "c4822201", "0.001"},
		{"fraction -0.05", "c4822124", "-0.05"},
		{"fraction exponent 0", "c4820007", "7"},
		{"fraction exponent -64", "c482383f01", "0." + strings.Repeat("0", 63) + "1"},
		{"fraction exponent -65", "c482384001", "1e-65"},
		{"fraction smallest exponent", "c4823bffffffffffffffff01", "1e-18446744073709551616"},
		{"fraction largest exponent", "c4821bffffffffffffffff3bffffffffffffffff", "-18446744073709551616e18446744073709551615"},
		{"fraction of a small bignum", "c48220c24105", "0.5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text, err := V1(Limits{}).AppendJSON(nil, unhex(t, tt.item))
			require.NoError(t, err)
			assert.Equal(t, tt.text, string(text))
		})
	}
}

// All 65,536 half-precision values agree with the reference library, both ways.
func TestHalfPrecision(t *testing.T) {
	for bits := range 1 << 16 {
		item := []byte{cborHalf, byte(bits >> 8), byte(bits)}
		var want float64
		require.NoError(t, cbor.Unmarshal(item, &want))
		got := halfFloat(uint16(bits))
		if math.IsNaN(want) {
			require.True(t, math.IsNaN(got), "%04x", bits)
			continue
		}
		require.Equal(t, math.Float64bits(want), math.Float64bits(got), "%04x", bits)
		if !math.IsInf(want, 0) {
			require.Equal(t, item, appendFloat(nil, want), "%04x", bits)
		}
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}
