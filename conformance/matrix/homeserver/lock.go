package homeserver

import (
	"os"
	"path/filepath"
	"syscall"
)

// lock waits until no other process holds the lock file, which it creates, and
// returns what releases it.
func lock(name string) (unlock func() error, err error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, err
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		_ = file.Close()
		return nil, &os.PathError{Op: "lock", Path: name, Err: err}
	}
	return file.Close, nil
}
