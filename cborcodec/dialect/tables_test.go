package dialect

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// frozen is the identity of the tables. It changes with every row, and with the
// number of a row; peers that have other tables then fall back to version 1. Change
// it only together with what negotiates it.
const frozen = "f5f069a120c1d5c2"

func TestTablesAreFrozen(t *testing.T) {
	id := Tables()
	assert.Equal(t, frozen, hex.EncodeToString(id[:]), "a row changed its number, its text, or came or went")
}

// TestRows: no row twice, none that cannot be met, and words that are JSON without
// white space or needless escapes.
func TestRows(t *testing.T) {
	for name, rows := range map[string][]string{"keys": keyRows, "words": wordRows, "arguments": argumentRows, "routes": routeRows} {
		seen := map[string]bool{}
		for _, row := range rows {
			assert.False(t, seen[row], "%s: %s twice", name, row)
			seen[row] = true
		}
	}
	for _, key := range keyRows {
		assert.Equal(t, `"`+key+`"`, string(plain(t, []byte(`"`+key+`"`))))
	}
	assert.LessOrEqual(t, len(keyRows), 2*256)
	for n, word := range wordRows {
		require.True(t, json.Valid([]byte(word)), word)
		assert.Equal(t, word, string(plain(t, []byte(word))), "row %d", n)
		assert.LessOrEqual(t, len(word), 512)
		if word[0] == '"' {
			assert.NotContains(t, word, `\`, "a string with escapes is never looked up")
		}
	}
	for _, row := range argumentRows {
		assert.NotContains(t, row, "%", "arguments are decoded")
	}
}

// TestRowsNameNobody: no identifier of anybody's server is in the tables.
func TestRowsNameNobody(t *testing.T) {
	for _, word := range wordRows {
		for _, s := range strings.Split(word, `"`) {
			assert.False(t, isIdentifier([]byte(s)), word)
		}
		assert.NotContains(t, word, "nordlicht")
	}
}

// TestEveryRoute: each row is found by a request of its own shape.
func TestEveryRoute(t *testing.T) {
	for n, row := range routeRows {
		method, path, _ := strings.Cut(row, " ")
		segments := strings.Split(path[1:], "/")
		got, ok := routes.match(method, segments)
		require.True(t, ok, row)
		assert.Equal(t, n, got, row)
	}
}

// TestEveryWord: each row is written as its number.
func TestEveryWord(t *testing.T) {
	codec := New(testHome, fuzzLimits)
	for n, word := range wordRows {
		payload, err := codec.AppendBody(nil, []byte(word), nil)
		require.NoError(t, err)
		assert.Equal(t, appendWord(nil, uint64(n)), payload, word)
		back, err := codec.AppendJSON(nil, payload, nil)
		require.NoError(t, err)
		assert.Equal(t, word, string(back))
	}
}
