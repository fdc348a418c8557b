package keys

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const hexKey = "000102030405060708090a0b0c0d0e0f"

func wantKey() Key { return Key{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} }

func TestParsePSKs(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     PSKs
	}{
		{"empty", "", PSKs{}},
		{"one", "alice:" + hexKey, PSKs{"alice": wantKey()}},
		{"comments, blanks, CRLF, upper case", "# boat\r\n\r\n  alice:" + strings.ToUpper(hexKey) + " \r\n\tbob:" + hexKey + "\n", PSKs{"alice": wantKey(), "bob": wantKey()}},
		{"colon in the identity", "urn:dev:1:" + hexKey, PSKs{"urn:dev:1": wantKey()}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := ParsePSKs(strings.NewReader(tc.in))
			require.NoError(t, err)
			assert.Equal(t, tc.want, got)
		})
	}
}

func TestParsePSKsRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		line     int
		reason   string
	}{
		{"no colon", "# x\nalice", 2, "no colon"},
		{"not hexadecimal", "alice:secret", 1, "not hexadecimal"},
		{"odd digits", "alice:" + hexKey + "0", 1, "not hexadecimal"},
		{"short key", "alice:00112233", 1, "4 bytes"},
		{"long key", "alice:" + strings.Repeat("00", 65), 1, "more than 64"},
		{"no identity", ":" + hexKey, 1, "empty"},
		{"long identity", strings.Repeat("a", 129) + ":" + hexKey, 1, "longer than 128"},
		{"space in the identity", "a b:" + hexKey, 1, "visible ASCII"},
		{"non-ASCII identity", "zoë:" + hexKey, 1, "visible ASCII"},
		{"control character", "a\x00b:" + hexKey, 1, "visible ASCII"},
		{"twice", "a:" + hexKey + "\na:" + hexKey, 2, "twice"},
		{"endless line", "\n" + strings.Repeat("a", 100_000), 2, "too long"},
		{"endless file", strings.Repeat("#\n", maxPSKFile), 0, "longer than"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := ParsePSKs(strings.NewReader(tc.in))
			var le *LineError
			require.ErrorAs(t, err, &le)
			assert.Equal(t, tc.line, le.Line)
			assert.Contains(t, le.Error(), tc.reason)
			assert.NotContains(t, le.Error(), hexKey)
		})
	}
}

// TestNewPSK: no identity looks like an option. One in 64 would by chance.
func TestNewPSK(t *testing.T) {
	seen := map[string]bool{}
	for range 5000 {
		p := NewPSK()
		require.Len(t, p.Identity, 8)
		require.NotEqual(t, byte('-'), p.Identity[0], p.Identity)
		seen[p.Identity] = true
	}
	assert.Len(t, seen, 5000)
}

func TestPSKFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "psk")
	a, b := NewPSK(), NewPSK()
	require.NotEqual(t, a.Identity, b.Identity)
	require.NotEqual(t, a.Key, b.Key)
	assert.Len(t, a.Key, 16)
	assert.Len(t, a.Identity, 8)

	require.NoError(t, AppendPSK(path, a))
	require.NoError(t, CheckPrivate(path))
	// An editor left no line feed at the end.
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString("# Bob")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, AppendPSK(path, b))

	psks, err := LoadPSKs(path)
	require.NoError(t, err)
	assert.Len(t, psks, 2)
	key, ok := psks.Lookup(b.Identity)
	assert.True(t, ok)
	assert.Equal(t, []byte(b.Key), key)
	_, ok = psks.Lookup("nobody")
	assert.False(t, ok)

	require.Error(t, AppendPSK(path, PSK{Identity: "x"}))
	_, err = LoadPSKs(path + ".not")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestCheckPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "psk")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Chmod(path, 0o640))
	var ee *ExposedError
	require.ErrorAs(t, CheckPrivate(path), &ee)
	assert.Contains(t, ee.Error(), "0640")
	require.ErrorIs(t, CheckPrivate(path+".not"), os.ErrNotExist)
}

func FuzzParsePSKs(f *testing.F) {
	f.Add("alice:" + hexKey + "\n# comment\nurn:dev:1:" + hexKey)
	f.Add("alice")
	f.Add(":" + hexKey)
	f.Fuzz(func(t *testing.T, in string) {
		psks, err := ParsePSKs(strings.NewReader(in))
		if err != nil {
			return
		}
		var file strings.Builder
		for id, k := range psks {
			fmt.Fprintln(&file, PSK{Identity: id, Key: k}.Line())
		}
		again, err := ParsePSKs(strings.NewReader(file.String()))
		require.NoError(t, err)
		require.Equal(t, psks, again)
	})
}
