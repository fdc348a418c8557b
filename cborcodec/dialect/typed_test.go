package dialect

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec"
)

const testHome = "example.org"

// hash is 32 bytes in base64url; stdHash needs the alphabet of base64.
const (
	hash    = "MnGdqIM7JEQobRZcTioD2KKm1ul5cv3ieI9jgJX4kj8"
	hashHex = "32719da8833b2444286d165c4e2a03d8a2a6d6e97972fde2788f638095f8923f"
	stdHash = "MnGdqIM7JEQobRZcTioD2KKm1ul5cv3ieI9jgJX/+j8"
	stdHex  = "32719da8833b2444286d165c4e2a03d8a2a6d6e97972fde2788f638095fffa3f"
)

// item concatenates hexadecimal digits and, between quotes, text.
func item(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		if text, ok := strings.CutPrefix(p, "'"); ok {
			b.WriteString(hex.EncodeToString([]byte(text)))
		} else {
			b.WriteString(p)
		}
	}
	return b.String()
}

// TestTyped pins the forms of strings: they are wire format.
func TestTyped(t *testing.T) {
	for _, c := range []struct{ name, text, item string }{
		{"user at home", "@alice:example.org", item("c0", "65", "'alice")},
		{"user without a name", "@:example.org", item("c0", "60")},
		{"user elsewhere", "@alice:example.com", item("72", "'@alice:example.com")},
		{"user of a longer server", "@alice:x.example.org", item("74", "'@alice:x.example.org")},
		{"room at home", "!abcdefghijklmnopqr:example.org", item("c1", "72", "'abcdefghijklmnopqr")},
		{"room with a random name", "!PlPiL6wQs5xqqYGa:example.org", item("c1", "4c", "3e53e22fac10b39c6aa9819a")},
		{"room of version 12", "!" + hash, item("c1", "5820", hashHex)},
		{"room at home named as a hash", "!" + hash + ":example.org", item("c1", "782b", "'"+hash)},
		{"alias", "#radio:example.org", item("c5", "65", "'radio")},
		{"event of room version 1", "$abc:example.org", item("c6", "63", "'abc")},
		{"event of room version 3", "$" + stdHash, item("c6", "5820", stdHex)},
		{"event", "$" + hash, item("5820", hashHex)},
		{"event with stray bits", "$" + hash[:42] + "9", item("782c", "'$"+hash[:42]+"9")},
		{"media", "mxc://example.org/rzLUn85bSKNXnBPoBLIirlmZtBcG5GTX", item("c7", "5818", "af32d49fce5b48a3579c13e804b222ae5999b41706e464d7")},
		{"media with a short name", "mxc://example.org/abc", item("c7", "63", "'abc")},
		{"media elsewhere", "mxc://example.com/abc", item("75", "'mxc://example.com/abc")},
		{"home server", "example.org", "f3"},
		{"base64", stdHash, item("c8", "5820", stdHex)},
		{"base64url", "a0k-7Enr4FaP_m18sP7IVcBZmWs4zkWnd5fqiGmSpHI", item("d3", "5820", "6b493eec49ebe0568ffe6d7cb0fec855c059996b38ce45a77797ea886992a472")},
		{"padded base64", "2SrTyJzmAX8Ejgnf3DkTqQ==", item("d4", "50", "d92ad3c89ce6017f048e09dfdc3913a9")},
		{"hexadecimal", "0123456789abcdef", item("cc", "48", "0123456789abcdef")},
		{"UUID", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", item("cd", "50", "f81d4fae7dec11d0a76500a0c91e6bf6")},
		{"device key", "ed25519:QIIVX2ax", item("c9", "68", "'QIIVX2ax")},
		{"cross-signing key", "ed25519:" + stdHash, item("c9", "5820", stdHex)},
		{"identity key", "curve25519:QIIVX2ax", item("ca", "68", "'QIIVX2ax")},
		{"one-time key, 4 bytes", "signed_curve25519:AAAAHg", item("cb", "1878")},
		{"one-time key, 7 bytes", "signed_curve25519:AAAAAAAAAQ", item("cb", "05")},
		{"one-time key, 8 bytes", "signed_curve25519:AAAAAAAAAAE", item("cb", "06")},
		{"decimal", "30000", item("ce", "197530")},
		{"decimal with a leading zero", "0300", item("64", "'0300")},
		{"a digit", "7", item("61", "'7")},
		{"stream token", "s72594_4483_1934", item("cf", "83", "1a00011b92", "191183", "19078e")},
		{"stream token, one number", "s1", item("cf", "81", "01")},
		{"topological token", "t42-72594_4483", item("d0", "83", "382a", "1a00011b92", "191183")},
		{"token that ends open", "s1_", item("63", "'s1_")},
		{"matrix-js-sdk", "m1700000000000.5", item("d1", "83", "00", "1b0000018bcfe56800", "05")},
		{"mautrix-go", "mautrix-go_1700000000000000042_7", item("d1", "84", "01", "1b0000018bcfe56800", "07", "43", "00002a")},
		{"matrix-bot-sdk", "1700000000000__inc3", item("d1", "83", "02", "1b0000018bcfe56800", "03")},
		{"text", "hello", item("65", "'hello")},
		{"a long word", "Donaudampfschifffahrt", item("75", "'Donaudampfschifffahrt")},
		{"empty", "", "60"},
		{"sigils alone", "@", item("61", "'@")},
	} {
		t.Run(c.name, func(t *testing.T) {
			codec := New(testHome, cborcodec.Limits{})
			payload, err := codec.AppendBody(nil, []byte(`"`+c.text+`"`), nil)
			require.NoError(t, err)
			assert.Equal(t, c.item, hex.EncodeToString(payload))
			text, err := codec.AppendJSON(nil, payload, nil)
			require.NoError(t, err)
			assert.Equal(t, `"`+c.text+`"`, string(text))
		})
	}
}

// TestTimes: the first time of a message is absolute, the next are differences, also
// in transaction IDs.
func TestTimes(t *testing.T) {
	const text = `[1700000000000,1700000000250,1699999999999,"m1700000001000.2",1600000000000,999]`
	const want = "86" + "d21b0000018bcfe56800" + "d218fa" + "d238fa" + "d183001903e902" +
		"d21b00000174876e8000" + "1903e7"
	codec := New(testHome, cborcodec.Limits{})
	for range 2 { // nothing is left of the message before
		payload, err := codec.AppendBody(nil, []byte(text), nil)
		require.NoError(t, err)
		assert.Equal(t, want, strings.ReplaceAll(hex.EncodeToString(payload), " ", ""))
		back, err := codec.AppendJSON(nil, payload, nil)
		require.NoError(t, err)
		assert.Equal(t, text, string(back))
	}
}

// TestHostile: items that no encoder writes are refused, with the reason.
func TestHostile(t *testing.T) {
	for _, c := range []struct {
		name, payload string
		reason        error
	}{
		{"difference without a time", "d205", errTime},
		{"time beyond 13 digits", "d21b000009184e72a000", errTime},
		{"difference of years", "82d21b0000018bcfe56800d21b000000e8d4a50fff", errTime},
		{"word without a row", "d51903e7", errRow},
		{"last simple value", "f8ff", nil},
		{"user in bytes", "c04161", errContent},
		{"alias in bytes", "c54161", errContent},
		{"tag without content", "c0", errTruncated},
		{"string longer than the input", "c07affffffff61", errTruncated},
		{"indefinite string under a tag", "c07f6161ff", errItem},
		{"UUID of 15 bytes", "cd4f000102030405060708090a0b0c0d0e", errContent},
		{"hex in text", "cc6161", errContent},
		{"token of no numbers", "cf80", errContent},
		{"token of too many numbers", "cf9818", errContent},
		{"token that ends in a hyphen", "cf8120", errContent},
		{"pattern without a row", "d1830900", errContent},
		{"pattern with too few numbers", "d18200", errContent},
		{"pattern between two", "d1820747" + strings.Repeat("61", 7), errContent},
		{"pattern behind the last", "d182144f" + strings.Repeat("61", 15), errContent},
		{"pattern without a number", "d18220" + "00", errItem},
		{"pattern with a UUID of 16 bytes", "d1820850000102030405060708090a0b0c0d0e0f", errContent},
		{"pattern with a UUID of 14 bytes", "d182084e000102030405060708090a0b0c0d", errContent},
		{"pattern with a UUID in text", "d182086f" + strings.Repeat("61", 15), errContent},
		{"pattern with hexadecimal digits of 8 bytes", "d18206480001020304050607", errContent},
		{"nanoseconds beyond six digits", "d184011b0000018bcfe5680007430f4240", errContent},
		{"nanoseconds in an integer", "d184011b0000018bcfe568000701", errItem},
		{"nanoseconds in text", "d184011b0000018bcfe568000763616161", errContent},
		{"nanoseconds of 2 bytes", "d184011b0000018bcfe5680007420001", errContent},
		{"key ID of an unknown length", "c907", errContent},
		{"key ID of more than 4 bytes", "c91b0000000400000000", errContent},
		{"key ID of more than 7 bytes", "c91b0400000000000001", errContent},
		{"reference without a table", "d700", ErrReference},
		{"insertion without a table", "d6c06161", errContent},
		{"number in place of a string", "c005", errItem},
		{"tag in a tag", "c0c06161", errItem},
		{"unknown tag", "d81b00", errContent},
		{"tag that is not assigned", "d81a" + "6161", errContent},
		{"undefined", "f7", errItem},
		{"key without a row", "a1390fff01", errRow},
		{"container as a key", "a1" + containerWord + "01", cborcodec.ReasonKey},
		{"time as a key", "a1d21b0000018bcfe5680001", cborcodec.ReasonKey},
		{"control character", "c0610a", nil},
		{"not UTF-8", "c061ff", cborcodec.ReasonUTF8},
		{"positive key without a row", "a118c801", cborcodec.ReasonKey},
	} {
		t.Run(c.name, func(t *testing.T) {
			payload, err := hex.DecodeString(c.payload)
			require.NoError(t, err)
			codec := New(testHome, cborcodec.Limits{})
			out, err := codec.AppendJSON([]byte("x"), payload, nil)
			if c.reason == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, c.reason)
			assert.Equal(t, "x", string(out), "the buffer is as before")
		})
	}
}

// containerWord is the first word that is a container.
var containerWord = func() string {
	for n, row := range wordRows {
		if row[0] == '{' {
			return hex.EncodeToString(appendWord(nil, uint64(n)))
		}
	}
	return ""
}()

// TestNoHome: without a home server its items are refused, and identifiers travel in
// full.
func TestNoHome(t *testing.T) {
	codec := New("", cborcodec.Limits{})
	for _, payload := range []string{"c06161", "c16161", "c56161", "c66161", "c76161", "f3"} {
		b, err := hex.DecodeString(payload)
		require.NoError(t, err)
		_, err = codec.AppendJSON(nil, b, nil)
		require.ErrorIs(t, err, errContent, payload)
	}
	payload, err := codec.AppendBody(nil, []byte(`"@alice:"`), nil)
	require.NoError(t, err)
	assert.Equal(t, item("67", "'@alice:"), hex.EncodeToString(payload))
}
