package integrity

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// secrets are what makes a session, and never changes.
type secrets struct {
	session byte
	// client is the nonce of the hello.
	client nonce
	keys   sessionKeys
	// station names the call sign and the key from which the session was made: with
	// another key it is over.
	station sessionTag
}

// newSecrets makes the session of two nonces.
func newSecrets(s Station, number byte, client, server nonce) secrets {
	return secrets{session: number, client: client, keys: newSessionKeys(s, client, server), station: s.tag()}
}

// sessionTag tells one set of keys from another without telling them.
type sessionTag [8]byte

func (s secrets) tag() sessionTag { return newTag(s.keys.up, s.keys.down) }

func (s Station) tag() sessionTag { return newTag([]byte(s.Call), []byte{0}, s.Key) }

func newTag(parts ...[]byte) (t sessionTag) {
	sum := sha256.Sum256(slices.Concat(parts...))
	copy(t[:], sum[:])
	return t
}

// stateVersion begins each stored value. Another one is not read: the station says
// hello again.
const stateVersion = 1

const secretsSize = 1 + 1 + nonceSize + 2*keySize + len(sessionTag{})

func (s secrets) marshal() []byte {
	return slices.Concat([]byte{stateVersion, s.session}, s.client[:], s.keys.up, s.keys.down, s.station[:])
}

func parseSecrets(b []byte) (secrets, error) {
	if len(b) != secretsSize || b[0] != stateVersion || !isSession(b[1]) {
		return secrets{}, errState
	}
	s := secrets{session: b[1], client: nonce(b[2:])}
	b = slices.Clone(b[2+nonceSize:])
	s.keys = sessionKeys{up: b[:keySize:keySize], down: b[keySize : 2*keySize : 2*keySize]}
	s.station = sessionTag(b[2*keySize:])
	return s, nil
}

// counters is what changes while a session lives, as it is durable.
type counters struct {
	// session names the secrets that the counters belong to.
	session sessionTag
	// incarnation counts how often the session was taken from the store.
	incarnation uint32
	// send is above every counter that was used.
	send uint64
	// received are the counters that must not be accepted again.
	received window
	// peer is where a server's station was, empty where that is not known.
	peer string
}

// countersSize is what comes before peer.
const countersSize = 1 + len(sessionTag{}) + 4 + 3*8

func (c counters) marshal() []byte {
	b := append([]byte{stateVersion}, c.session[:]...)
	b = binary.BigEndian.AppendUint32(b, c.incarnation)
	b = binary.BigEndian.AppendUint64(b, c.send)
	b = binary.BigEndian.AppendUint64(b, c.received.next)
	b = binary.BigEndian.AppendUint64(b, c.received.seen)
	return append(b, c.peer...)
}

func parseCounters(b []byte) (counters, error) {
	if len(b) < countersSize || b[0] != stateVersion {
		return counters{}, errState
	}
	c := counters{session: sessionTag(b[1:])}
	b = b[1+len(c.session):]
	c.incarnation = binary.BigEndian.Uint32(b)
	c.send = binary.BigEndian.Uint64(b[4:])
	c.received = window{next: binary.BigEndian.Uint64(b[12:]), seen: binary.BigEndian.Uint64(b[20:])}
	c.peer = string(b[28:])
	if c.send > maxRecords || c.received.next > maxRecords {
		return counters{}, errState
	}
	return c, nil
}
