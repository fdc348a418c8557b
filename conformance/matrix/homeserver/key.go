package homeserver

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"os"
)

// writeSigningKey creates the key with which the homeserver signs its events:
// the seed of an Ed25519 key in the PEM form that Dendrite reads.
func writeSigningKey(path string) error {
	seed := make([]byte, ed25519.SeedSize)
	rand.Read(seed) // never fails: it ends the process instead
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{
		Type:    "MATRIX PRIVATE KEY",
		Headers: map[string]string{"Key-ID": "ed25519:test"},
		Bytes:   seed,
	}), 0o600)
}
