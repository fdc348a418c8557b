package boltstore

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolt "go.etcd.io/bbolt/errors"
)

// Store is a session.Store in a file.
type Store struct {
	path   string
	db     *bbolt.DB
	sync   func(*os.File) error // of the journal
	sealer sealer

	mu sync.Mutex
	// next collects what is written next.
	next *batch

	// writing is held while something is written. Who gets it finds that his changes were
	// written with somebody else's, or writes all that were collected meanwhile.
	writing sync.Mutex
	// journal takes what is written; nil until there is something, and once it or bbolt has failed.
	journal *journal
	file    *os.File // of the journal, nil while it is not open
	// logged: bbolt may name a generation of the journal, without which it must not be used.
	logged bool
	// unlogged: everything goes to bbolt.
	unlogged bool
	// rest is how many transactions bbolt takes alone until the journal is tried again.
	rest int

	// reading guards pending; who writes holds writing too. It is held over a look at both, so
	// that nothing is missed on its way from pending to bbolt, and never while the disk is
	// waited for.
	reading sync.RWMutex
	// pending is what the journal has and bbolt has not; nil deletes.
	pending map[string][]byte
}

// batch is the changes that are written together.
type batch struct {
	changes map[string][]byte // nil deletes
	done    bool              // guarded by Store.writing, like err
	err     error
}

// lockTimeout is how long Open waits for another process to close the file: as
// long as one takes that was told to stop and is about to.
const lockTimeout = time.Second

// fileMode lets nobody but the owner read the files.
const fileMode = 0o600

// bucket holds all values. Its name tells the version of the format.
var bucket = []byte("coapgw 1")

// canary is a key with a known value by which Open recognises the right key. No
// key of a layer begins with a zero byte.
const canary = "\x00canary"

// loggedCanary is what the canary's value is bound to while a journal goes on from bbolt's
// values; it is then the journal's generation. A program that knows of no journal takes it
// for the wrong key, rather than go on with counters of long ago.
const loggedCanary = "\x00canary with journal"

// Open opens the file at path, or makes it, under a key of KeySize bytes. It fails
// with ErrInUse, ErrWrongKey or ErrDamaged where these apply.
func Open(path string, key []byte) (*Store, error) {
	sealer, err := newSealer(key)
	if err != nil {
		return nil, fmt.Errorf("boltstore: %w", err)
	}
	var db *bbolt.DB
	err = guarded(func() (err error) {
		db, err = bbolt.Open(path, fileMode, &bbolt.Options{Timeout: lockTimeout, FreelistType: bbolt.FreelistMapType})
		return err
	})
	switch {
	case errors.Is(err, bolt.ErrTimeout):
		return nil, fmt.Errorf("%s: %w", path, ErrInUse)
	case errors.Is(err, ErrDamaged):
		return nil, fmt.Errorf("%s: %w", path, err)
	case err != nil && !ofSystem(err):
		return nil, fmt.Errorf("%s: %w: %w", path, ErrDamaged, err)
	case err != nil:
		return nil, fmt.Errorf("boltstore: %s: %w", path, err)
	}
	s := &Store{path: path, db: db, sync: datasync, sealer: sealer, next: &batch{}}
	if err := s.unlock(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), s.release())
	}
	return s, nil
}

// ofSystem tells errors of the system, as of a file that cannot be opened, from what the
// database finds wrong in a file that it has read.
func ofSystem(err error) bool {
	var path *fs.PathError
	var number syscall.Errno
	return errors.As(err, &path) || errors.As(err, &number)
}

// guarded calls the database. Where the file is damaged bbolt panics, and where it was
// cut short the memory that it is mapped to is not there.
func guarded(call func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("%w: %v", ErrDamaged, reason)
		}
	}()
	return call()
}

func (s *Store) view(f func(*bbolt.Tx) error) error {
	return guarded(func() error { return s.db.View(f) })
}

// unlock checks that the key fits, marks a new file with it, and reads the journal of a
// life that was not closed.
func (s *Store) unlock() error {
	sealed, err := s.get(canary)
	if err != nil {
		return err
	}
	if sealed == nil {
		return s.update(nil, nil)
	}
	if _, err := s.sealer.open(canary, sealed); err == nil {
		return nil
	}
	value, err := s.sealer.open(loggedCanary, sealed)
	if err != nil || len(value) != len(generation{}) {
		return ErrWrongKey
	}
	s.file, err = openJournal(s.path, false)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: what was written last is not there: %w", ErrDamaged, err)
	}
	if err != nil {
		return fmt.Errorf("boltstore: %w", err)
	}
	s.logged = true
	s.journal = &journal{file: s.file, sync: s.sync, sealer: s.sealer, generation: generation(value)}
	s.pending, err = s.journal.replay()
	return err
}

// Close closes the file. Nothing may be called afterwards.
func (s *Store) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	var err error
	if s.logged {
		s.unlogged = true
		err = s.settle(nil)
	}
	return errors.Join(err, s.release())
}

// release closes the files as they are.
func (s *Store) release() error {
	var err error
	if s.file != nil {
		err = s.file.Close()
	}
	return errors.Join(err, guarded(s.db.Close))
}

