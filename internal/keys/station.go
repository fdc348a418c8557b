package keys

import (
	"bufio"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/coapgw/coapgw/pairing"
)

// Station is an amateur radio station as its server knows it.
type Station struct {
	// Call is its call sign, in upper case.
	Call string
	// Key authenticates what it sends and gets.
	Key Key
	// Token is the access token with which the server acts for it at the homeserver.
	Token Key
}

// NewStation makes a key of 128 random bits for a station. It fails with
// *StationLineError when the call sign or the token cannot be used.
func NewStation(call string, token Key) (Station, error) {
	s := Station{Call: call, Key: make(Key, pairing.MinKey), Token: token}
	rand.Read(s.Key)
	if reason := s.check(); reason != "" {
		return Station{}, &StationLineError{0, reason}
	}
	return s, nil
}

// Line returns the station, with its secrets, as a line of a station file, without the
// line feed.
func (s Station) Line() string { return s.Call + ":" + s.Key.Hex() + ":" + string(s.Token) }

// maxToken bounds an access token, in bytes.
const maxToken = 1024

// check returns why the station cannot be used, or "".
func (s Station) check() string {
	switch {
	case s.Call == "" || len(s.Call) > 16 || strings.Trim(s.Call, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-/") != "":
		return "the call sign is not 1 to 16 upper-case letters, digits, - and /"
	case len(s.Key) < pairing.MinKey || len(s.Key) > pairing.MaxKey:
		return fmt.Sprintf("the key has %d bytes, not %d to %d", len(s.Key), pairing.MinKey, pairing.MaxKey)
	case len(s.Token) == 0:
		return "the access token is missing"
	case len(s.Token) > maxToken || strings.ContainsFunc(string(s.Token), func(r rune) bool { return r <= ' ' || r > '~' }):
		return "the access token is too long or has characters that none has"
	}
	return ""
}

// StationLineError reports a line of a station file that cannot be used. It does not
// show the line, which holds secrets.
type StationLineError struct {
	// Line counts from 1; 0 is the file as a whole.
	Line   int
	Reason string
}

// Error implements error.
func (e *StationLineError) Error() string {
	if e.Line == 0 {
		return "station file: " + e.Reason
	}
	return fmt.Sprintf("station file, line %d: %s", e.Line, e.Reason)
}

// ParseStations reads a station file: one "call:key:token" per line, the key in
// hexadecimal; empty lines and lines that begin with # are skipped. Errors are
// *StationLineError or those of r.
func ParseStations(r io.Reader) ([]Station, error) {
	limited := &io.LimitedReader{R: r, N: maxPSKFile + 1}
	s := bufio.NewScanner(limited)
	var stations []Station
	seen := map[string]bool{}
	n := 0
	for s.Scan() {
		n++
		line := strings.TrimSpace(s.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		st, reason := parseStation(line)
		if reason == "" && seen[st.Call] {
			reason = "the call sign is there twice"
		}
		if reason != "" {
			return nil, &StationLineError{n, reason}
		}
		seen[st.Call] = true
		stations = append(stations, st)
	}
	switch {
	case errors.Is(s.Err(), bufio.ErrTooLong):
		return nil, &StationLineError{n + 1, "the line is too long"}
	case s.Err() != nil:
		return nil, s.Err()
	case limited.N == 0:
		return nil, &StationLineError{0, fmt.Sprintf("longer than %d bytes", maxPSKFile)}
	case len(stations) == 0:
		return nil, &StationLineError{0, "no station in it"}
	}
	return stations, nil
}

func parseStation(line string) (s Station, reason string) {
	call, rest, ok := strings.Cut(line, ":")
	key, token, both := strings.Cut(rest, ":")
	if !ok || !both {
		return s, "not of the form call:key:token"
	}
	raw, err := hex.DecodeString(key)
	if err != nil {
		return s, "the key is not hexadecimal"
	}
	s = Station{Call: call, Key: raw, Token: Key(token)}
	return s, s.check()
}

// LoadStations reads the station file at path.
func LoadStations(path string) ([]Station, error) { return load(path, ParseStations) }

// AppendStation adds a line to the station file at path, which it creates for its
// owner only when there is none.
func AppendStation(path string, s Station) error {
	if reason := s.check(); reason != "" {
		return &StationLineError{0, reason}
	}
	return appendLine(path, s.Line())
}

// WriteStationKey writes the key for the station's own side into a new file.
func WriteStationKey(path string, s Station) error {
	return writeNew(path, []byte(s.Key.Hex()+"\n"), 0o600)
}

// LocalPassword is the password with which a person logs in at the station's own side.
// It is made from the key, tells nothing of it, and never leaves the machine.
func LocalPassword(key Key) string {
	b := local(key, "coapgw local password", 10)
	text := strings.ToLower(base32.StdEncoding.EncodeToString(b))
	return text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:]
}

// LocalToken is the access token that such a login gets. It is the same after a
// restart, and good for nothing elsewhere.
func LocalToken(key Key) string {
	return "local_" + base64.RawURLEncoding.EncodeToString(local(key, "coapgw local token", 24))
}

func local(key Key, label string, n int) []byte {
	b, err := hkdf.Key(sha256.New, key, nil, label, n)
	if err != nil {
		panic(err) // the length is far below what HKDF can make
	}
	return b
}
