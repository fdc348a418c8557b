package boltstore

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolt "go.etcd.io/bbolt/errors"
)

// Store is a session.Store in a file.
type Store struct {
	db     *bbolt.DB
	sealer sealer

	mu sync.Mutex
	// next collects what the next transaction writes.
	next *batch
	// writing is held during a transaction. Who gets it finds that his changes were
	// written with somebody else's, or writes all that were collected meanwhile.
	writing sync.Mutex
}

// batch is the changes of one transaction.
type batch struct {
	sealed map[string][]byte // nil deletes
	done   bool              // guarded by Store.writing, like err
	err    error
}

// lockTimeout is how long Open waits for another process to close the file: as
// long as one takes that was told to stop and is about to.
const lockTimeout = time.Second

// fileMode lets nobody but the owner read the file.
const fileMode = 0o600

// bucket holds all values. Its name tells the version of the format.
var bucket = []byte("coapgw 1")

// canary is a key with a known value by which Open recognises the right key. No
// key of a layer begins with a zero byte.
const canary = "\x00canary"

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
	s := &Store{db: db, sealer: sealer, next: &batch{}}
	if err := s.unlock(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), s.Close())
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

// unlock checks that the key fits, and marks a new file with it.
func (s *Store) unlock() error {
	sealed, err := s.get(canary)
	if err != nil {
		return err
	}
	if sealed == nil {
		return s.Commit(map[string][]byte{canary: {}})
	}
	if _, err := s.sealer.open(canary, sealed); err != nil {
		return ErrWrongKey
	}
	return nil
}

// Close closes the file. Nothing may be called afterwards.
func (s *Store) Close() error { return guarded(s.db.Close) }

// Load implements session.Store. It fails with *CorruptError when the value was
// damaged.
func (s *Store) Load(key string) ([]byte, error) {
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
	var keys []string
	err := s.view(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucket)
		if b == nil {
			return nil
		}
		c := b.Cursor()
		for k, _ := c.Seek([]byte(prefix)); bytes.HasPrefix(k, []byte(prefix)) && k != nil; k, _ = c.Next() {
			if key := string(k); key != canary {
				keys = append(keys, key)
			}
		}
		return nil
	})
	return keys, err
}

// Commit implements session.Store. What is committed while a transaction is on its
// way to the disk shares the next one: nobody waits for more than two.
func (s *Store) Commit(changes map[string][]byte) error {
	sealed := make(map[string][]byte, len(changes))
	for key, value := range changes {
		if value != nil {
			value = s.sealer.seal(key, value)
		}
		sealed[key] = value
	}
	s.mu.Lock()
	mine := s.next
	if mine.sealed == nil {
		mine.sealed = sealed
	} else {
		maps.Copy(mine.sealed, sealed)
	}
	s.mu.Unlock()

	s.writing.Lock()
	defer s.writing.Unlock()
	if !mine.done {
		s.mu.Lock()
		s.next = &batch{}
		s.mu.Unlock()
		mine.done, mine.err = true, s.write(mine.sealed)
	}
	return mine.err
}

// write runs one transaction.
func (s *Store) write(sealed map[string][]byte) error {
	put := func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(bucket)
		if err != nil {
			return err
		}
		for key, value := range sealed {
			if value == nil {
				err = b.Delete([]byte(key))
			} else {
				err = b.Put([]byte(key), value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	return guarded(func() error { return s.db.Update(put) })
}
