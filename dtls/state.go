package dtls

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"
)

// secrets is what a session is made of and what does not change while it lives.
type secrets struct {
	suite    Suite
	identity string
	// keyCheck recognises the pre-shared key of the handshake; empty with
	// certificates.
	keyCheck []byte
	// own protects what this side sends, peer what it receives.
	own, peer keyBlock
	// final repeats a server's last flight: a ChangeCipherSpec record and the
	// plaintext of Finished. Nil on a client.
	changeCipherSpec, finished []byte
}

// keyBlock holds the keys of one direction (RFC 5246 §6.3), with the Connection
// ID that its records carry.
type keyBlock struct{ key, iv, cid []byte }

// stateVersion begins the secrets and the counters in a store. Another one is not
// read: the peer shakes hands again.
const stateVersion = 2

var errState = fmt.Errorf("%w: what is stored cannot be read", ErrNoSession)

// marshal encodes the secrets, each field with its length before it.
func (s secrets) marshal() []byte {
	b := []byte{stateVersion}
	b = binary.BigEndian.AppendUint16(b, uint16(s.suite))
	for _, f := range s.fields() {
		b = binary.BigEndian.AppendUint16(b, uint16(len(*f)))
		b = append(b, *f...)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(s.identity)))
	return append(b, s.identity...)
}

// fields are the byte strings of the secrets in their order.
func (s *secrets) fields() []*[]byte {
	return []*[]byte{
		&s.own.key, &s.own.iv, &s.own.cid, &s.peer.key, &s.peer.iv, &s.peer.cid,
		&s.changeCipherSpec, &s.finished, &s.keyCheck,
	}
}

// keyCheckSize is enough to tell one key from another by.
const keyCheckSize = 8

// keyCheck returns a value that tells nothing of a pre-shared key but whether
// another one is the same.
func keyCheck(psk []byte) []byte {
	// Not as the key of the HMAC: that is the same when zeros are appended.
	m := hmac.New(sha256.New, []byte("coapgw stored session"))
	m.Write(psk)
	return m.Sum(nil)[:keyCheckSize]
}

// madeWith tells whether the handshake was made with this pre-shared key.
func (s secrets) madeWith(psk []byte) bool {
	return s.suite.PSK() && hmac.Equal(keyCheck(psk), s.keyCheck)
}

func parseSecrets(b []byte) (secrets, error) {
	var s secrets
	if len(b) < 3 || b[0] != stateVersion {
		return s, errState
	}
	s.suite = Suite(binary.BigEndian.Uint16(b[1:]))
	b = b[3:]
	var v []byte
	var ok bool
	for _, f := range s.fields() {
		if v, b, ok = vector16(b); !ok {
			return secrets{}, errState
		}
		*f = slices.Clone(v)
	}
	if v, b, ok = vector16(b); !ok || len(b) > 0 {
		return secrets{}, errState
	}
	s.identity = string(v)
	return s, nil
}

// protectors makes the two directions of the session work.
func (s secrets) protectors() (own, peer *protector, err error) {
	if len(s.own.cid) > maxCID || len(s.peer.cid) > maxCID {
		return nil, nil, errState
	}
	if own, err = newProtector(s.suite, s.own.key, s.own.iv, s.own.cid); err != nil {
		return nil, nil, err
	}
	peer, err = newProtector(s.suite, s.peer.key, s.peer.iv, s.peer.cid)
	return own, peer, err
}

// counters is what changes while a session lives, as it is durable.
type counters struct {
	// session names the secrets that the counters belong to: with others they
	// would use numbers twice.
	session sessionTag
	// incarnation counts how often the session was taken from the store.
	incarnation uint32
	// send is above every sequence number that was used.
	send uint64
	// received are the numbers that must not be accepted again.
	received window
	// used is when these were written, to the second.
	used time.Time
	// peer is the last verified address of the peer, "" when it is not known.
	peer string
}

const countersSize = 1 + len(sessionTag{}) + 4 + 3*8 + 8

// sessionTag tells one session's secrets from another's.
type sessionTag [8]byte

func (s secrets) tag() (t sessionTag) {
	sum := sha256.Sum256(slices.Concat(s.own.key, s.own.iv, s.peer.key, s.peer.iv))
	copy(t[:], sum[:])
	return t
}

func (c counters) marshal() []byte {
	b := make([]byte, 0, countersSize+len(c.peer))
	b = append(b, stateVersion)
	b = append(b, c.session[:]...)
	b = binary.BigEndian.AppendUint32(b, c.incarnation)
	b = binary.BigEndian.AppendUint64(b, c.send)
	b = binary.BigEndian.AppendUint64(b, c.received.next)
	b = binary.BigEndian.AppendUint64(b, c.received.seen)
	b = binary.BigEndian.AppendUint64(b, uint64(c.used.Unix()))
	return append(b, c.peer...)
}

func parseCounters(b []byte) (counters, error) {
	if len(b) < countersSize || b[0] != stateVersion {
		return counters{}, errState
	}
	c := counters{session: sessionTag(b[1:9]), peer: string(b[countersSize:])}
	b = b[9:]
	c.incarnation = binary.BigEndian.Uint32(b)
	c.send = binary.BigEndian.Uint64(b[4:])
	c.received = window{next: binary.BigEndian.Uint64(b[12:]), seen: binary.BigEndian.Uint64(b[20:])}
	c.used = time.Unix(int64(binary.BigEndian.Uint64(b[28:])), 0)
	if c.send > maxSequence || c.received.next > maxSequence+1 {
		return counters{}, errState
	}
	return c, nil
}

// vector16 cuts off a vector with a length of two bytes.
func vector16(b []byte) (v, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	end := 2 + int(binary.BigEndian.Uint16(b))
	if len(b) < end {
		return nil, nil, false
	}
	return b[2:end], b[end:], true
}
