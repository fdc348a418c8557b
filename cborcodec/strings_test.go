package cborcodec

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStrings(t *testing.T) {
	tests := []struct{ name, text, item, back string }{
		{"empty", `""`, "60", `""`},
		{"ASCII", `"a"`, "6161", `"a"`},
		{"UTF-8 stays", `"é水😀"`, "69c3a9e6b0b4f09f9880", `"é水😀"`},
		{"two-letter escapes", `"\"\\\/\b\f\n\r\t"`, "68225c2f080c0a0d09", `"\"\\/\b\f\n\r\t"`},
		{"control characters", `"\u0000\u001F\u007f"`, "63001f7f", `"\u0000\u001f` + "\x7f" + `"`},
		{"letters as escapes", `"\u0041\u00e9\u6c34"`, "6641c3a9e6b0b4", `"Aé水"`},
		{"surrogate pair", `"\uD83D\uDE00"`, "64f09f9880", `"😀"`},
		{"highest code point", `"\udbff\udfff"`, "64f48fbfbf", "\"\U0010ffff\""},
		{"line separator stays", `"\u2028"`, "63e280a8", "\"\u2028\""},
		{"replacement character", `"\ufffd"`, "63efbfbd", "\"\ufffd\""},
		{"lone high surrogate", `"\ud800"`, "d9011143eda080", `"\ud800"`},
		{"lone low surrogate", `"a\uDFFFb"`, "d901114561edbfbf62", `"a\udfffb"`},
		{"low before high", `"\ude00\ud83d"`, "d9011146edb880eda0bd", `"\ude00\ud83d"`},
		{"high before pair", `"\ud83d\ud83d\ude00"`, "d9011147eda0bdf09f9880", `"\ud83d😀"`},
		{"high before letter escape", `"\ud83d\u0041"`, "d9011144eda0bd41", `"\ud83dA"`},
		{"high at the end after UTF-8", `"é\"\ud83d"`, "d9011146c3a922eda0bd", `"é\"\ud83d"`},
		{"surrogate in a key", `{"\ud800":1}`, "a1d9011143eda08001", `{"\ud800":1}`},
	}
	codec := V1(Limits{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			item, err := codec.AppendCBOR(nil, []byte(tt.text))
			require.NoError(t, err)
			assert.Equal(t, tt.item, hex.EncodeToString(item))
			back, err := codec.AppendJSON(nil, item)
			require.NoError(t, err)
			assert.Equal(t, tt.back, string(back))
		})
	}
}

// Every code unit that JSON can name survives, alone, and as an upper-case escape.
func TestEveryCodeUnit(t *testing.T) {
	const upper = "0123456789ABCDEF"
	codec := V1(Limits{})
	for unit := range 1 << 16 {
		text := []byte{'"', '\\', 'u', upper[unit>>12], upper[unit>>8&15], upper[unit>>4&15], upper[unit&15], '"'}
		item, err := codec.AppendCBOR(nil, text)
		require.NoError(t, err)
		back, err := codec.AppendJSON(nil, item)
		require.NoError(t, err)
		again, err := codec.AppendCBOR(nil, back)
		require.NoError(t, err)
		require.Equal(t, item, again, "%04x", unit)
		if isSurrogate(rune(unit)) {
			require.Equal(t, byte(majorTag), item[0]>>5)
			require.Len(t, item, 7)
		} else {
			require.Equal(t, string(rune(unit)), string(item[1:]), "%04x", unit)
		}
	}
}

func TestKeys(t *testing.T) {
	tests := []struct{ name, text, item, back string }{
		{"of the table", `{"event_id":1,"room_alias":2}`, "a20101186802", ""},
		{"of the table, escaped", `{"t\u0079pe":1}`, "a10201", `{"type":1}`},
		{"not of the table", `{"Type":1,"typ":2}`, "a26454797065016374797002", ""},
		{"empty", `{"":1}`, "a16001", ""},
		{"numeric strings stay strings", `{"8":1,"-1":2,"08":3}`, "a3613801622d310262303803", ""},
		{"order", `{"type":1,"a":2,"event_id":3}`, "a302016161020103", ""},
		{"duplicates", `{"a":1,"a":2,"type":3,"type":4}`, "a461610161610202030204", ""},
		{"only keys, not values", `["type",{"type":"type"}]`, "826474797065a1026474797065", ""},
	}
	codec := V1(Limits{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			item, err := codec.AppendCBOR(nil, []byte(tt.text))
			require.NoError(t, err)
			assert.Equal(t, tt.item, hex.EncodeToString(item))
			back, err := codec.AppendJSON(nil, item)
			require.NoError(t, err)
			if tt.back == "" {
				tt.back = tt.text
			}
			assert.Equal(t, tt.back, string(back))
		})
	}
}

// Plain writes no integer keys but reads them.
func TestPlainKeys(t *testing.T) {
	codec := Plain(Limits{})
	item, err := codec.AppendCBOR(nil, []byte(`{"type":1}`))
	require.NoError(t, err)
	assert.Equal(t, "a1647479706501", hex.EncodeToString(item))
	text, err := codec.AppendJSON(nil, unhex(t, "a10201"))
	require.NoError(t, err)
	assert.Equal(t, `{"type":1}`, string(text))
}
