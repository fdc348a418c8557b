package dtls

import "encoding/binary"

// Content types of records (RFC 5246 §6.2.1, RFC 9146 §3).
const (
	typeChangeCipherSpec = 20
	typeAlert            = 21
	typeHandshake        = 22
	typeApplicationData  = 23
	typeCID              = 25
)

// Handshake message types (RFC 5246 §7.4).
const (
	msgClientHello = 1
	msgServerHello = 2
	msgFinished    = 20
)

// Sizes and values in plaintext records.
const (
	recordHeader    = 13 // RFC 6347 §4.1, without a Connection ID
	handshakeHeader = 12 // RFC 6347 §4.2.2
	alertSize       = 2  // RFC 5246 §7.2

	versionMajor, versionMinor = 254, 253 // DTLS 1.2

	alertWarning, alertFatal = 1, 2
	alertCloseNotify         = 0
	alertInternalError       = 80
	alertUnknownIdentity     = 115 // unknown_psk_identity, RFC 4279 §6
)

// record is one record of a datagram; its slices point into the datagram.
type record struct {
	typ   uint8
	epoch uint16
	seq   uint64 // within the epoch
	cid   []byte
	raw   []byte // header included
	body  []byte
}

// nextRecord cuts the first record off a datagram. cidLen tells the length of a
// Connection ID from its first byte, as the record has no length field for it
// (RFC 9146 §4); it returns a negative number for one that cannot be ours.
func nextRecord(b []byte, cidLen func(first byte) int) (r record, rest []byte, ok bool) {
	if len(b) < recordHeader {
		return record{}, nil, false
	}
	number := binary.BigEndian.Uint64(b[3:])
	r.typ, r.epoch, r.seq = b[0], uint16(number>>48), number&maxSequence
	lengthAt := recordHeader - 2
	if r.typ == typeCID {
		n := cidLen(b[lengthAt])
		if n < 0 || len(b) < recordHeader+n {
			return record{}, nil, false
		}
		r.cid = b[lengthAt : lengthAt+n]
		lengthAt += n
	}
	body := lengthAt + 2
	end := body + int(binary.BigEndian.Uint16(b[lengthAt:]))
	if end > len(b) {
		return record{}, nil, false
	}
	r.raw, r.body = b[:end], b[body:end]
	return r, b[end:], true
}

// acceptable drops records that must never reach the handshake library. It takes
// unprotected records at their word: application data in epoch 0 or an alert cut
// short makes it send a fatal alert, so that anyone could end a handshake with
// one spoofed datagram.
func (r record) acceptable() bool {
	switch r.typ {
	case typeCID, typeApplicationData:
		return r.epoch > 0
	case typeChangeCipherSpec:
		return r.epoch == 0 && len(r.body) == 1 && r.body[0] == 1
	case typeAlert:
		return r.epoch > 0 || len(r.body) == alertSize
	case typeHandshake:
		return r.epoch > 0 || len(r.body) >= handshakeHeader
	default:
		return false
	}
}

// sieve returns a copy of the acceptable records of a datagram, nothing when the
// datagram is malformed.
func sieve(b []byte, cidLen func(byte) int) []byte {
	var kept []byte
	for rest := b; len(rest) > 0; {
		r, next, ok := nextRecord(rest, cidLen)
		if !ok {
			return nil
		}
		if r.acceptable() {
			kept = append(kept, r.raw...)
		}
		rest = next
	}
	return kept
}

// clientHello is what the demultiplexer needs to know of a ClientHello.
type clientHello struct {
	// first is false for the second ClientHello, which returns a cookie.
	first  bool
	random [32]byte
	// suites are the offered suites, nil when the message is fragmented.
	suites []Suite
}

// parseClientHello reads the beginning of a ClientHello (RFC 6347 §4.2.1).
func parseClientHello(r record) (h clientHello, ok bool) {
	const versionAndRandom = 2 + len(h.random)
	b := r.body
	if r.typ != typeHandshake || r.epoch != 0 || len(b) < handshakeHeader+versionAndRandom ||
		b[0] != msgClientHello || uint24(b[6:]) != 0 {
		return clientHello{}, false
	}
	h.first = b[4] == 0 && b[5] == 0
	whole := uint24(b[1:]) == uint24(b[9:])
	b = b[handshakeHeader:]
	copy(h.random[:], b[2:])
	if b = b[versionAndRandom:]; !whole {
		return h, true
	}
	_, b, ok = vector8(b) // session_id
	if ok {
		_, b, ok = vector8(b) // cookie
	}
	if !ok || len(b) < 2 {
		return clientHello{}, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if b = b[2:]; n > len(b) || n%2 != 0 {
		return clientHello{}, false
	}
	h.suites = make([]Suite, 0, n/2)
	for ; n > 0; n -= 2 {
		h.suites = append(h.suites, Suite(binary.BigEndian.Uint16(b)))
		b = b[2:]
	}
	return h, true
}

// vector8 cuts off a vector with a length of one byte.
func vector8(b []byte) (v, rest []byte, ok bool) {
	if len(b) < 1 {
		return nil, nil, false
	}
	end := 1 + int(b[0])
	if len(b) < end {
		return nil, nil, false
	}
	return b[1:end], b[end:], true
}

func uint24(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }
