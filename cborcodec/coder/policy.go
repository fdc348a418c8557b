package coder

import "github.com/coapgw/coapgw/cborcodec/coder/internal/mixing"

// MaxMixing is the longest payload, in bytes, that Mixing codes.
const MaxMixing = mixing.MaxMessage

// Policy says which methods a sender tries. The smallest result is sent. The zero
// Policy sends everything raw.
type Policy struct {
	// Mixing is the longest payload, in bytes, that is coded by context mixing: at
	// most MaxMixing, 0 for none. It takes about 2 µs a byte of a server's core, on
	// both sides.
	Mixing int
	// Deflate is the longest payload, in bytes, that is deflated where Mixing is not
	// tried; 0 for none.
	Deflate int
}

// Class is what kind of device runs the coder.
type Class uint8

// Classes. A model in memory is 2.2 MB, and each of several workers has as much for Mixing.
const (
	// Server has time and memory for anything that the link can carry: Mixing stays
	// below 0.2 s, and where it saves a tenth of deflate's 20 kB, a link of 64 kbit/s
	// wins more than that.
	Server Class = iota
	// Handheld is a phone or a single-board computer: about 10 times slower than a
	// server. Mixing stays below 0.1 s.
	Handheld
	// Microcontroller has no memory for Mixing.
	Microcontroller
)

// Policy is what suits both directions of a device of the class.
func (c Class) Policy() Policy {
	switch c {
	case Server:
		return Policy{Mixing: MaxMixing, Deflate: 64 << 20}
	case Handheld:
		return Policy{Mixing: 4 << 10, Deflate: 64 << 20}
	default:
		return Policy{Deflate: 64 << 10}
	}
}

// And is what the policies of both ends allow.
func (p Policy) And(peer Policy) Policy {
	return Policy{Mixing: min(p.Mixing, peer.Mixing), Deflate: min(p.Deflate, peer.Deflate)}
}
