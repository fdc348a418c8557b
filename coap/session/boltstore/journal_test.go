package boltstore

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	bolterrors "go.etcd.io/bbolt/errors"
)

// disk is what a power cut leaves of a store: the file of bbolt, and that of the journal.
type disk struct{ file, journal []byte }

func diskOf(t *testing.T, path string) disk {
	t.Helper()
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	journal, err := os.ReadFile(journalPath(path))
	require.NoError(t, err)
	return disk{file, journal}
}

// contents opens what a power cut has left, and returns what is in it.
func (d disk) contents(t *testing.T, dir string) (map[string]string, error) {
	t.Helper()
	path := filepath.Join(dir, "cut")
	require.NoError(t, os.WriteFile(path, d.file, 0o600))
	require.NoError(t, os.WriteFile(journalPath(path), d.journal, 0o600))
	s, err := Open(path, testKey)
	if err != nil {
		return nil, err
	}
	unsynced(s)
	defer func() { require.NoError(t, s.release()) }()
	return contents(t, s), nil
}

func contents(t *testing.T, s *Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	keys, err := s.Keys("")
	require.NoError(t, err)
	for _, k := range keys {
		v, err := s.Load(k)
		require.NoError(t, err)
		all[k] = string(v)
	}
	return all
}

// The power fails after each commit, and in the middle of each: what was committed is there,
// what was under way wholly or not at all. A commit in the journal is a write of blocks, of
// which any may arrive; one of bbolt has happened or not.
func TestPowerCut(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sessions")
	s := open(t, path)
	unsynced(s)
	rng := rand.New(rand.NewPCG(1, 2))
	model := map[string]string{}
	require.NoError(t, s.Commit(map[string][]byte{"k": nil}))
	before := diskOf(t, path)
	settled := 0
	for range 150 {
		changes, next := map[string][]byte{}, maps.Clone(model)
		for range 1 + rng.IntN(4) {
			k := fmt.Sprint("k/", rng.IntN(40))
			if changes[k], next[k] = nil, ""; rng.IntN(4) == 0 {
				delete(next, k)
				continue
			}
			changes[k] = bytes.Repeat([]byte{byte(rng.Uint32())}, rng.IntN(6000))
			next[k] = string(changes[k])
		}
		journal := s.journal
		require.NoError(t, s.Commit(changes))
		after := diskOf(t, path)

		got, err := after.contents(t, dir)
		require.NoError(t, err)
		require.Equal(t, next, got, "what was committed")
		if s.journal != journal {
			settled++
			require.Equal(t, before.journal, after.journal)
		} else {
			require.Equal(t, before.file, after.file)
			torn := disk{after.file, tear(rng, before.journal, after.journal)}
			got, err = torn.contents(t, dir)
			require.NoError(t, err)
			if !bytes.Equal(torn.journal, after.journal) {
				require.Equal(t, model, got, "what was under way")
			}
		}
		before, model = after, next
		if rng.IntN(20) == 0 { // a crash: the next life goes on with the journal
			require.NoError(t, s.release())
			s = open(t, path)
			unsynced(s)
			require.Equal(t, model, contents(t, s))
		}
	}
	assert.Greater(t, settled, 3)
}

// tear is a file of which a write has done some blocks and not others.
func tear(rng *rand.Rand, before, after []byte) []byte {
	torn := bytes.Clone(after)
	for at := 0; at < len(after); at += blockSize {
		if end := min(at+blockSize, len(after)); rng.IntN(2) == 0 {
			clear(torn[at:end])
			copy(torn[at:end], before[min(at, len(before)):])
		}
	}
	return torn
}

