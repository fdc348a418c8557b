package boltstore

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// KeySize is the length of a key, in bytes.
const KeySize = 32

// maxKeyFile bounds what is read of a key file, in bytes.
const maxKeyFile = 1024

// LoadKey reads a key from a file of hexadecimal digits, and makes the file with a
// new key, readable by its owner only, when there is none. It refuses a file that
// others can read.
func LoadKey(path string) ([]byte, error) {
	key, err := readKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := newKey(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("boltstore: key file %s was not made: %w", path, err)
	}
	return readKey(path) // perhaps that of somebody who was faster
}

func readKey(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("boltstore: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("boltstore: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		return nil, fmt.Errorf("boltstore: key file %s can be read by others: chmod 600 it", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, fmt.Errorf("boltstore: %w", err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != KeySize {
		return nil, fmt.Errorf("boltstore: key file %s does not hold %d hexadecimal digits", path, 2*KeySize)
	}
	return key, nil
}

// newKey makes a key file that a crash leaves whole or not at all. It does not replace
// one that is there.
func newKey(path string) error {
	key := make([]byte, KeySize)
	rand.Read(key) // never fails
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after the link there are two names
	_, err = f.WriteString(hex.EncodeToString(key) + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes the names in a directory durable: a store without its key would be
// worth nothing.
func syncDir(dir string) error {
	if os.PathSeparator != '/' {
		return nil // Windows does not open directories
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
