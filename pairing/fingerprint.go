package pairing

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Fingerprint is the SHA-256 of a certificate in DER.
type Fingerprint [sha256.Size]byte

// String returns the fingerprint in the form that other tools print: pairs of
// hexadecimal digits with colons between them.
func (f Fingerprint) String() string {
	var b strings.Builder
	for i, c := range f {
		if i > 0 {
			b.WriteByte(':')
		}
		fmt.Fprintf(&b, "%02X", c)
	}
	return b.String()
}

// FingerprintError reports text that is no fingerprint.
type FingerprintError struct {
	// Reason is what is wrong, for people.
	Reason string
}

// Error implements error.
func (e *FingerprintError) Error() string { return "certificate fingerprint: " + e.Reason }

// ParseFingerprint reads 64 hexadecimal digits, with or without colons between
// the pairs. Errors are *FingerprintError.
func ParseFingerprint(s string) (f Fingerprint, err error) {
	digits := strings.TrimSpace(s)
	if strings.Contains(digits, ":") {
		for i, pair := range strings.Split(digits, ":") {
			if len(pair) != 2 {
				return f, &FingerprintError{fmt.Sprintf("group %d is not of two digits", i+1)}
			}
		}
		digits = strings.ReplaceAll(digits, ":", "")
	}
	b, err := hex.DecodeString(digits)
	if err != nil {
		return f, &FingerprintError{"not hexadecimal"}
	}
	if len(b) != len(f) {
		return f, &FingerprintError{fmt.Sprintf("%d bytes instead of %d", len(b), len(f))}
	}
	return Fingerprint(b), nil
}
