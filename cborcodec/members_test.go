package cborcodec

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestJSONMembers(t *testing.T) {
	got, err := JSONMembers([]byte(` {"a" : [1, {"b":null}] ,"\u0041\n":"x","":-1.5e3 } `))
	require.NoError(t, err)
	assert.Equal(t, map[string][]byte{"a": []byte(`[1, {"b":null}]`), "A\n": []byte(`"x"`), "": []byte("-1.5e3")}, got)
	got, err = JSONMembers([]byte(`{"a":1,"b":2,"\u0061":3}`))
	require.NoError(t, err)
	assert.Equal(t, map[string][]byte{"a": []byte("3"), "b": []byte("2")}, got)
	for _, none := range []string{"{}", " null ", "{ }"} {
		got, err := JSONMembers([]byte(none))
		require.NoError(t, err)
		assert.Empty(t, got)
	}
	for _, bad := range []string{
		"", "nul", "[]", "1", `"x"`, "{", `{"a"}`, `{"a":}`, `{"a":1,}`, `{,"a":1}`, `{"a":1 "b":2}`, `{"a":[1,]}`, `{"a":1}x`, `{a:1}`,
		`{"a":[}`, `{"a":[1}`, `{"a":[,]}`, `{"a":[1]]}`, `{"a":[1 2]}`,
		`{"a":tru}`, `{"a":"` + "\xff" + `"}`, `{"a":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + "}",
	} {
		_, err := JSONMembers([]byte(bad))
		assert.Error(t, err, bad)
	}
}

func TestJSONElements(t *testing.T) {
	got, err := JSONElements([]byte(` [ 1,{"b":[null]} , "x"] `))
	require.NoError(t, err)
	assert.Equal(t, [][]byte{[]byte("1"), []byte(`{"b":[null]}`), []byte(`"x"`)}, got)
	for _, none := range []string{"[]", " null ", "[ ]"} {
		got, err := JSONElements([]byte(none))
		require.NoError(t, err)
		assert.Empty(t, got)
	}
	for _, bad := range []string{"", "nul", "{}", `"x"`, "[", "[1", "[1,]", "[,]", "[1 2]", "[1]x", "[{]", strings.Repeat("[", 1000) + strings.Repeat("]", 1000)} {
		_, err := JSONElements([]byte(bad))
		assert.Error(t, err, bad)
	}
}

func TestJSONString(t *testing.T) {
	for text, want := range map[string]string{
		`"s12_34"`: "s12_34", ` "\u00e9\"\\\/\ud83d\ude00" `: "é\"\\/😀", `"\ud800x"`: "\ufffdx", `""`: "",
	} {
		got, err := JSONString([]byte(text))
		require.NoError(t, err)
		assert.Equal(t, want, got, text)
	}
	for _, bad := range []string{"", "1", `"`, `"a`, `"a"b`, `"\x"`} {
		_, err := JSONString([]byte(bad))
		assert.Error(t, err, bad)
	}
	for _, s := range []string{"", "a\"\\\x00\x1f\n\té😀</>&", "\xff\xfe"} {
		var got string
		require.NoError(t, json.Unmarshal(AppendJSONString(nil, s), &got))
		assert.Equal(t, strings.ToValidUTF8(s, "\ufffd"), got)
	}
}

// FuzzJSONMembers holds it to encoding/json, which takes what is no UTF-8 and any depth.
func FuzzJSONMembers(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":null}],"\u0041":"x"}`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := JSONMembers(text)
		var want map[string]json.RawMessage
		if err != nil {
			return
		}
		require.NoError(t, json.Unmarshal(text, &want))
		last := make(map[string]json.RawMessage)
		for name, value := range got {
			last[strings.ToValidUTF8(name, "\ufffd")] = value
		}
		for _, value := range last {
			require.True(t, json.Valid(value))
		}
		require.LessOrEqual(t, len(want), len(got))
	})
}