// What the disk loses in the middle of a journal was promised: nobody goes on with counters of
// before it.
func TestDamagedJournal(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sessions")
	s := open(t, path)
	unsynced(s)
	for i := range 12 {
		require.NoError(t, s.Commit(map[string][]byte{"counter": {byte(i)}}))
	}
	whole := diskOf(t, path)
	for at := 0; at < len(whole.journal); at += blockSize {
		damaged := disk{whole.file, bytes.Clone(whole.journal)}
		damaged.journal[at+entryHead] ^= 1
		got, err := damaged.contents(t, dir)
		if at+blockSize < len(whole.journal) {
			require.ErrorIs(t, err, ErrDamaged, at)
		} else { // nothing tells it from a write that was broken off
			require.NoError(t, err)
			assert.Equal(t, "\x0a", got["counter"])
		}
	}
	_, err := disk{whole.file, diskOf(t, path).journal[:blockSize/2]}.contents(t, dir)
	require.NoError(t, err, "one that was cut off in its first entry")

	require.NoError(t, s.release())
	require.NoError(t, os.Remove(journalPath(path)))
	_, err = Open(path, testKey)
	require.ErrorIs(t, err, ErrDamaged, "the file without its journal")
	require.NoError(t, os.Mkdir(journalPath(path), 0o700))
	_, err = Open(path, testKey)
	require.Error(t, err, "it cannot be opened")
	require.NotErrorIs(t, err, ErrDamaged, "nobody need remove the file for that")
}

// A journal whose file is lost says nothing to the one that is made in its place.
func TestJournalAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions")
	s := open(t, path)
	require.NoError(t, s.Commit(map[string][]byte{"counter": {1}}))
	require.NoError(t, s.Commit(map[string][]byte{"counter": {2}}))
	require.NotNil(t, s.journal)
	require.NoError(t, s.release())
	require.NoError(t, os.Remove(path))
	for range 2 { // with the journal of before, and after a commit with one of its own
		s = open(t, path)
		assert.NotContains(t, contents(t, s), "counter")
		require.NoError(t, s.Commit(map[string][]byte{"other": {3}}))
		require.NoError(t, s.Commit(map[string][]byte{"other": {4}}))
		require.NoError(t, s.release())
	}
	assert.Equal(t, map[string]string{"other": "\x04"}, contents(t, open(t, path)))
}

// A closed store is one file again, as it was before there were journals.
func TestCloseSettles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions")
	s, err := Open(path, testKey)
	require.NoError(t, err)
	for i := range 3 {
		require.NoError(t, s.Commit(map[string][]byte{"a": {byte(i)}}))
	}
	sealed, err := s.get(canary)
	require.NoError(t, err)
	_, err = s.sealer.open(canary, sealed)
	require.Error(t, err, "a program that knows of no journal keeps away")
	require.NoError(t, s.Close())
	require.NoError(t, os.Remove(journalPath(path)))
	s = open(t, path)
	assert.Equal(t, map[string]string{"a": "\x02"}, contents(t, s))
	assert.Nil(t, s.journal)
	assert.NoFileExists(t, journalPath(path), "who only looks writes nothing")
}

// Where the journal cannot be written, everything goes to bbolt.
func TestJournalFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions")
	s := open(t, path)
	require.NoError(t, s.Commit(map[string][]byte{"a": {1}, "b": {1}}))
	require.NoError(t, s.Commit(map[string][]byte{"a": {2}}))
	require.NoError(t, s.file.Close())
	for i := range byte(3) {
		require.NoError(t, s.Commit(map[string][]byte{"b": {2 + i}}))
	}
	assert.Nil(t, s.journal)
	want := map[string]string{"a": "\x02", "b": "\x04"}
	assert.Equal(t, want, contents(t, s))
	require.Error(t, s.release(), "the journal is closed")
	assert.Equal(t, want, contents(t, open(t, path)))

	other := filepath.Join(t.TempDir(), "sessions")
	require.NoError(t, os.Mkdir(journalPath(other), 0o700))
	s = open(t, other)
	require.NoError(t, s.Commit(map[string][]byte{"a": {1}}))
	require.NoError(t, s.Commit(map[string][]byte{"a": {2}}))
	require.NoError(t, s.Close())
	assert.Equal(t, map[string]string{"a": "\x02"}, contents(t, open(t, other)))
}

