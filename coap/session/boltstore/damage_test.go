package boltstore

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A file that was cut short, or of which a page was never written, is refused or goes on
// without what is missing; it never takes the program down or gives a value that was not
// stored.
func TestDamagedFile(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole")
	s, err := Open(whole, testKey)
	require.NoError(t, err)
	unsynced(s)
	stored := map[string][]byte{}
	for i := range 300 {
		name := fmt.Sprintf("dtls/cid/%04x/secrets", i)
		stored[name] = bytes.Repeat([]byte{byte(i)}, 150)
		require.NoError(t, s.Commit(map[string][]byte{name: stored[name]}))
	}
	require.NoError(t, s.Close())
	file, err := os.ReadFile(whole)
	require.NoError(t, err)

	rng := rand.New(rand.NewPCG(1, 1))
	outcomes := map[string]int{}
	for n := range 300 {
		damaged := bytes.Clone(file)
		if n%2 == 0 {
			damaged = damaged[:rng.IntN(len(damaged))]
		} else {
			const page = 4096
			at := rng.IntN(len(damaged)/page) * page
			clear(damaged[at : at+page])
		}
		path := filepath.Join(dir, fmt.Sprint(n))
		require.NoError(t, os.WriteFile(path, damaged, 0o600))
		outcomes[use(t, path, stored)]++
	}
	t.Log(outcomes)
	assert.NotZero(t, outcomes["refused"])
	assert.NotZero(t, outcomes["used"])
}

// use does with a file what the layers above do.
func use(t *testing.T, path string, stored map[string][]byte) string {
	s, err := Open(path, testKey)
	if err != nil {
		var corrupt *CorruptError
		require.True(t, errors.Is(err, ErrDamaged) || errors.Is(err, ErrWrongKey) || errors.As(err, &corrupt), "%v", err)
		return "refused"
	}
	defer func() { _ = s.Close() }()
	unsynced(s)
	keys, _ := s.Keys("dtls/")
	for _, k := range keys {
		v, err := s.Load(k)
		if err == nil && v != nil {
			require.Equal(t, stored[k], v, k)
		}
	}
	_ = s.Commit(map[string][]byte{"dtls/reset": []byte("new"), "dtls/cid/0007/secrets": nil})
	return "used"
}
