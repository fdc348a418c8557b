package keys

import (
	"fmt"
	"io/fs"
	"os"
	"runtime"
)

// ExposedError reports a secret file that others than its owner may use. It is
// a warning: the secret may be known already.
type ExposedError struct {
	Path string
	Mode fs.FileMode
}

// Error implements error.
func (e *ExposedError) Error() string {
	return fmt.Sprintf("%s has mode %04o: others than its owner may read or change it; run chmod 600", e.Path, e.Mode.Perm())
}

// CheckPrivate returns *ExposedError when the file at path is not its owner's
// alone. Where files have no such mode it returns nil.
func CheckPrivate(path string) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	if runtime.GOOS != "windows" && st.Mode().Perm()&0o077 != 0 {
		return &ExposedError{Path: path, Mode: st.Mode()}
	}
	return nil
}

// writeNew writes a file that must not exist yet: no key is overwritten by
// mistake.
func writeNew(path string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
