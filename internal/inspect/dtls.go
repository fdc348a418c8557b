package inspect

import (
	"encoding/binary"
	"fmt"
)

// Content types of records (RFC 5246 §6.2.1, RFC 9146 §3).
const (
	recordHandshake = 22
	recordCID       = 25
)

var recordNames = map[byte]string{
	20: "change of cipher", 21: "alert", recordHandshake: "handshake", 23: "application data", recordCID: "with Connection ID",
}

var handshakeNames = map[byte]string{
	0: "HelloRequest", 1: "ClientHello", 2: "ServerHello", 3: "HelloVerifyRequest", 11: "Certificate",
	12: "ServerKeyExchange", 13: "CertificateRequest", 14: "ServerHelloDone", 15: "CertificateVerify",
	16: "ClientKeyExchange", 20: "Finished",
}

// plainHeader is that of a record without a Connection ID (RFC 6347 §4.1).
const plainHeader = 13

// maxCID is the longest Connection ID that is looked for.
const maxCID = 20

// isRecord reports whether b begins with a record of DTLS 1.0 or 1.2. No CoAP message does
// (RFC 7983 §7).
func isRecord(b []byte) bool {
	return len(b) >= plainHeader && b[0] >= 20 && b[0] <= recordCID && b[1] == 254 && (b[2] == 253 || b[2] == 255)
}

// recordSize returns the length of the header of the first record, which tells neither that
// nor the length of the Connection ID, and of the whole record.
func recordSize(b []byte) (header, whole int, ok bool) {
	from, to := 0, 0
	if b[0] == recordCID {
		from, to = 1, maxCID
	}
	for n := from; n <= to; n++ {
		header := plainHeader + n
		if len(b) < header {
			break
		}
		whole := header + int(binary.BigEndian.Uint16(b[header-2:]))
		if whole == len(b) || whole < len(b) && isRecord(b[whole:]) {
			return header, whole, true
		}
	}
	return 0, 0, false
}

// seal is what a cipher adds to a record.
type seal struct {
	name       string
	nonce, tag int
}

// seals are those of the suites that coapgw speaks; suites not known count as
// ChaCha20-Poly1305, by which two coapgw go.
var seals = map[uint16]seal{
	0xc0a8: {"AES-128-CCM-8", 8, 8}, 0xc0ae: {"AES-128-CCM-8", 8, 8}, 0xc02b: {"AES-128-GCM", 8, 16},
}

var chaCha20 = seal{"ChaCha20-Poly1305", 0, 16}

// association is what is known of a DTLS session.
type association struct{ seal seal }

// records reports on a datagram of records. Nothing of their content is shown.
func (a *association) records(r *Report, b []byte) {
	for len(b) > 0 {
		if !isRecord(b) {
			r.hide(DTLS, 0, len(b), "no DTLS record")
			return
		}
		header, whole, ok := recordSize(b)
		if !ok {
			r.hide(DTLS, 0, len(b), "DTLS record that is cut short")
			return
		}
		number := binary.BigEndian.Uint64(b[3:])
		text := fmt.Sprintf("DTLS record: %s, epoch %d, number %d", recordNames[b[0]], number>>48, number&(1<<48-1))
		if b[0] == recordCID {
			text += fmt.Sprintf(", Connection ID of %d", header-plainHeader)
		}
		r.add(DTLS, 0, b[:header], text)
		a.content(r, b[0], number>>48 == 0, b[header:whole])
		b = b[whole:]
	}
}

func (a *association) content(r *Report, kind byte, plain bool, b []byte) {
	switch {
	case plain && kind == recordHandshake && len(b) > 0:
		if b[0] == 2 {
			a.hello(b)
		}
		r.hide(DTLS, 1, len(b), "handshake: "+handshakeNames[b[0]])
		return
	case plain:
		r.hide(DTLS, 1, len(b), "content")
		return
	}
	seal := a.seal
	if seal.name == "" {
		seal = chaCha20
		seal.name = "not seen, taken for " + seal.name
	}
	inner := 0
	if kind == recordCID {
		inner = 1 // the content type (RFC 9146 §4)
	}
	content := len(b) - seal.nonce - inner - seal.tag
	if content < 0 {
		r.hide(DTLS, 1, len(b), "too short for its cipher")
		return
	}
	if seal.nonce > 0 {
		r.hide(DTLS, 1, seal.nonce, "nonce")
	}
	r.hide(Sealed, 1, content, "encrypted content")
	if inner > 0 {
		r.hide(DTLS, 1, inner, "content type")
	}
	r.hide(DTLS, 1, seal.tag, "tag, cipher "+seal.name)
}

// hello takes the suite from a ServerHello (RFC 5246 §7.4.1.3) that is whole.
func (a *association) hello(b []byte) {
	const session = 12 + 2 + 32 // behind the header, the version and the random bytes
	if len(b) <= session {
		return
	}
	at := session + 1 + int(b[session])
	if len(b) < at+2 {
		return
	}
	suite := binary.BigEndian.Uint16(b[at:])
	s, ok := seals[suite]
	if !ok {
		s = chaCha20
	}
	a.seal = s
}
