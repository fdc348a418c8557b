package keys

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
)

// Bounds of a pre-shared key and its identity, in bytes. The upper ones are what
// RFC 4279 §5.3 demands of every implementation.
const (
	MinKey      = 16
	MaxKey      = 64
	MaxIdentity = 128
)

// maxPSKFile bounds a PSK file, in bytes.
const maxPSKFile = 4 << 20

// Key is a pre-shared key. It formats and logs as a placeholder, never as itself.
type Key []byte

// String implements fmt.Stringer and hides the key.
func (k Key) String() string { return "(secret)" }

// GoString hides the key from %#v.
func (k Key) GoString() string { return "keys.Key(secret)" }

// Format hides the key from every verb of fmt.
func (k Key) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }

// LogValue hides the key from logs.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// Hex returns the key itself in hexadecimal, for a file.
func (k Key) Hex() string { return hex.EncodeToString(k) }

// PSK is an identity and its pre-shared key.
type PSK struct {
	Identity string
	Key      Key
}

// NewPSK makes a key of 128 random bits. Its identity is random too, because it
// travels in clear: 8 characters that say nothing about their owner.
func NewPSK() PSK {
	var id [6]byte
	key := make(Key, MinKey)
	rand.Read(id[:])
	rand.Read(key)
	return PSK{Identity: base64.RawURLEncoding.EncodeToString(id[:]), Key: key}
}

// Line returns the PSK, with its key, as a line of a PSK file, without the line
// feed.
func (p PSK) Line() string { return p.Identity + ":" + p.Key.Hex() }

// check returns why the PSK cannot be used, or "".
func (p PSK) check() string {
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

// PSKs are the keys of a server by identity.
type PSKs map[string]Key

// Lookup returns the key of an identity.
func (p PSKs) Lookup(identity string) (key []byte, ok bool) {
	k, ok := p[identity]
	return k, ok
}

// LineError reports a line of a PSK file that cannot be used. It does not show
// the line, which may hold a key.
type LineError struct {
	// Line counts from 1; 0 is the file as a whole.
	Line   int
	Reason string
}

// Error implements error.
func (e *LineError) Error() string {
	if e.Line == 0 {
		return "PSK file: " + e.Reason
	}
	return fmt.Sprintf("PSK file, line %d: %s", e.Line, e.Reason)
}

// ParsePSKs reads a PSK file: one "identity:key" per line, the key in
// hexadecimal; empty lines and lines that begin with # are skipped. The last
// colon separates, so that an identity may have some. Errors are *LineError or
// those of r.
func ParsePSKs(r io.Reader) (PSKs, error) {
	limited := &io.LimitedReader{R: r, N: maxPSKFile + 1}
	s := bufio.NewScanner(limited)
	psks := PSKs{}
	n := 0
	for s.Scan() {
		n++
		line := strings.TrimSpace(s.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		p, reason := parseLine(line)
		if _, twice := psks[p.Identity]; twice && reason == "" {
			reason = "the identity is there twice"
		}
		if reason != "" {
			return nil, &LineError{Line: n, Reason: reason}
		}
		psks[p.Identity] = p.Key
	}
	switch {
	case s.Err() == bufio.ErrTooLong:
		return nil, &LineError{Line: n + 1, Reason: "the line is too long"}
	case s.Err() != nil:
		return nil, s.Err()
	case limited.N == 0:
		return nil, &LineError{Reason: fmt.Sprintf("longer than %d bytes", maxPSKFile)}
	}
	return psks, nil
}

func parseLine(line string) (p PSK, reason string) {
	i := strings.LastIndexByte(line, ':')
	if i < 0 {
		return p, "no colon between identity and key"
	}
	key, err := hex.DecodeString(line[i+1:])
	if err != nil {
		return p, "the key is not hexadecimal"
	}
	p = PSK{Identity: line[:i], Key: key}
	return p, p.check()
}

// LoadPSKs reads the PSK file at path.
func LoadPSKs(path string) (PSKs, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p, err := ParsePSKs(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// AppendPSK adds a line to the PSK file at path, which it creates for its owner
// only when there is none.
func AppendPSK(path string, p PSK) error {
	if reason := p.check(); reason != "" {
		return &LineError{Reason: reason}
	}
	return appendLine(path, p.Line())
}
