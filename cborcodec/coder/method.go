package coder

import "strconv"

// Method is how a payload is coded. It stands in the two low bits of the first byte;
// the six others belong to the layer above.
type Method uint8

// Methods.
const (
	// Raw: the payload follows as it is.
	Raw Method = 0
	// Deflate: its length, then a deflate stream (RFC 1951) that may quote the
	// dictionary.
	Deflate Method = 1
	// Mixing: the code of static context mixing, of its length and itself.
	Mixing Method = 2
)

// The value 3 belongs to the layer above: payloads that this package did not code.

// MethodMask are the bits of the first byte that hold the method.
const MethodMask = 0x03

// String names the method, for diagnostics.
func (m Method) String() string {
	switch m {
	case Raw:
		return "raw"
	case Deflate:
		return "deflate"
	case Mixing:
		return "mixing"
	}
	return "method " + strconv.Itoa(int(m))
}