// A journal that could not be written for a while, because the disk was full, is used again.
func TestJournalComesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions")
	s := open(t, path)
	require.NoError(t, s.Commit(map[string][]byte{"a": {1}}))
	full, err := os.Open(journalPath(path)) // for reading
	require.NoError(t, err)
	s.journal.file = full
	for i := range byte(journalRest) {
		require.NoError(t, s.Commit(map[string][]byte{"a": {i}}))
		require.Nil(t, s.journal)
	}
	require.NoError(t, full.Close())
	var before []byte
	for i := range byte(4) {
		require.NoError(t, s.Commit(map[string][]byte{"b": {i}}))
		left, err := diskOf(t, path).contents(t, t.TempDir())
		require.NoError(t, err)
		require.Equal(t, map[string]string{"a": "\x3f", "b": string([]byte{i})}, left)
		if i == 0 {
			before = diskOf(t, path).file
		}
	}
	assert.Equal(t, before, diskOf(t, path).file, "only the journal is written")
}

// A transaction of bbolt that failed may have taken the journal's place all the same: nothing
// is promised by the journal of before it any more.
func TestBboltFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions")
	s := open(t, path)
	for i := range byte(3) {
		require.NoError(t, s.Commit(map[string][]byte{"a": {i}}))
	}
	require.NoError(t, s.db.Close())
	require.ErrorIs(t, s.Commit(map[string][]byte{"b": make([]byte, maxEntry)}), bolterrors.ErrDatabaseNotOpen)
	require.ErrorIs(t, s.Commit(map[string][]byte{"a": {3}}), bolterrors.ErrDatabaseNotOpen)
	require.NoError(t, s.release())
	assert.Equal(t, map[string]string{"a": "\x02"}, contents(t, open(t, path)))
}

// Who reads does not wait for the disk, even while bbolt takes what the journal has.
func TestReadsWhileItSettles(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "sessions"))
	for i := range byte(2) {
		require.NoError(t, s.Commit(map[string][]byte{"a": {i}}))
	}
	slow, err := s.db.Begin(true) // which others wait for, as for a disk
	require.NoError(t, err)
	defer func() { _ = slow.Rollback() }()
	settled := make(chan error, 1)
	go func() { settled <- s.Commit(map[string][]byte{"b": make([]byte, maxEntry)}) }()
	for s.writing.TryLock() {
		s.writing.Unlock()
	}
	for range 1000 {
		require.True(t, s.reading.TryRLock())
		s.reading.RUnlock()
		runtime.Gosched()
	}
	assert.Equal(t, map[string]string{"a": "\x01"}, contents(t, s))
	require.NoError(t, slow.Rollback())
	require.NoError(t, <-settled)
}

// A small commit takes one block of the journal; what is large goes to bbolt.
func TestBlocks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions")
	s := open(t, path)
	unsynced(s)
	require.NoError(t, s.Commit(map[string][]byte{"a": {1}}))
	first, began := s.journal, transactions(s)
	for i := range journalSize / blockSize {
		require.NoError(t, s.Commit(map[string][]byte{"a": bytes.Repeat([]byte{byte(i)}, 3000)}))
		require.Equal(t, int64(i+1)*blockSize, first.end)
	}
	assert.Equal(t, began, transactions(s))
	require.NoError(t, s.Commit(map[string][]byte{"a": {2}}))
	assert.Equal(t, began+1, transactions(s), "the journal is full")
	assert.NotSame(t, first, s.journal)
	assert.Zero(t, s.journal.end)
	require.NoError(t, s.Commit(map[string][]byte{"b": make([]byte, maxEntry)}))
	assert.Equal(t, began+2, transactions(s))
	info, err := os.Stat(journalPath(path))
	require.NoError(t, err)
	assert.Equal(t, int64(journalSize), info.Size())
}

func TestRemove(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sessions")
	s := open(t, path)
	require.NoError(t, s.Commit(map[string][]byte{"a": {1}}))
	require.NoError(t, s.Close())
	require.NoError(t, Remove(path))
	require.NoError(t, Remove(path), "what is not there is no error")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, entries)
}
