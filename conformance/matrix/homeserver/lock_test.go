package homeserver

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLock(t *testing.T) {
	name := filepath.Join(t.TempDir(), "new", "lock")
	unlock, err := lock(name)
	require.NoError(t, err)

	other, err := os.Open(name)
	require.NoError(t, err)
	defer other.Close()
	try := func() error { return syscall.Flock(int(other.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
	require.ErrorIs(t, try(), syscall.EWOULDBLOCK)
	require.NoError(t, unlock())
	require.NoError(t, try())

	_, err = lock(t.TempDir())
	require.ErrorContains(t, err, "is a directory")
}
