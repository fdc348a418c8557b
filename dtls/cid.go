package dtls

import (
	"crypto/rand"
	"encoding/binary"
)

// cid is a Connection ID of ours as a number. It is two bytes long and its first
// bit is 0; a first bit of 1 is kept for three bytes, because a record does not
// tell the length of its Connection ID (RFC 9146 §4).
type cid uint16

const (
	shortCID  = 2
	cidValues = 1 << 15
	// maxCID is the longest Connection ID of a peer that we carry.
	maxCID = 8
)

// shortCIDLen is the length of one of our Connection IDs by its first byte,
// negative when it is not ours.
func shortCIDLen(first byte) int {
	if first&0x80 != 0 {
		return -1
	}
	return shortCID
}

// noCID is for the client, who asks for no Connection ID: one would only cost
// bytes on the way down.
func noCID(byte) int { return 0 }

func (c cid) bytes() []byte { return binary.BigEndian.AppendUint16(nil, uint16(c)) }

func parseCID(b []byte) (cid, bool) {
	if len(b) != shortCID {
		return 0, false
	}
	return cid(binary.BigEndian.Uint16(b)), true
}

// cidAllocator counts upwards from a random start, so that a value rests as long
// as possible before it is used again.
type cidAllocator struct{ next cid }

func newCIDAllocator() cidAllocator {
	var b [2]byte
	rand.Read(b[:])
	return cidAllocator{next: cid(binary.BigEndian.Uint16(b[:]) % cidValues)}
}

// wornSearch is how many values are looked at for one that is not worn: every stranger
// who begins a handshake has us search.
const wornSearch = 1024

// allocate returns a value that is not taken, one that is not worn if one is near;
// false when all are taken.
func (a *cidAllocator) allocate(taken, worn func(cid) bool) (c cid, ok bool) {
	for i := range cid(cidValues) {
		v := (a.next + i) % cidValues
		switch {
		case ok && i > wornSearch:
			a.next = (c + 1) % cidValues
			return c, ok
		case taken(v):
		case !worn(v):
			a.next = (v + 1) % cidValues
			return v, true
		case !ok:
			c, ok = v, true
		}
	}
	a.next = (c + 1) % cidValues
	return c, ok
}

// cidSet is a set of Connection IDs.
type cidSet [cidValues / 64]uint64

func (s *cidSet) add(c cid) { s[c/64] |= 1 << (c % 64) }

func (s *cidSet) has(c cid) bool { return s[c/64]&(1<<(c%64)) != 0 }
