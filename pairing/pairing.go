package pairing

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"unicode"

	"github.com/coapgw/coapgw/cborcodec"
)

// The pairing line is "coapgw:1:" and base64url without padding of a CBOR map and
// its CRC-32C (four bytes, big-endian), which covers the prefix too. It fits a QR
// code and one line of a terminal. Readers ignore map keys that they do not know;
// what must not be ignored gets another version.
const (
	pairingScheme  = "coapgw:"
	pairingVersion = "1"
	pairingPrefix  = pairingScheme + pairingVersion + ":"

	maxPairingLine = 4096
	maxAddresses   = 16
	maxName        = 255
)

// Pairing is what a client needs to reach its server and to prove itself. It has
// a PSK, or a Fingerprint, or both.
type Pairing struct {
	// Addresses are the server's, "host:port" or "host", best first.
	Addresses []string
	// PSK is the client's key; its Identity is empty when there is none.
	PSK PSK
	// Fingerprint pins the server's certificate; nil when there is none.
	Fingerprint *Fingerprint
	// Homeserver is the Matrix server name behind the server; may be empty.
	Homeserver string
}

// Errors of Parse. Further ones are *VersionError and *Error.
var (
	// ErrNone: the text does not begin as a pairing line does.
	ErrNone = errors.New("this is no pairing line, which would begin with \"" + pairingScheme + "\"")
	// ErrDamaged: the checksum does not fit. Copy the line again.
	ErrDamaged = errors.New("the pairing line is damaged: a character is wrong or missing; copy it again")
)

// VersionError reports a pairing line of another version: the program
// that made it is newer.
type VersionError struct {
	// Version is that of the line.
	Version string
}

// Error implements error.
func (e *VersionError) Error() string {
	return fmt.Sprintf("the pairing line has version %q, this program knows %s: update it", e.Version, pairingVersion)
}

// Error reports a pairing line that arrived as it was made but says
// something impossible.
type Error struct {
	// Reason is what is wrong, for people, without the key.
	Reason string
}

// Error implements error.
func (e *Error) Error() string { return "the pairing line cannot be used: " + e.Reason }

// Keys of the CBOR map. Numbers are never used again for something else.
const (
	keyAddresses = iota + 1
	keyIdentity
	keyKey
	keyFingerprint
	keyHomeserver
	keysEnd
)

// Secret returns the pairing line, key included. Who reads it can act as the
// client.
func (p Pairing) Secret() (string, error) {
	if reason := p.check(); reason != "" {
		return "", &Error{reason}
	}
	// Deterministically encoded (RFC 8949 §4.2.1): keys in order, what is empty left out.
	b, members := []byte(nil), 1
	b = cborcodec.AppendArray(cborcodec.AppendUint(b, keyAddresses), len(p.Addresses))
	for _, a := range p.Addresses {
		b = cborcodec.AppendText(b, a)
	}
	if p.PSK.Identity != "" {
		members++
		b = cborcodec.AppendText(cborcodec.AppendUint(b, keyIdentity), p.PSK.Identity)
	}
	if len(p.PSK.Key) > 0 {
		members++
		b = cborcodec.AppendBytes(cborcodec.AppendUint(b, keyKey), []byte(p.PSK.Key))
	}
	if p.Fingerprint != nil {
		members++
		b = cborcodec.AppendBytes(cborcodec.AppendUint(b, keyFingerprint), p.Fingerprint[:])
	}
	if p.Homeserver != "" {
		members++
		b = cborcodec.AppendText(cborcodec.AppendUint(b, keyHomeserver), p.Homeserver)
	}
	b = append(cborcodec.AppendMap(nil, members), b...)
	b = binary.BigEndian.AppendUint32(b, pairingSum(b))
	return pairingPrefix + base64.RawURLEncoding.EncodeToString(b), nil
}

// String describes the pairing without its key.
func (p Pairing) String() string {
	s := "server " + strings.Join(p.Addresses, ", ")
	if p.Homeserver != "" {
		s += " for " + p.Homeserver
	}
	if p.PSK.Identity != "" {
		s += ", key " + p.PSK.Identity
	}
	if p.Fingerprint != nil {
		s += ", certificate " + p.Fingerprint.String()
	}
	return s
}

// LogValue keeps the key out of logs.
func (p Pairing) LogValue() slog.Value { return slog.StringValue(p.String()) }

func pairingSum(b []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Checksum([]byte(pairingPrefix), table), table, b)
}

