package coder

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
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
// follows what. It is immutable and safe for concurrent use.
type Model struct {
	mixing *mixing.Model
	id     ID
	// noMixing: there is the dictionary alone.
	noMixing bool
	// spare is what identify has used, for a first worker.
	spare *atomic.Pointer[mixing.Predictor]
}

// ID identifies a model together with the algorithm: equal IDs code alike.
type ID [sha256.Size]byte

// String is the ID in hexadecimal.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Shipped unpacks the model in the binary. It takes some milliseconds and 2 MB, and as much
// for a first worker: do it once. An error means that the binary is damaged.
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
	in := flate.NewReader(bytes.NewReader(packed))
	// Most of a model is dense: one allocation does.
	plain := bytes.NewBuffer(make([]byte, 0, min(len(packed)+len(packed)/2, maxModel)))
	if _, err := plain.ReadFrom(io.LimitReader(in, maxModel)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	m, err := mixing.ParseModel(plain.Bytes())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	p := mixing.NewPredictor(m)
	spare := new(atomic.Pointer[mixing.Predictor])
	id := identify(p, m, plain.Bytes())
	spare.Store(p)
	return &Model{mixing: m, id: id, spare: spare}, nil
}

// predictor returns one for a worker.
func (m *Model) predictor() *mixing.Predictor {
	if p := m.spare.Swap(nil); p != nil {
		return p
	}
	return mixing.NewPredictor(m.mixing)
}

// ID is the hash of the algorithm's version, the dictionary, the tables, and what
// golden payloads become: two builds that would code differently differ in it, even
// when that is a compiler's fault.
func (m *Model) ID() ID { return m.id }

func identify(p *mixing.Predictor, m *mixing.Model, plain []byte) ID {
	h := sha256.New()
	h.Write(plain) // the version is its first byte
	for i, g := range golden(m.Dictionary) {
		code, _ := p.Encode(nil, []byte{byte(i)}, g)
		fmt.Fprintf(h, "%d %d:", len(g), len(code))
		h.Write(code)
	}
	return ID(h.Sum(nil))
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
