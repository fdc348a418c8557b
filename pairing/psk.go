package pairing

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Bounds of a pre-shared key and its identity, in bytes. The upper ones are what
// RFC 4279 §5.3 demands of every implementation.
const (
	MinKey      = 16
	MaxKey      = 64
	MaxIdentity = 128
)

// Key is a pre-shared key. It formats and logs as a placeholder, never as itself.
type Key []byte

// String implements fmt.Stringer and hides the key.
func (k Key) String() string { return "(secret)" }

// GoString hides the key from %#v.
func (k Key) GoString() string { return "pairing.Key(secret)" }

// Format hides the key from every verb of fmt.
func (k Key) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }

// LogValue hides the key from logs.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// Hex returns the key itself in hexadecimal, for a file.
func (k Key) Hex() string { return hex.EncodeToString(k) }

// PSK is an identity and its pre-shared key.
type PSK struct {
	// Identity is sent in clear (RFC 4279 §2): 1 to MaxIdentity bytes of visible ASCII. Key
	// has MinKey to MaxKey bytes. Check tells.
	Identity string
	Key      Key
}

// Line returns the PSK, with its key, as a line of a PSK file, without the line
// feed.
func (p PSK) Line() string { return p.Identity + ":" + p.Key.Hex() }

// Check returns why the PSK cannot be used.
func (p PSK) Check() error {
	if reason := p.problem(); reason != "" {
		return errors.New(reason)
	}
	return nil
}

// problem returns why the PSK cannot be used, or "".
func (p PSK) problem() string {
	switch {
	case p.Identity == "":
		return "the identity is empty"
	case len(p.Identity) > MaxIdentity:
		return fmt.Sprintf("the identity is longer than %d bytes", MaxIdentity)
	case p.Identity[0] == '#':
		return "the identity begins with #"
	case strings.ContainsFunc(p.Identity, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "the identity has characters other than visible ASCII"
	case len(p.Key) < MinKey:
		return fmt.Sprintf("the key has %d bytes, at least %d are needed", len(p.Key), MinKey)
	case len(p.Key) > MaxKey:
		return fmt.Sprintf("the key has more than %d bytes", MaxKey)
	}
	return ""
}
