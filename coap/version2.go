package coap

import (
	"math/bits"

	"github.com/coapgw/coapgw/cborcodec"
	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/cborcodec/idtable"
	"github.com/coapgw/coapgw/cborcodec/wire2"
)

// Version2 is what an end has of wire version 2, which two coapgw use once both have
// found that they have a format in common. A message says by itself of which version it
// is: a request of version 2 has a payload, but neither Uri-Path nor OptionEnvelope,
// and a response is of the version of its request.
type Version2 struct {
	// Format is what both ends must have alike.
	Format *wire2.Format
	// Older are formats that this end also understands, the best first, for peers that do
	// not have Format yet.
	Older []*wire2.Format
	// Home returns the name of the homeserver as identifiers have it, for Server; empty for
	// unknown, which costs bytes. A Transport learns it.
	Home func() string
	// Entries is how many identifiers of each direction are remembered for a session; the
	// smaller number of both ends counts. 0 means idtable.DefaultSize, below 0 none. A
	// session takes up to about 200 bytes for each.
	Entries int
	// Class bounds what this end has to spend on coding; the zero value is
	// coder.Server.
	Class coder.Class
	// Padding, where it is above 1, makes each payload that this end sends a multiple of so
	// many bytes.
	Padding int
	// Apart codes rooms in one answer apart from each other (docs/security.md).
	Apart bool
}

// entriesLog is the binary logarithm of the entries that the end offers, 0 for none.
func (v *Version2) entriesLog() byte {
	n := v.Entries
	switch {
	case n < 0:
		return 0
	case n == 0:
		n = idtable.DefaultSize
	}
	return byte(bits.Len(uint(min(max(n, idtable.MinSize), idtable.MaxSize))) - 1)
}

// An offer is the value of OptionOffer in a request:
//
//	capabilities, formats of 4 bytes, the one that the client likes best first
//
// and its answer, which is empty where no format is common to both:
//
//	capabilities, the format, name of the home server
//
// Capabilities are one byte: the binary logarithm of the entries of each table, in an
// answer that of both ends (bits 0–3; 0 for no tables), and the class of device (bits
// 4–5).
const (
	offerClassShift = 4
	offerEntries    = 1<<offerClassShift - 1
	// maxOffer bounds an offer: more formats than anyone will ever keep.
	maxOffer = 1 + 16*len(wire2.ID{})
)

func (v *Version2) capabilities() byte { return v.entriesLog() | byte(v.Class)<<offerClassShift }

// offer is what a client says of itself.
func (v *Version2) offer() []byte {
	b := []byte{v.capabilities()}
	for _, f := range v.formats() {
		id := f.ID()
		b = append(b, id[:]...)
	}
	return b[:min(len(b), maxOffer)]
}

// formats are all that this end understands, the best first.
func (v *Version2) formats() []*wire2.Format {
	return append([]*wire2.Format{v.Format}, v.Older...)
}

// format returns the one with that ID, nil for none.
func (v *Version2) format(id wire2.ID) *wire2.Format {
	for _, f := range v.formats() {
		if f.ID() == id {
			return f
		}
	}
	return nil
}

// agreement is what both ends have found. It is immutable.
type agreement struct {
	// entries is the binary logarithm of the entries of each table; class is that of the
	// other end.
	entries byte
	class   coder.Class
	format  wire2.ID
	home    string
}

// offered are the formats of an offer, the one that the client likes best first.
func offered(offer []byte) (ids []wire2.ID) {
	if len(offer) == 0 || len(offer) > maxOffer {
		return nil
	}
	const size = len(wire2.ID{})
	for rest := offer[1:]; len(rest) >= size; rest = rest[size:] {
		ids = append(ids, wire2.ID(rest[:size]))
	}
	return ids
}

// choose takes what both ends have in common from an offer; ok is false for nothing.
func (v *Version2) choose(offer []byte) (a agreement, ok bool) {
	for _, id := range offered(offer) {
		if v.format(id) == nil {
			continue
		}
		a = agreement{entries: min(offer[0]&offerEntries, v.entriesLog()), class: classOf(offer[0]), format: id}
		if v.Home != nil {
			a.home = v.Home()
		}
		return a, true
	}
	return a, false
}

// answer is what the server says of the agreement.
func (v *Version2) answer(a *agreement) []byte {
	b := append([]byte{a.entries | byte(v.Class)<<offerClassShift}, a.format[:]...)
	return append(b, a.home...)
}

// classOf reads the class in a byte of capabilities; what is not known takes least.
func classOf(capabilities byte) coder.Class {
	return min(coder.Class(capabilities>>offerClassShift&3), coder.Microcontroller)
}

// agreed reads the answer to an offer of ours: tables larger than that are refused.
func (v *Version2) agreed(answer []byte) (a agreement, ok bool) {
	var id wire2.ID
	if len(answer) < 1+len(id) {
		return a, false
	}
	id = wire2.ID(answer[1 : 1+len(id)])
	if v.format(id) == nil {
		return a, false
	}
	a = agreement{
		entries: answer[0] & offerEntries, class: classOf(answer[0]),
		format: id, home: string(answer[1+len(id):]),
	}
	return a, a.entries <= v.entriesLog()
}

// terms are how this end goes by the agreement.
func (v *Version2) terms(a agreement, maxJSON int) wire2.Terms {
	t := wire2.Terms{
		Home:    a.home,
		Policy:  v.Class.Policy().And(a.class.Policy()),
		Padding: v.Padding, Apart: v.Apart,
		Limits: cborcodec.Limits{MaxInput: maxJSON, MaxOutput: 2 * maxJSON},
	}
	if a.entries > 0 {
		t.Size = 1 << a.entries
	}
	return t
}

// append writes the agreement for the store of sessions; nil is none.
func (a *agreement) append(dst []byte) []byte {
	if a == nil {
		return appendText(dst, "")
	}
	b := append([]byte{a.entries | byte(a.class)<<offerClassShift}, a.format[:]...)
	return appendText(dst, append(b, a.home...))
}

// kept reads what append wrote. It returns nil unless the format is still that of v.
func (v *Version2) kept(b []byte) *agreement {
	if v == nil || len(b) == 0 {
		return nil
	}
	if a, ok := v.agreed(b); ok {
		return &a
	}
	return nil
}
