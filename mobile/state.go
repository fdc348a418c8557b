package mobile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/coapgw/coapgw/coap/session/boltstore"
)

// The files in StateDir, beside which there may be a journal of the state.
const (
	stateFile = "coapgw.state"
	keyFile   = "coapgw.key"
)

// errAsleep: the file is closed, for the gateway sleeps.
var errAsleep = errors.New("mobile: the state is closed while the app sleeps")

// state is the file in which a session outlives the process. It is a session.Store that is
// closed while the gateway sleeps: iOS kills apps that hold a lock on a file they share with
// others then, and another process may have its turn.
type state struct {
	dir string
	key []byte // nil: that in keyFile

	mu   sync.RWMutex
	file *boltstore.Store // nil while it is closed
}

// openState opens what Config names; nil if it names nothing.
func openState(c *Config) (*state, error) {
	if c.StateDir == "" {
		return nil, nil
	}
	s := &state{dir: c.StateDir, key: c.stateKey}
	return s, s.open()
}

// dirMode lets nobody but the app into its directory.
const dirMode = 0o700

// open opens the file, or makes it.
func (s *state) open() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file != nil {
		return nil
	}
	err := os.MkdirAll(s.dir, dirMode)
	key := s.key
	if err == nil && key == nil {
		key, err = boltstore.LoadKey(filepath.Join(s.dir, keyFile))
	}
	if err == nil {
		s.file, err = boltstore.Open(filepath.Join(s.dir, stateFile), key)
	}
	switch {
	case errors.Is(err, boltstore.ErrInUse):
		return failure(ErrorState, "another process uses it, or another Gateway of this one: %w", err)
	case errors.Is(err, boltstore.ErrWrongKey), errors.Is(err, boltstore.ErrDamaged):
		return failure(ErrorState, "%w; Forget removes it, which costs a handshake and what waits there", err)
	case err != nil:
		return failure(ErrorState, "%w", err)
	}
	return nil
}

// close closes the file until open.
func (s *state) close() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	if err != nil {
		return failure(ErrorState, "%w", err)
	}
	return nil
}

// Load implements session.Store.
func (s *state) Load(key string) ([]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.file == nil {
		return nil, errAsleep
	}
	return s.file.Load(key)
}

// Keys implements session.Store.
func (s *state) Keys(prefix string) ([]string, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.file == nil {
		return nil, errAsleep
	}
	return s.file.Keys(prefix)
}

// Commit implements session.Store.
func (s *state) Commit(changes map[string][]byte) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.file == nil {
		return errAsleep
	}
	return s.file.Commit(changes)
}

// Forget removes what Config.StateDir holds, key and all: the person logs out, or the files
// are damaged. No Gateway may use the directory. The next one shakes hands anew.
func Forget(stateDir string) error {
	err := boltstore.Remove(filepath.Join(stateDir, stateFile))
	if gone := os.Remove(filepath.Join(stateDir, keyFile)); !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	if err != nil {
		return failure(ErrorState, "%w", err)
	}
	return nil
}
