package cborcodec

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// toy writes the key "key" as -1, the string "word" as simple value 0, the integer 42
// as undefined, and the array [1] as simple value 1. Simple value 2 is a string that
// needs escapes, 3 is not UTF-8, and tag 5 is an error.
type toy struct{}

var errToy = errors.New("toy")

func (toy) AppendKey(dst, name []byte, listed bool) ([]byte, bool) {
	return append(dst, 0x20), string(name) == "key" && !listed
}

func (toy) AppendString(dst, text []byte) ([]byte, bool) {
	return append(dst, 0xe0), string(text) == "word"
}

func (toy) AppendEscaped(dst, raw []byte) ([]byte, bool) {
	return append(dst, 0xe5), string(AppendUnescaped(nil, raw)) == "w\"rd"
}

func (toy) AppendInteger(dst, digits []byte) ([]byte, bool) {
	return append(dst, 0xf7), string(digits) == "42"
}

func (toy) SkipKey([]byte) {}

func (toy) AppendContainer(dst, text []byte) ([]byte, int) {
	if bytes.HasPrefix(text, []byte(`{"known":[{}]}`)) {
		return append(dst, 0xe4), len(`{"known":[{}]}`)
	}
	return dst, 0
}

func (toy) Seal(dst []byte, at int) []byte {
	if string(dst[at:]) == "\x81\x01" {
		return append(dst[:at], 0xe1)
	}
	return dst
}

func (toy) AppendJSON(dst, items []byte, key bool) ([]byte, int, error) {
	switch {
	case key && items[0] == 0x20:
		return append(dst, `"key"`...), 1, nil
	case items[0] == 0xe0:
		return append(dst, `"word"`...), 1, nil
	case items[0] == 0xe5:
		return append(dst, "\"w\"rd\""...), 1, nil
	case items[0] == 0xf7:
		return append(dst, "42"...), 1, nil
	case items[0] == 0xe1:
		return append(dst, "[1]"...), 1, nil
	case items[0] == 0xe4:
		return append(dst, `{"known":[{}]}`...), 1, nil
	case items[0] == 0xe2:
		return append(dst, "\"a\"\nü\""...), 1, nil
	case items[0] == 0xe3:
		return append(dst, "\"\xff\""...), 1, nil
	}
	return dst, 0, errToy
}

func TestExtension(t *testing.T) {
	codec := V1(Limits{}).Extended(toy{})
	const text = `{"key":"word","type":42,"other":[1],"x":[[1],2],"keys":["w\u006frd",-42,"w\u0022rd","\ud800"]}`
	item, err := codec.AppendCBOR(nil, []byte(text))
	require.NoError(t, err)
	assert.Equal(t, "a5"+"20e0"+"02f7"+"656f74686572e1"+"6178"+"82e102"+"646b657973"+"8464776f72643829e5d9011143eda080", hex.EncodeToString(item))
	back, err := codec.AppendJSON(nil, item)
	require.NoError(t, err)
	assert.Equal(t, `{"key":"word","type":42,"other":[1],"x":[[1],2],"keys":["word",-42,"w\"rd","\ud800"]}`, string(back))

	_, err = V1(Limits{}).AppendJSON(nil, item)
	assert.ErrorIs(t, err, ReasonNoJSON, "only who speaks the extension reads it")
}

func TestExtensionReads(t *testing.T) {
	codec := V1(Limits{}).Extended(toy{})
	for _, c := range []struct {
		name, item, want string
		err              error
	}{
		{"escapes", "e2", `"a\"\nü"`, nil},
		{"escapes in a key", "a1e201", `{"a\"\nü":1}`, nil},
		{"not UTF-8", "e3", "", ReasonUTF8},
		{"its error", "c500", "", errToy},
		{"its error in a key", "a1c50000", "", errToy},
		{"a key that is no string", "a1e101", "", ReasonKey},
		{"an integer key without a row", "a118c801", "", ReasonKey},
		{"an integer key and its twin stay", "a202016474797065" + "02", `{"type":1,"type":2}`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			item, err := hex.DecodeString(c.item)
			require.NoError(t, err)
			text, err := codec.AppendJSON(nil, item)
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, string(text))
		})
	}
}

// TestExtensionContainer: a container that the extension takes is passed in the text, and
// what follows is read as ever.
func TestExtensionContainer(t *testing.T) {
	codec := V1(Limits{MaxDepth: 3}).Extended(toy{})
	for text, want := range map[string]string{
		`{"known":[{}]}`:                  "e4",
		` [ {"known":[{}]} , 1 ] `:        "82e401",
		`[{"known":[{}]},{"known":[]}]`:   "82e4a1656b6e6f776e80",
		`{"known":{"known":[{}]},"x":[]}`: "a2656b6e6f776ee4617880",
	} {
		payload, err := codec.AppendCBOR(nil, []byte(text))
		require.NoError(t, err, text)
		assert.Equal(t, want, hex.EncodeToString(payload), text)
	}
	for _, text := range []string{`{"known":[{}]}}`, `{"known":[{}]}1`, `[{"known":[{}]}`, `[{"known":[{}]}x]`} {
		_, err := codec.AppendCBOR(nil, []byte(text))
		var syntax *SyntaxError
		assert.ErrorAs(t, err, &syntax, text)
	}
	_, err := codec.AppendCBOR(nil, []byte(`[[[{"known":[{}]}]]]`))
	var limit *LimitError
	assert.ErrorAs(t, err, &limit, "one item or not, it is as deep")
}
