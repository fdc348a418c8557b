//go:build !linux

package boltstore

import "os"

// datasync returns when what was written to a file would survive a crash.
func datasync(f *os.File) error { return f.Sync() }
