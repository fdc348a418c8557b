package wire2

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/coapgw/coapgw/cborcodec"
	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/cborcodec/dialect"
	"github.com/coapgw/coapgw/cborcodec/idtable"
)

// layoutVersion is part of the ID: that of everything which neither tables nor model
// say, from the header byte to the rules of package idtable.
const layoutVersion = 1

// ID identifies a format: equal IDs understand each other. It is short, since it goes
// over the link; whoever picks one on purpose harms himself.
type ID [4]byte

// String is the ID in hexadecimal.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Format is what both ends of all sessions must have in common. It is safe for concurrent
// use.
type Format struct {
	coder *coder.Coder
	id    ID
}

// NewFormat returns the format with a model; at most workers payloads are coded at the
// same time, each of which takes up to 3.7 MB.
func NewFormat(m *coder.Model, workers int) *Format { return newFormat(coder.New(m, workers)) }

func newFormat(c *coder.Coder) *Format {
	tables, model := dialect.Tables(), c.Model().ID()
	h := sha256.New()
	h.Write([]byte{layoutVersion})
	h.Write(tables[:])
	h.Write(model[:])
	f := &Format{coder: c}
	copy(f.id[:], h.Sum(nil))
	return f
}

// Shipped returns the format that is in the binary, see NewFormat; a single worker takes 2 MB
// less than each of more. It takes some milliseconds: do it once. An error means that the
// binary is damaged.
func Shipped(workers int) (*Format, error) { return ShippedFor(coder.Server, workers) }

// ShippedFor is Shipped for a device of that class: without Mixing it takes next to no memory.
func ShippedFor(c coder.Class, workers int) (*Format, error) {
	m, err := coder.ShippedFor(c)
	if err != nil {
		return nil, err
	}
	if workers == 1 { // the model is nobody else's
		return newFormat(coder.NewAlone(m)), nil
	}
	return NewFormat(m, workers), nil
}

// ID identifies the format.
func (f *Format) ID() ID { return f.id }

// Terms are what both ends of a session have agreed on, and how this one writes.
type Terms struct {
	// Home is the name of the home server as identifiers have it, empty for unknown.
	Home string
	// Size is how many entries of each table are referred to, from idtable.MinSize to
	// idtable.MaxSize; 0 for no tables.
	Size int
	// Policy is what this end and the other one allow the coder.
	Policy coder.Policy
	// Padding, where it is not 0, makes payloads a multiple of so many bytes, so that
	// their length tells less.
	Padding int
	// Apart codes the rooms of a /sync apart from each other, so that who writes into one
	// learns nothing of another from the length.
	Apart bool
	// Limits bound single messages.
	Limits cborcodec.Limits
	// Tap, for measuring and training, is called with what goes into the coder.
	Tap func(prelude, payload []byte)
}

// size is that of the tables.
func (t *Terms) size() int {
	if t.Size <= 0 {
		return 0
	}
	return min(max(t.Size, idtable.MinSize), idtable.MaxSize)
}

// limit is the longest payload that is decoded, in bytes.
func (t *Terms) limit() int {
	if t.Limits.MaxInput > 0 {
		return t.Limits.MaxInput
	}
	return cborcodec.DefaultMaxInput
}
