package endpoint

import (
	cryptorand "crypto/rand"
	"encoding/binary"
	"math/rand/v2"
)

// random draws message IDs (RFC 7252 §4.4) and timeouts (§4.2). It has no state of
// its own, so that every session may use it at any time.
var random = rand.New(systemSource{})

// systemSource is the source that keys are made from too: a test that seeds it
// (testing/cryptotest) repeats to the byte and the nanosecond.
type systemSource struct{}

// Uint64 implements rand.Source.
func (systemSource) Uint64() uint64 {
	var b [8]byte
	_, _ = cryptorand.Read(b[:]) // it never fails
	return binary.LittleEndian.Uint64(b[:])
}
