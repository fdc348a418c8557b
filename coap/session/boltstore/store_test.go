package boltstore

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/conformance/storetest"
)

var testKey = bytes.Repeat([]byte{7}, KeySize)

func open(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(path, testKey)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// unsynced spares the disk.
func unsynced(s *Store) {
	s.db.NoSync = true
	s.sync = func(*os.File) error { return nil }
	if s.journal != nil {
		s.journal.sync = s.sync
	}
}

func TestStore(t *testing.T) {
	n := 0
	dir := t.TempDir()
	storetest.Run(t, func() session.Store {
		n++
		s := open(t, filepath.Join(dir, fmt.Sprint(n)))
		unsynced(s) // hundreds of stores
		return s
	})
}

func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions")
	s, err := Open(path, testKey)
	require.NoError(t, err)
	require.NoError(t, s.Commit(map[string][]byte{"dtls/1": []byte("one"), "coap/1": {}}))
	require.NoError(t, s.Close())

	again := open(t, path)
	v, err := again.Load("dtls/1")
	require.NoError(t, err)
	assert.Equal(t, []byte("one"), v)
	v, err = again.Load("coap/1")
	require.NoError(t, err)
	assert.NotNil(t, v, "an empty value is one")
	keys, err := again.Keys("")
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"dtls/1", "coap/1"}, keys)
}

func TestOneProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions")
	open(t, path)
	_, err := Open(path, testKey)
	require.ErrorIs(t, err, ErrInUse)
}

func TestWrongKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions")
	s, err := Open(path, testKey)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	_, err = Open(path, bytes.Repeat([]byte{8}, KeySize))
	require.ErrorIs(t, err, ErrWrongKey)
	_, err = Open(path, testKey[1:])
	require.Error(t, err)
	open(t, path) // and a refusal leaves the file closed
}

// The file shows no value, and only its owner the file.
func TestEncrypted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions")
	s := open(t, path)
	secret := []byte("a master secret of 48 bytes, say")
	require.NoError(t, s.Commit(map[string][]byte{"dtls/1": secret}))
	require.NoError(t, s.Commit(map[string][]byte{"dtls/2": secret}))
	require.NotZero(t, s.journal.end)
	for _, name := range []string{path, journalPath(path)} {
		file, err := os.ReadFile(name)
		require.NoError(t, err)
		assert.NotContains(t, string(file), string(secret))
		assert.Contains(t, string(file), map[bool]string{true: "dtls/1", false: string(s.journal.generation[:])}[name == path], "this test looks at the right file")
		info, err := os.Stat(name)
		require.NoError(t, err)
		assert.Zero(t, info.Mode().Perm()&0o077)
	}
}

// A value that was changed, cut short or moved to another key is no value.
func TestDamage(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "sessions"))
	require.NoError(t, s.Commit(map[string][]byte{"a": []byte("value"), "b": []byte("other")}))
	require.Empty(t, s.pending)
	sealed, err := s.get("a")
	require.NoError(t, err)
	for name, damaged := range map[string][]byte{
		"changed":     append(bytes.Clone(sealed[:len(sealed)-1]), sealed[len(sealed)-1]^1),
		"cut":         sealed[:len(sealed)-1],
		"nonce alone": sealed[:24],
		"too short":   sealed[:3],
		"moved":       sealed,
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, s.db.Update(func(tx *bbolt.Tx) error {
				return tx.Bucket(bucket).Put([]byte("b"), damaged)
			}))
			_, err := s.Load("b")
			var corrupt *CorruptError
			require.ErrorAs(t, err, &corrupt)
			assert.Equal(t, "b", corrupt.Key)
		})
	}
}

// Commits that wait for a write under way share the next one.
func TestGroupCommit(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "sessions"))
	require.NoError(t, s.Commit(map[string][]byte{"k": nil})) // the journal begins
	before := transactions(s)
	s.writing.Lock() // a write under way
	const commits = 50
	var wg sync.WaitGroup
	for i := range commits {
		wg.Go(func() {
			assert.NoError(t, s.Commit(map[string][]byte{fmt.Sprint("k/", i): {byte(i)}}))
		})
	}
	for s.collected() < commits {
	}
	s.writing.Unlock()
	wg.Wait()
	assert.Equal(t, int64(blockSize), s.journal.end)
	assert.Equal(t, before, transactions(s))
	keys, err := s.Keys("k/")
	require.NoError(t, err)
	assert.Len(t, keys, commits)
}

func (s *Store) collected() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.next.changes)
}

// transactions counts those of bbolt that wrote: each takes the next number.
func transactions(s *Store) (n int64) {
	_ = s.db.View(func(tx *bbolt.Tx) error {
		n = int64(tx.ID())
		return nil
	})
	return n
}

func TestCommitFails(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "sessions"))
	require.Error(t, s.Commit(map[string][]byte{"": {1}}), "no store has an empty key")
	require.NoError(t, s.Commit(map[string][]byte{"a": {1}}), "and the next commit is none the worse")
	require.NoError(t, s.Close())
	require.ErrorIs(t, s.Commit(map[string][]byte{"a": {1}}), bolterrors.ErrDatabaseNotOpen)
}

func BenchmarkCommit(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s := open(b, filepath.Join(b.TempDir(), "sessions"))
			b.ReportAllocs()
			b.SetParallelism(writers)
			b.RunParallel(func(pb *testing.PB) {
				value := make([]byte, 100)
				for pb.Next() {
					if err := s.Commit(map[string][]byte{"dtls/1": value}); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
