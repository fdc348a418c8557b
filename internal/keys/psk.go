package keys

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/coapgw/coapgw/pairing"
)

// Key and PSK are what a pairing line holds.
type (
	Key = pairing.Key
	PSK = pairing.PSK
)

// maxPSKFile bounds a PSK file, in bytes.
const maxPSKFile = 4 << 20

// NewPSK makes a key of 128 random bits. Its identity is random too, because it
// travels in clear: 8 characters that say nothing about their owner. The first is no "-", which
// a command line would take for an option.
func NewPSK() PSK {
	var id [6]byte
	key := make(Key, pairing.MinKey)
	rand.Read(key)
	for {
		rand.Read(id[:])
		if identity := base64.RawURLEncoding.EncodeToString(id[:]); identity[0] != '-' {
			return PSK{Identity: identity, Key: key}
		}
	}
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
	if err := p.Check(); err != nil {
		return p, err.Error()
	}
	return p, ""
}

// LoadPSKs reads the PSK file at path.
func LoadPSKs(path string) (PSKs, error) { return load(path, ParsePSKs) }

// load reads the file at path, which its error names.
func load[T any](path string, parse func(io.Reader) (T, error)) (v T, err error) {
	f, err := os.Open(path)
	if err != nil {
		return v, err
	}
	defer f.Close()
	if v, err = parse(f); err != nil {
		return v, fmt.Errorf("%s: %w", path, err)
	}
	return v, nil
}

// AppendPSK adds a line to the PSK file at path, which it creates for its owner
// only when there is none.
func AppendPSK(path string, p PSK) error {
	if err := p.Check(); err != nil {
		return &LineError{Reason: err.Error()}
	}
	return appendLine(path, p.Line())
}
