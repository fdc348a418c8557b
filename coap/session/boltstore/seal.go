package boltstore

import (
	"crypto/cipher"
	"crypto/rand"

	"golang.org/x/crypto/chacha20poly1305"
)

// sealer encrypts values. The random nonces of XChaCha20 are long enough never to
// meet (draft-irtf-cfrg-xchacha-03 §2.1), and need no counter that could itself
// get lost. The key of a value is authenticated with it, so that values cannot be
// exchanged.
type sealer struct {
	aead cipher.AEAD
}

func newSealer(key []byte) (sealer, error) {
	aead, err := chacha20poly1305.NewX(key)
	return sealer{aead}, err
}

func (s sealer) seal(key string, value []byte) []byte {
	sealed := make([]byte, s.aead.NonceSize(), s.size(value))
	rand.Read(sealed) // never fails
	return s.aead.Seal(sealed, sealed, value, []byte(key))
}

// size is how many bytes a sealed value takes.
func (s sealer) size(value []byte) int { return s.aead.NonceSize() + len(value) + s.aead.Overhead() }

func (s sealer) open(key string, sealed []byte) ([]byte, error) {
	if len(sealed) < s.aead.NonceSize() {
		return nil, &CorruptError{key}
	}
	nonce, box := sealed[:s.aead.NonceSize()], sealed[s.aead.NonceSize():]
	value, err := s.aead.Open([]byte{}, nonce, box, []byte(key))
	if err != nil {
		return nil, &CorruptError{key}
	}
	return value, nil
}
