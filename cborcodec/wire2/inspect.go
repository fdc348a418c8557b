package wire2

import (
	"bytes"
	"fmt"

	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/cborcodec/dialect"
	"github.com/coapgw/coapgw/cborcodec/idtable"
)

// Opened is a payload taken apart, for people to look at. Slices are of the payload, or of
// what it was decoded to.
type Opened struct {
	// Wrap are the bytes around: those of padding and of the lengths of pieces.
	Wrap int
	// Control is what the server has to say itself, 0 for nothing.
	Control byte
	// Pieces are what was coded, one as a rule, none of a Control.
	Pieces []Piece
	// Flags are the upper bits of the header byte, Baseless among them.
	Flags byte
	// Message is what the pieces decode to, HeadSize how much of it is the state item.
	Message  []byte
	HeadSize int
	State    idtable.State
	// Since is the reference of the sync token from which a notification goes on, nil for
	// none.
	Since *int64
}

// Baseless are the Flags of a notification without a base.
const Baseless = baseless

// Piece is a coded payload with its header byte.
type Piece struct {
	// Header has the method of the coder, see Method, and flags above it.
	Header byte
	// Coded is how many bytes follow the header byte.
	Coded int
	// At is where what it decodes to begins in the Message, Size how much that is.
	At, Size int
	// Cost says what each byte of that costs; its Bytes are nil unless the method is
	// coder.Mixing.
	Cost coder.Cost
}

// Method is how the piece is coded.
func (p *Piece) Method() coder.Method { return coder.Method(p.Header & coder.MethodMask) }

// RequestPrelude is that of a request by a client that writes so.
func RequestPrelude(y dialect.Style) []byte { return requestPrelude(y) }

// OwnBase is the short name of the base in the client's table that the payload of a
// request has, 0 for none.
func OwnBase(request []byte) byte {
	b, _ := unwrap(request) // of none the flags are 0
	return b.flags >> 4
}

// ResponsePrelude is that of a response, or notification, to a request of a route.
func ResponsePrelude(route, status int) []byte { return responsePrelude(route, status) }

// Open takes a payload apart, of which each piece may decode to limit bytes. With an error
// it returns as much as could be read.
func (f *Format) Open(prelude, payload []byte, limit int) (*Opened, error) {
	o := &Opened{}
	if len(payload) == 0 {
		return o, ErrMalformed
	}
	request := len(prelude) > 0 && prelude[0] == preludeRequest
	if !request && isUnknown(payload) { // a server alone says it
		o.Control = controlUnknown
		return o, nil
	}
	rest := payload
	if rest[0] == wrapped|kindPadded<<flagsShift {
		inner, _, err := cutPiece(rest[1:])
		if err != nil || len(inner) == 0 {
			return o, ErrMalformed
		}
		o.Wrap, rest = len(rest)-len(inner), inner
	}
	if rest[0] == wrapped|kindPieces<<flagsShift {
		if err := f.openPieces(o, prelude, rest[1:], limit); err != nil {
			return o, err
		}
	} else if err := f.openPiece(o, prelude, rest, limit); err != nil {
		return o, err
	}
	// What Client and Server take is what is right.
	if _, message, err := f.unpack(nil, prelude, payload, limit); err != nil || !bytes.Equal(message, o.Message) {
		return o, ErrMalformed
	}
	state, since, items, err := cutState(o.Message)
	if err != nil {
		return o, err
	}
	o.State, o.Since, o.HeadSize = state, since, len(o.Message)-len(items)
	if request {
		state.Server = o.Flags & 15
		return o, checkRequest(state, since)
	}
	return o, checkAnswer(state, since, o.Flags == 0)
}

func (f *Format) openPieces(o *Opened, prelude, rest []byte, limit int) error {
	o.Wrap++
	for len(rest) > 0 {
		piece, after, err := cutPiece(rest)
		if err != nil {
			return err
		}
		o.Wrap += len(rest) - len(after) - len(piece)
		rest = after
		if err := f.openPiece(o, prelude, piece, limit-len(o.Message)); err != nil {
			return err
		}
		prelude = []byte{preludePiece}
	}
	return nil
}

func (f *Format) openPiece(o *Opened, prelude, payload []byte, limit int) error {
	if len(payload) == 0 {
		return ErrMalformed
	}
	message, err := f.coder.AppendDecoded(nil, prelude, payload, limit)
	if err != nil {
		return fmt.Errorf("wire2: a piece of %d bytes: %w", len(payload), err)
	}
	p := Piece{Header: payload[0], Coded: len(payload) - 1, At: len(o.Message), Size: len(message)}
	if p.Method() == coder.Mixing {
		p.Cost = f.coder.Cost(prelude, message)
	}
	if len(o.Pieces) == 0 {
		o.Flags = payload[0] >> flagsShift
	}
	o.Pieces = append(o.Pieces, p)
	o.Message = append(o.Message, message...)
	return nil
}

// IsNoBody reports whether the items of a response are those of one without a body.
func IsNoBody(items []byte) bool { return string(items) == noBody }

// Remembered is what both ends remember of a message: what it has taught, and, of an answer
// to a /sync, with what query.
func Remembered(learned dialect.Note, query string) *dialect.Note { return remembered(learned, query) }
