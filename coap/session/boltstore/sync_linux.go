package boltstore

import (
	"errors"
	"os"
	"syscall"
)

// datasync returns when what was written to a file would survive a crash. Unlike fsync it
// leaves the time of the change unwritten, which would cost the file system a block.
func datasync(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
