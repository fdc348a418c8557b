package keys

import (
	"errors"
	"fmt"
	"io"
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
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path)) // or it would stand in the way of the next try
	}
	return nil
}

// appendLine adds a line to a file of secrets, which it creates for its owner only
// when there is none.
func appendLine(path, line string) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	line += "\n"
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if end > 0 {
		var last [1]byte
		if _, err := f.ReadAt(last[:], end-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			line = "\n" + line
		}
	}
	if _, err := f.WriteString(line); err != nil {
		return errors.Join(err, f.Truncate(end)) // half a line would spoil the file
	}
	return nil
}
