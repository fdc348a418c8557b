package dialect

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec"
)

// TestTokens pins how tokens count from those before them.
func TestTokens(t *testing.T) {
	for _, c := range []struct{ name, since, text, item string }{
		{"one number", "", `["s7"]`, item("81", "cf8107")},
		{"from since", "s72594_4483", `["s72595_4483"]`, item("81", "cf820100")},
		{"from the last", "s1_2", `["s2_2","s4_2","s4_1"]`, item("83", "cf820100", "cf820200", "cf820020")},
		{"another count", "s1_2_3", `["s2_2"]`, item("81", "cf820202")},
		{"other separators", "s1_2", `["s2-2"]`, item("81", "64", "'s2-2")},
		{"a depth before", "s72594_4483", `["t8-72594_4483","t9-72594_4483"]`, item("82", "d083080000", "d083010000")},
		{"Dendrite", "", `["t84_495","t86_495"]`, item("82", "d08218541901ef", "d0820200")},
		{"position", "", `["5/s72594_4483"]`, item("81", "d81b8205821a00011b92191183")},
		{"position from since", "5/s72594_4483", `["6/s72594_4485"]`, item("81", "d81b8201820002")},
		{"a token behind a position", "5/s72594_4483", `["t8-72594_4483"]`, item("81", "d083080000")},
		{"position in full", "", `["1/s1-"]`, item("81", "65", "'1/s1-")},
		{"number from since", "12345", `["12345","12346","12344","30000","30","0"]`, item("86", "ce20", "ce22", "ce21", "ce3989ee", "ce181e", "61", "'0")},
		{"number far from since", "12345", `["99999","345678"]`, item("82", "ce1a0001869f", "ce1a0005464e")},
		{"number from a small one", "255", `["256"]`, item("81", "ce190100")},
		{"since is none", "hello", `["s1"]`, item("81", "cf8101")},
	} {
		t.Run(c.name, func(t *testing.T) {
			codec := New(testHome, cborcodec.Limits{})
			payload, err := codec.AppendBody(nil, []byte(c.text), &Context{Since: c.since})
			require.NoError(t, err)
			assert.Equal(t, c.item, hex.EncodeToString(payload))
			text, err := codec.AppendJSON(nil, payload, &Context{Since: c.since})
			require.NoError(t, err)
			assert.Equal(t, c.text, string(text))
		})
	}
}

// TestHostileTokens: numbers stay in bounds, whatever they count from.
func TestHostileTokens(t *testing.T) {
	codec := New(testHome, cborcodec.Limits{})
	for _, payload := range []string{
		"cf8120", "cf82203a00ffffff", "cf8200" + "1b7fffffffffffffff", "cf82003b7fffffffffffffff", "d81b", "d81b81", "d81b8205", "d81b823b7fffffffffffffff8200",
		"d81b821b7fffffffffffffff8200", "d81b83050505", "d81b8238ff820000", "d81b820580", "a1d81b82050001",
	} {
		b, err := hex.DecodeString(payload)
		require.NoError(t, err)
		var format *FormatError
		_, err = codec.AppendJSON(nil, b, &Context{Since: "s5_5"})
		assert.ErrorAs(t, err, &format, payload)
	}
}

// TestPatterns pins the transaction IDs of clients, and what they count from.
func TestPatterns(t *testing.T) {
	for _, c := range []struct{ text, item string }{
		{"m1700000000002.6", item("d1", "83", "00", "02", "01")},
		{"mautrix-go_1700000000002000042_6", item("d1", "84", "01", "02", "01", "43", "00002a")},
		{"1700000000002__inc6", item("d1", "83", "02", "02", "01")},
		{"m17000000000026", item("d1", "83", "03", "02", "01")},
		{"mautrix-python_R6@T1700000000002", item("d1", "83", "04", "02", "01")},
		{"FluffyChat android-4-1700000000002", item("d1", "84", "05", "02", "20", "72", "'FluffyChat android")},
		{"a-b-4-1700000000002", item("d1", "84", "05", "02", "20", "63", "'a-b")},
		{"a-04-1700000000002", item("72", "'a-04-1700000000002")},
		{"$local.24cd3df5-56c8-41ac-bf49-a44928e71192", item("d1", "82", "13", "4f", "24cd3df556c8", "1f", "ac49a44928e71192")},
		{"$local.24cd3df5-56c8-41ac-8049-a44928e71192", item("d1", "82", "10", "4f", "24cd3df556c8", "10", "ac49a44928e71192")},
		{"$local.24cd3df5-56c8-11ac-8049-a44928e71192", item("782b", "'$local.24cd3df5-56c8-11ac-8049-a44928e71192")},
		{"24cd3df5-56c8-4fac-9a49-a44928e71192", item("d1", "82", "09", "4f", "24cd3df556c8", "fa", "ac49a44928e71192")},
		{"24cd3df5-56c8-4fac-7a49-a44928e71192", item("cd", "50", "24cd3df556c84fac7a49a44928e71192")},
		{"24cd3df5-56c8-4fac-ca49-a44928e71192", item("cd", "50", "24cd3df556c84facca49a44928e71192")},
		{"24cd3df556c84facab49a44928e71192", item("d1", "82", "0e", "4f", "24cd3df556c8", "fb", "ac49a44928e71192")},
		{"24cd3df556c85facab49a44928e71192", item("cc", "50", "24cd3df556c85facab49a44928e71192")},
		{"$local.24cd3df5-56c8-41ac-bf49-a44928e7119", item("782a", "'$local.24cd3df5-56c8-41ac-bf49-a44928e7119")},
		{"$local.24CD3df5-56c8-41ac-bf49-a44928e71192", item("782b", "'$local.24CD3df5-56c8-41ac-bf49-a44928e71192")},
		{"t0a23e5b7c8d9f1", item("d1", "82", "06", "47", "0a23e5b7c8d9f1")},
		{"t0A23e5b7c8d9f1", item("6f", "'t0A23e5b7c8d9f1")},
		{"mautrix-python_R@T1700000000002", item("781f", "'mautrix-python_R@T1700000000002")},
	} {
		codec := New(testHome, cborcodec.Limits{})
		x := &Context{Clock: 1700000000000, Count: 5}
		payload, err := codec.AppendBody(nil, []byte(`"`+c.text+`"`), x)
		require.NoError(t, err)
		assert.Equal(t, c.item, hex.EncodeToString(payload), c.text)
		y := &Context{Clock: 1700000000000, Count: 5}
		text, err := codec.AppendJSON(nil, payload, y)
		require.NoError(t, err)
		assert.Equal(t, `"`+c.text+`"`, string(text))
		assert.Equal(t, x.Learned, y.Learned)
	}
}
