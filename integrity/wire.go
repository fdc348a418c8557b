package integrity

import "encoding/binary"

// Sizes in bytes. Every message ends with a tag of all that is before it.
const (
	nonceSize   = 8
	counterSize = 4
	tagSize     = 8

	recordHeader = 1 + counterSize
	// overhead is what a record adds to its payload.
	overhead    = recordHeader + tagSize
	helloHeader = 2 + nonceSize
	welcomeSize = 2 + nonceSize + tagSize
	resetSize   = recordHeader + 1 + tagSize
)

// The first byte of a message: what it is, or the number of a session.
const (
	typeHello    = 0x00
	firstSession = 0x01
	lastSession  = 0xef
	typeWelcome  = 0xf0
	typeReset    = 0xf1
)

// MaxStations is how many stations a server can have: one number for each.
const MaxStations = lastSession - firstSession + 1

// formatVersion is the second byte of a hello. A server drops others.
const formatVersion = 1

// maxRecords is how many counters a session has. The last one is followed by a new
// session.
const maxRecords = 1 << (8 * counterSize)

// maxDatagram is the longest datagram that is read.
const maxDatagram = 8192

type nonce [nonceSize]byte

// hello is a station's first message:
//
//	0x00, version, nonce (8), call sign, tag (8)
type hello struct {
	nonce nonce
	call  string
}

func (h hello) seal(key []byte) []byte {
	b := append([]byte{typeHello, formatVersion}, h.nonce[:]...)
	return seal(append(b, h.call...), key, nil)
}

// parseHello reads a hello without its tag; false when it cannot be one.
func parseHello(b []byte) (h hello, ok bool) {
	if len(b) < helloHeader+tagSize || b[0] != typeHello || b[1] != formatVersion {
		return hello{}, false
	}
	call := b[helloHeader : len(b)-tagSize]
	if len(call) > MaxCall {
		return hello{}, false
	}
	h = hello{nonce(b[2:helloHeader]), string(call)}
	return h, validCall(h.call)
}

// welcome is the server's answer to a hello, whose bytes its tag covers too:
//
//	0xf0, session, nonce (8), tag (8)
type welcome struct {
	session byte
	nonce   nonce
}

func (w welcome) seal(key, hello []byte) []byte {
	return seal(append([]byte{typeWelcome, w.session}, w.nonce[:]...), key, hello)
}

// parseWelcome reads a welcome without its tag; false when it cannot be one.
func parseWelcome(b []byte) (w welcome, ok bool) {
	if len(b) != welcomeSize || b[0] != typeWelcome || !isSession(b[1]) {
		return welcome{}, false
	}
	return welcome{b[1], nonce(b[2:])}, true
}

func isSession(b byte) bool { return b >= firstSession && b <= lastSession }

// record is one datagram of a session. Without payload it ends the session.
//
//	session, counter (4), payload, tag (8)
type record struct {
	session byte
	counter uint32
	payload []byte
}

func (r record) seal(key []byte) []byte {
	b := make([]byte, recordHeader, len(r.payload)+overhead)
	b[0] = r.session
	binary.BigEndian.PutUint32(b[1:], r.counter)
	return seal(append(b, r.payload...), key, nil)
}

// parseRecord reads a record without its tag; its payload points into b.
func parseRecord(b []byte) (r record, ok bool) {
	if len(b) < overhead || !isSession(b[0]) {
		return record{}, false
	}
	return record{b[0], binary.BigEndian.Uint32(b[1:]), b[recordHeader : len(b)-tagSize]}, true
}

// reset says that the server has no session to which a record could belong. Its tag
// covers the record's tag too, so that it is good for this one record.
//
//	0xf1, session, counter (4), tag (8)
func sealReset(r record, recordTag, key []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{typeReset, r.session}, r.counter)
	return seal(b, key, recordTag)
}

// parseReset returns which record a reset is about.
func parseReset(b []byte) (session byte, counter uint32, ok bool) {
	if len(b) != resetSize || b[0] != typeReset {
		return 0, 0, false
	}
	return b[1], binary.BigEndian.Uint32(b[2:]), true
}

// tagOf returns the end of a message.
func tagOf(b []byte) []byte { return b[len(b)-tagSize:] }