// Load implements session.Store. It fails with *CorruptError when the value was
// damaged.
func (s *Store) Load(key string) ([]byte, error) {
	s.reading.RLock()
	defer s.reading.RUnlock()
	if value, ok := s.pending[key]; ok {
		return bytes.Clone(value), nil
	}
	sealed, err := s.get(key)
	if sealed == nil || err != nil {
		return nil, err
	}
	return s.sealer.open(key, sealed)
}

func (s *Store) get(key string) (sealed []byte, err error) {
	err = s.view(func(tx *bbolt.Tx) error {
		if b := tx.Bucket(bucket); b != nil {
			sealed = bytes.Clone(b.Get([]byte(key)))
		}
		return nil
	})
	return sealed, err
}

// Keys implements session.Store.
func (s *Store) Keys(prefix string) ([]string, error) {
	s.reading.RLock()
	defer s.reading.RUnlock()
	var keys []string
	for key, value := range s.pending {
		if value != nil && strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	err := s.view(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucket)
		if b == nil {
			return nil
		}
		c := b.Cursor()
		for k, _ := c.Seek([]byte(prefix)); bytes.HasPrefix(k, []byte(prefix)) && k != nil; k, _ = c.Next() {
			key := string(k)
			if _, newer := s.pending[key]; !newer && key != canary {
				keys = append(keys, key)
			}
		}
		return nil
	})
	return keys, err
}

// Commit implements session.Store. What is committed while something is on its way to the
// disk goes there together: nobody waits for more than two writes.
func (s *Store) Commit(changes map[string][]byte) error {
	for key, value := range changes {
		if err := storable(key, value); err != nil {
			return err
		}
	}
	s.mu.Lock()
	mine := s.next
	if mine.changes == nil {
		mine.changes = maps.Clone(changes)
	} else {
		maps.Copy(mine.changes, changes)
	}
	s.mu.Unlock()

	s.writing.Lock()
	defer s.writing.Unlock()
	if !mine.done {
		s.mu.Lock()
		s.next = &batch{}
		s.mu.Unlock()
		mine.done, mine.err = true, s.write(mine.changes)
	}
	return mine.err
}

// storable refuses what bbolt would: others must not find that out later.
func storable(key string, value []byte) error {
	switch {
	case key == "":
		return bolt.ErrKeyRequired
	case len(key) > bbolt.MaxKeySize:
		return bolt.ErrKeyTooLarge
	case len(value) > maxValue:
		return bolt.ErrValueTooLarge
	}
	return nil
}

// maxValue bounds a value, in bytes.
const maxValue = 1 << 30

// write makes changes durable. s.writing is held.
func (s *Store) write(changes map[string][]byte) error {
	if s.journal == nil {
		return s.settle(changes)
	}
	switch err := s.journal.append(changes); {
	case err == nil:
		s.reading.Lock()
		defer s.reading.Unlock()
		maps.Copy(s.pending, changes)
		return nil
	case !errors.Is(err, errJournalFull):
		// bbolt does without it, and says whether the disk is to blame. Whatever the journal
		// has of these changes is void then.
		s.journal, s.rest = nil, journalRest
	}
	return s.settle(changes)
}

// journalRest is how many transactions bbolt takes alone when the journal could not be written:
// a disk that was full may have room again.
const journalRest = 64

// settle has bbolt take what is pending, and changes after it, and the journal begin anew.
// s.writing is held.
func (s *Store) settle(changes map[string][]byte) error {
	if s.file == nil && !s.unlogged {
		file, err := openJournal(s.path, true)
		s.file, s.unlogged = file, err != nil // where only the file itself may be written
	}
	var next *journal
	if !s.unlogged && s.rest == 0 {
		next = s.newJournal()
	}
	all := map[string][]byte{}
	maps.Copy(all, s.pending)
	maps.Copy(all, changes)
	// Where bbolt says that it failed, the transaction may be there all the same. So nothing
	// goes to the generation of before any more, which bbolt may name no longer.
	s.journal, s.logged = nil, s.logged || next != nil
	if err := s.update(all, next); err != nil {
		return err
	}
	s.reading.Lock()
	defer s.reading.Unlock()
	s.journal, s.logged, s.pending = next, next != nil, map[string][]byte{}
	s.rest = max(0, s.rest-1)
	return nil
}

// update runs one transaction of bbolt, from which a journal goes on, nil for none.
func (s *Store) update(changes map[string][]byte, next *journal) error {
	return guarded(func() error {
		return s.db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists(bucket)
			if err != nil {
				return err
			}
			for key, value := range changes {
				if value == nil {
					err = b.Delete([]byte(key))
				} else {
					err = b.Put([]byte(key), s.sealer.seal(key, value))
				}
				if err != nil {
					return err
				}
			}
			switch {
			case next != nil:
				return b.Put([]byte(canary), s.sealer.seal(loggedCanary, next.generation[:]))
			case s.logged || b.Get([]byte(canary)) == nil:
				return b.Put([]byte(canary), s.sealer.seal(canary, nil))
			}
			return nil
		})
	})
}
