package boltstore

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// A transaction of bbolt writes four pages at the least, in two turns of the disk, for a
// commit of a hundred bytes. So commits go into a journal beside the file, one block each,
// and to bbolt all at once, when the journal is full or the store is closed.
//
// An entry begins at a block of its own, so that a write which breaks off damages nothing
// that was there before:
//
//	generation (16 bytes), length of what follows (4 bytes), sealed changes
//
// The changes are those of one commit: each a key, and a value with 1 added to its length;
// 0 deletes the key. Texts have their length in front (uvarint).
//
// What is in bbolt names the generation whose entries go on from it. With each
// transaction of bbolt a new one begins, and the same blocks are used again.
type journal struct {
	file       *os.File
	sync       func(*os.File) error
	sealer     sealer
	generation generation
	end        int64 // where the next entry goes
}

// generation names what was written to the journal between two transactions of bbolt.
type generation [16]byte

const (
	blockSize   = 4096
	journalSize = 64 * blockSize
	// maxEntry bounds an entry: what is larger goes to bbolt at once.
	maxEntry  = journalSize / 4
	entryHead = len(generation{}) + 4
)

// newJournal begins a generation. What is in the file means nothing to it.
func (s *Store) newJournal() *journal {
	j := &journal{file: s.file, sync: s.sync, sealer: s.sealer}
	rand.Read(j.generation[:]) // never fails
	return j
}

// journalPath is where the journal of a file is.
func journalPath(path string) string { return path + ".journal" }

// openJournal opens the journal beside a file; create says that there may be none yet.
func openJournal(path string, create bool) (*os.File, error) {
	if !create {
		return os.OpenFile(journalPath(path), os.O_RDWR, fileMode)
	}
	f, err := os.OpenFile(journalPath(path), os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

var errJournalFull = errors.New("boltstore: the journal is full")

// append makes changes durable. It fails with errJournalFull, having done nothing, where
// they have no room. After another error the journal must not be used any more.
func (j *journal) append(changes map[string][]byte) error {
	text := encodeChanges(changes)
	if size := entryHead + j.sealer.size(text); size > maxEntry || j.end+blocks(size) > journalSize {
		return errJournalFull
	}
	box := j.sealer.seal(j.place(j.end), text)
	entry := make([]byte, blocks(entryHead+len(box)))
	copy(entry, j.generation[:])
	binary.BigEndian.PutUint32(entry[len(j.generation):], uint32(len(box)))
	copy(entry[entryHead:], box)
	if _, err := j.file.WriteAt(entry, j.end); err != nil {
		return err
	}
	if err := j.sync(j.file); err != nil {
		return err
	}
	j.end += int64(len(entry))
	return nil
}

// blocks is how many bytes an entry takes.
func blocks(size int) int64 { return int64(size+blockSize-1) / blockSize * blockSize }

// place is what an entry is bound to, so that no other is taken for it. No key of a layer
// begins with a zero byte.
func (j *journal) place(at int64) string {
	return fmt.Sprintf("\x00journal %x %d", j.generation, at)
}

// replay returns what the entries of the generation say together, and is ready to append. An
// entry that was not written to its end was never promised to anybody; one that was, and is
// followed by others, makes ErrDamaged.
func (j *journal) replay() (map[string][]byte, error) {
	file := make([]byte, journalSize)
	n, err := j.file.ReadAt(file, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("boltstore: journal not read: %w", err)
	}
	file = file[:n]
	all := map[string][]byte{}
	for {
		changes, size, ok := j.read(file, j.end)
		if !ok {
			break
		}
		maps.Copy(all, changes)
		j.end += size
	}
	for at := j.end + blockSize; at < int64(len(file)); at += blockSize {
		if _, _, ok := j.read(file, at); ok {
			return nil, fmt.Errorf("%w: what was written to its journal last", ErrDamaged)
		}
	}
	return all, nil
}

// read returns the entry at a place in the file, and how many bytes it takes.
func (j *journal) read(file []byte, at int64) (changes map[string][]byte, size int64, ok bool) {
	file = file[min(at, int64(len(file))):]
	if len(file) < entryHead || !bytes.HasPrefix(file, j.generation[:]) {
		return nil, 0, false
	}
	length := int64(binary.BigEndian.Uint32(file[len(j.generation):]))
	if length > int64(len(file)-entryHead) {
		return nil, 0, false
	}
	text, err := j.sealer.open(j.place(at), file[entryHead:][:length])
	if err != nil {
		return nil, 0, false
	}
	changes, ok = decodeChanges(text)
	return changes, blocks(entryHead + int(length)), ok
}

func encodeChanges(changes map[string][]byte) (b []byte) {
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		value := changes[key]
		b = append(binary.AppendUvarint(b, uint64(len(key))), key...)
		if value == nil {
			b = append(b, 0)
			continue
		}
		b = append(binary.AppendUvarint(b, uint64(len(value))+1), value...)
	}
	return b
}

func decodeChanges(b []byte) (map[string][]byte, bool) {
	changes := map[string][]byte{}
	for len(b) > 0 {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return nil, false
		}
		key := string(b[n : n+int(size)])
		b = b[n+int(size):]
		size, n = binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n)+1 {
			return nil, false
		}
		b = b[n:]
		if size == 0 {
			changes[key] = nil
			continue
		}
		changes[key] = b[: size-1 : size-1]
		b = b[size-1:]
	}
	return changes, true
}

// Remove removes the file of a store and what lies beside it, but not the key. Nobody may
// have it open.
func Remove(path string) error {
	for _, file := range []string{path, journalPath(path)} {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("boltstore: %w", err)
		}
	}
	return nil
}
