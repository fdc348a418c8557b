package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTables: the tables that are checked in are those that the command makes, so
// they hold nothing of what is held out (package corpus).
func TestTables(t *testing.T) {
	want, err := generate("../..")
	require.NoError(t, err)
	got, err := os.ReadFile("../../cborcodec/dialect/tables.go")
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got), "run go run ./internal/dialectgen")
}

// TestCensus: what is not of the vocabulary enters no table, however frequent it is.
func TestCensus(t *testing.T) {
	v, err := readVocabulary()
	require.NoError(t, err)
	c := newCensus(v)
	const public, private = `{"membership":"join"}`, `{"body":"hello","user_id":"@alice:example.org","device_id":"QIIVX2ax"}`
	for range 100 {
		c.session++
		c.document([]byte(`[` + public + `,` + private + `,{"unlisted":"join"},{"membership":{"body":"join"}},{"size":161218}]`))
	}
	rows := c.tables()
	assert.Contains(t, rows.words, public)
	assert.Contains(t, rows.words, `{"membership":{"body":"join"}}`)
	for _, word := range rows.words {
		assert.NotContains(t, word, "alice")
		assert.NotContains(t, word, "QIIVX2ax")
		assert.NotContains(t, word, "unlisted")
		assert.NotContains(t, word, "161218")
	}
	assert.NotContains(t, rows.keys, "membership", "version 1 has it")
}
