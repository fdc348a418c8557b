package boltstore

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// KeySize is the length of a key, in bytes.
const KeySize = 32

// LoadKey reads a key from a file of hexadecimal digits, and makes the file with a
// new key, readable by its owner only, when there is none. It refuses a file that
// others can read.
func LoadKey(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return newKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("boltstore: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		return nil, fmt.Errorf("boltstore: key file %s can be read by others: chmod 600 it", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("boltstore: %w", err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != KeySize {
		return nil, fmt.Errorf("boltstore: key file %s does not hold %d hexadecimal digits", path, 2*KeySize)
	}
	return key, nil
}

// newKey makes a key file that a crash leaves whole or not at all.
func newKey(path string) ([]byte, error) {
	key := make([]byte, KeySize)
	rand.Read(key)                                                        // never fails
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("boltstore: %w", err)
	}
	defer os.Remove(f.Name()) // after the link there are two names
	_, err = f.WriteString(hex.EncodeToString(key) + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Link(f.Name(), path) // does not replace the key of somebody faster
	}
	if err != nil {
		return nil, fmt.Errorf("boltstore: key file %s was not made: %w", path, err)
	}
	return key, nil
}
