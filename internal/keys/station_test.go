package keys

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/pairing"
)

func TestStationFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stations")
	a, err := NewStation("OE1XYZ-7", Key("syt_a:b"))
	require.NoError(t, err)
	b, err := NewStation("DL0ABC/P", Key("syt_b"))
	require.NoError(t, err)
	_, err = NewStation("oe1xyz", Key("syt_b"))
	require.Error(t, err)
	require.NoError(t, AppendStation(path, a))
	require.NoError(t, AppendStation(path, b))
	got, err := LoadStations(path)
	require.NoError(t, err)
	assert.Equal(t, []Station{a, b}, got)
	require.NoError(t, CheckPrivate(path))

	key := filepath.Join(t.TempDir(), "key")
	require.NoError(t, WriteStationKey(key, a))
	text, err := os.ReadFile(key)
	require.NoError(t, err)
	assert.Equal(t, a.Key.Hex()+"\n", string(text))
	require.Error(t, WriteStationKey(key, b), "no key is overwritten")
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v %s", a, a, a, a), a.Key.Hex())
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v %s", a, a, a, a), "syt_a")
}

func TestStationFileErrors(t *testing.T) {
	key := strings.Repeat("ab", pairing.MinKey)
	for _, line := range []string{
		"", "OE1XYZ", "OE1XYZ:" + key, "OE1XYZ:" + key + ":", "oe1xyz:" + key + ":t", "OE1XYZ:abcd:t", "OE1XYZ:xx:t",
		":" + key + ":t", "OE1XYZ:" + key + ":a b", "A:" + key + ":t\nA:" + key + ":u", strings.Repeat("A", 1<<17),
	} {
		_, err := ParseStations(strings.NewReader(line))
		var e *StationLineError
		require.ErrorAs(t, err, &e, line)
		assert.NotContains(t, e.Error(), key)
	}
	require.Error(t, AppendStation(filepath.Join(t.TempDir(), "x"), Station{Call: "A"}))
}

func TestLocalLogin(t *testing.T) {
	key := Key(bytes.Repeat([]byte{7}, pairing.MinKey))
	assert.Regexp(t, "^[a-z2-7]{4}(-[a-z2-7]{4}){3}$", LocalPassword(key))
	assert.Equal(t, LocalPassword(key), LocalPassword(key))
	assert.NotEqual(t, LocalPassword(key), LocalPassword(NewPSK().Key))
	assert.NotContains(t, LocalToken(key), LocalPassword(key))
}

func FuzzStations(f *testing.F) {
	f.Add("OE1XYZ:" + strings.Repeat("ab", pairing.MinKey) + ":token\n# comment\n")
	f.Fuzz(func(t *testing.T, text string) {
		stations, err := ParseStations(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, s := range stations {
			again, err := ParseStations(strings.NewReader(s.Line()))
			require.NoError(t, err)
			assert.Equal(t, []Station{s}, again)
		}
	})
}
