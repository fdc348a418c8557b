package coder

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/flate"

	"github.com/coapgw/coapgw/cborcodec/coder/internal/mixing"
)

// shipped is the model in the binary. `go run ./internal/trainv2` makes it.
//
//go:embed shipped.model
var shipped []byte

// shippedID is its ID, in hexadecimal. TestShippedID writes and checks it.
//
//go:embed shipped.id
var shippedID string

// maxModel bounds an unpacked model, in bytes.
const maxModel = 4 << 20

// Model is what both ends know before the first payload: a dictionary, and what
// follows what. It is immutable and safe for concurrent use, unless NewAlone takes it.
type Model struct {
	mixing *mixing.Model
	id     ID
	// noMixing: there is the dictionary alone.
	noMixing bool
	// alone: a Coder has it to itself, and codes with only.
	alone atomic.Bool
	only  *mixing.Predictor
}

// ID identifies a model together with the algorithm: equal IDs code alike.
type ID [sha256.Size]byte

// String is the ID in hexadecimal.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Shipped unpacks the model in the binary. It takes some milliseconds and 2 MB: do it
// once. An error means that the binary is damaged.
func Shipped() (*Model, error) { return Load(shipped) }

// ShippedFor unpacks what a device of that class needs of the model in the binary: a
// Microcontroller the dictionary alone, 32 kB, with which a Coder neither writes nor reads
// Mixing. The ID is the same.
func ShippedFor(c Class) (*Model, error) {
	if c != Microcontroller {
		return Shipped()
	}
	dictionary, err := mixing.Dictionary(flate.NewReader(bytes.NewReader(shipped)))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	id, err := hex.DecodeString(strings.TrimSpace(shippedID))
	if err != nil || len(id) != len(ID{}) {
		return nil, ErrModel
	}
	return &Model{mixing: &mixing.Model{Dictionary: dictionary}, id: ID(id), noMixing: true}, nil
}

// Load unpacks a model as package train packs it. It fails with ErrModel.
func Load(packed []byte) (*Model, error) {
	id := sha256.New()
	plain := io.TeeReader(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), maxModel), id)
	m, err := mixing.ReadModel(plain)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	return identified(m, id), nil
}

// ID is the hash of the algorithm's version, the dictionary, the tables, and what
// golden payloads become: two builds that would code differently differ in it, even
// when that is a compiler's fault.
func (m *Model) ID() ID { return m.id }

// identified returns a model whose ID begins with h: what was written of it, the version of
// the algorithm first.
func identified(m *mixing.Model, h hash.Hash) *Model {
	p := mixing.NewOnlyPredictor(m)
	for i, g := range golden(m.Dictionary) {
		code, _ := p.Encode(nil, []byte{byte(i)}, g)
		fmt.Fprintf(h, "%d %d:", len(g), len(code))
		h.Write(code)
	}
	p.End()
	return &Model{mixing: m, id: ID(h.Sum(nil)), only: p}
}

// golden are the payloads whose codes are part of the ID: CBOR, text, a piece of the
// dictionary, bytes that nothing foretells, and the same as a byte string.
func golden(dictionary []byte) [][]byte {
	noise := make([]byte, 64)
	x := uint32(1)
	for i := range noise {
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	return [][]byte{
		[]byte("\xa2\x02\x6em.room.message\x06\xa2\x18\x1b\x6bHello World\x18\x1c\x66m.text"),
		[]byte("Wind NE 4, sea state 3. Ankunft morgen früh, gegen 06:30 UTC."),
		dictionary[:min(len(dictionary), 256)],
		noise,
		append([]byte("\xa1\x01\x58\x20"), noise[:32]...),
	}
}
