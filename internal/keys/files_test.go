//go:build linux

package keys

import (
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fill has files end at so many bytes, as on a disk that is full, until the test ends.
func fill(t *testing.T, size uint64) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	var before syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before))
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: before.Max}))
	t.Cleanup(func() {
		assert.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before))
		signal.Reset(syscall.SIGXFSZ)
	})
}

// TestDiskFull: what does not fit leaves nothing that is half there, neither a file that
// stands in the way of the next try nor a line that spoils the others.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "keys")
	first := NewPSK()
	require.NoError(t, AppendPSK(file, first))
	pair, err := NewSelfSigned(Ed25519, nil, time.Now())
	require.NoError(t, err)
	t.Run("full", func(t *testing.T) {
		fill(t, 60) // a line and a half
		require.ErrorIs(t, AppendPSK(file, NewPSK()), syscall.EFBIG)
		require.ErrorIs(t, pair.Write(filepath.Join(dir, "cert"), filepath.Join(dir, "key")), syscall.EFBIG)
	})
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1)
	psks, err := LoadPSKs(file)
	require.NoError(t, err)
	assert.Equal(t, PSKs{first.Identity: first.Key}, psks)
	require.NoError(t, AppendPSK(file, NewPSK()))
	require.NoError(t, pair.Write(filepath.Join(dir, "cert"), filepath.Join(dir, "key")))
}
