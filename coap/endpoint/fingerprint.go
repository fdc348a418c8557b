package endpoint

import "crypto/sha256"

// Fingerprint stands for a message: header, token, options and payload. Its
// retransmissions have the same one, in another process too; any other message has
// another one.
type Fingerprint [8]byte

// fingerprintOf is the start of the SHA-256 of a message. Only its sender could look
// for two with the same one, and harm nobody else.
func fingerprintOf(data []byte) Fingerprint {
	sum := sha256.Sum256(data)
	return Fingerprint(sum[:len(Fingerprint{})])
}
