package cborcodec

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The proposal's test object and its bytes.
func TestGoldenObject(t *testing.T) {
	text := readTestdata(t, "msc3079-object.json")
	want := readHex(t, "msc3079-object.hex")

	got, err := V1(Limits{}).AppendCBOR(nil, text)
	require.NoError(t, err)
	assert.Equal(t, hex.EncodeToString(want), hex.EncodeToString(got))

	back, err := V1(Limits{}).AppendJSON(nil, want)
	require.NoError(t, err)
	assert.Equal(t, string(text), string(back))
}

// The table in the source is the proposal's.
func TestKeyTableV1(t *testing.T) {
	var table struct {
		Keys map[string]uint64 `json:"keys"`
	}
	require.NoError(t, json.Unmarshal(readTestdata(t, "msc3079-v1-keys.json"), &table))
	require.Len(t, table.Keys, 104)
	assert.Equal(t, table.Keys, numbersV1)
	assert.Len(t, keysV1, 105)
	for n, key := range keysV1[1:] {
		got, ok := keyV1(uint64(n + 1))
		assert.True(t, ok)
		assert.Equal(t, key, got)
		assert.Equal(t, key, string(appendEscaped(nil, []byte(key))), "the decoder writes keys of the table unescaped")
	}
	for _, n := range []uint64{0, 105, 1 << 63} {
		_, ok := keyV1(n)
		assert.False(t, ok, n)
	}
}

func readTestdata(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return bytes.TrimRight(b, "\n")
}
