// Package boltstore keeps a session.Store in a file (go.etcd.io/bbolt), its
// values encrypted with XChaCha20-Poly1305 under a key from another file. Changes
// that are committed at the same time share one write to the disk, which goes to a
// journal beside the file first; Close leaves all in the file. Remove removes both.
//
// The names of keys are in clear; the layers above put no secret into them.
package boltstore