// Parse reads a pairing line. White space is ignored, also within, as
// mail programs and terminals break long lines.
func Parse(line string) (Pairing, error) {
	if len(line) > maxPairingLine {
		return Pairing{}, &Error{fmt.Sprintf("it is longer than %d characters", maxPairingLine)}
	}
	line = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, line)
	rest, ok := strings.CutPrefix(line, pairingScheme)
	if !ok {
		return Pairing{}, ErrNone
	}
	version, text, ok := strings.Cut(rest, ":")
	switch {
	case !ok:
		return Pairing{}, ErrDamaged
	case version != pairingVersion:
		return Pairing{}, &VersionError{version}
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < 4 {
		return Pairing{}, ErrDamaged
	}
	b, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if sum != pairingSum(b) {
		return Pairing{}, ErrDamaged
	}
	return decodePairing(b)
}

// maxNesting bounds what a newer program may say.
const maxNesting = 8

func decodePairing(b []byte) (Pairing, error) {
	p, err := read(cborcodec.NewItems(b))
	if err != nil {
		return Pairing{}, &Error{"its content is not the expected CBOR"}
	}
	if reason := p.check(); reason != "" {
		return Pairing{}, &Error{reason}
	}
	return p, nil
}

// errForm says that the content is not as it should be.
var errForm = errors.New("pairing: another form")

// read reads the map, and nothing behind it.
func read(in *cborcodec.Items) (p Pairing, err error) {
	members, err := in.Map()
	if err != nil || members.Indefinite() {
		return p, errForm
	}
	var seen [keysEnd]bool
	for {
		more, err := in.More(&members)
		if err != nil {
			return p, err
		}
		if !more {
			break
		}
		before := *in
		key, err := in.Uint()
		if err != nil || key == 0 || key >= keysEnd { // a newer program says more
			*in = before
			if err := errors.Join(in.Skip(maxNesting), in.Skip(maxNesting)); err != nil {
				return p, err
			}
			continue
		}
		if seen[key] {
			return p, errForm
		}
		seen[key] = true
		if err := p.read(in, key); err != nil {
			return p, err
		}
	}
	if len(in.Rest()) > 0 {
		return p, errForm
	}
	return p, nil
}

// read reads the value of a key.
func (p *Pairing) read(in *cborcodec.Items, key uint64) (err error) {
	switch key {
	case keyAddresses:
		p.Addresses, err = readTexts(in)
	case keyIdentity:
		p.PSK.Identity, err = in.Text()
	case keyKey:
		p.PSK.Key, err = in.Bytes()
	case keyFingerprint:
		var b []byte
		if b, err = in.Bytes(); err == nil && len(b) != len(Fingerprint{}) {
			err = errForm
		}
		if err == nil {
			f := Fingerprint(b)
			p.Fingerprint = &f
		}
	case keyHomeserver:
		p.Homeserver, err = in.Text()
	}
	return err
}

func readTexts(in *cborcodec.Items) (texts []string, err error) {
	array, err := in.Array()
	if err != nil || array.Indefinite() {
		return nil, errForm
	}
	for {
		more, err := in.More(&array)
		if err != nil || !more {
			return texts, err
		}
		text, err := in.Text()
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
}

// check returns why the pairing cannot be used, or "".
func (p Pairing) check() string {
	if len(p.Addresses) == 0 || len(p.Addresses) > maxAddresses {
		return fmt.Sprintf("it has %d addresses, not 1 to %d", len(p.Addresses), maxAddresses)
	}
	for _, a := range p.Addresses {
		if !isAddress(a) {
			return fmt.Sprintf("%q is no address", a)
		}
	}
	if !plainName(p.Homeserver) {
		return fmt.Sprintf("%q is no server name", p.Homeserver)
	}
	hasKey := p.PSK.Identity != "" || len(p.PSK.Key) > 0
	if hasKey {
		return p.PSK.problem()
	}
	if p.Fingerprint == nil {
		return "it has neither a key nor a fingerprint"
	}
	return ""
}

// isAddress tells whether s could be "host", "host:port", "[IPv6]" or
// "[IPv6]:port".
func isAddress(s string) bool {
	host := s
	if h, port, err := net.SplitHostPort(s); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return false
		}
		host = h
	} else if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		host = s[1 : len(s)-1]
	}
	if net.ParseIP(host) != nil {
		return true
	}
	return plainName(host) && host != "" && !strings.ContainsAny(host, "/:[]@?#")
}

// plainName tells whether s could be a host, an address or a server name. Names
// are shown to people, so nothing invisible may be in them.
func plainName(s string) bool {
	return len(s) <= maxName && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
