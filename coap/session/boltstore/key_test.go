package boltstore

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLoadKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	made, err := LoadKey(path)
	require.NoError(t, err)
	assert.Len(t, made, KeySize)
	again, err := LoadKey(path)
	require.NoError(t, err)
	assert.Equal(t, made, again)
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, entries, 1, "nothing else is left")

	require.NoError(t, os.Chmod(path, 0o640))
	_, err = LoadKey(path)
	require.ErrorContains(t, err, "chmod 600")

	require.NoError(t, os.Chmod(path, 0o600))
	require.NoError(t, os.WriteFile(path, []byte("abc"), 0o600))
	_, err = LoadKey(path)
	require.ErrorContains(t, err, "64 hexadecimal digits")

	_, err = LoadKey(filepath.Join(path, "no directory"))
	require.Error(t, err)
}

// Programs that start at the same moment agree on one key.
func TestLoadKeyAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	keys := make([][]byte, 20)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			var err error
			keys[i], err = LoadKey(path)
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	for _, k := range keys {
		assert.Equal(t, keys[0], k)
	}
}
