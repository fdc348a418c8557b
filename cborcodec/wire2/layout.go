package wire2

import (
	"bytes"
	"encoding/binary"

	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/cborcodec/dialect"
)

// The header byte: its two low bits are the method of the coder, or wrapped.
const (
	wrapped = 3
	// flagsShift is where the six bits begin that name what the message is coded
	// against or, in a wrapped one, say what it is.
	flagsShift = 2
)

// baseless are the flags of a notification that has no base: those of a response are 0.
const baseless = 1<<6 - 1

// Kinds of wrapped payloads.
const (
	// kindControl: one byte follows, what the server has to say itself.
	kindControl = iota
	// kindPadded: the length of a payload (LEB128), the payload, and zeros.
	kindPadded
	// kindPieces: payloads, each with its length (LEB128) in front, whose content belongs
	// together. The flags are those of the first.
	kindPieces
)

// controlUnknown: the request refers to what the server does not know.
const controlUnknown = 1

// Unknown is the response to a request that failed with ErrState.
func Unknown() []byte { return []byte{wrapped | kindControl<<flagsShift, controlUnknown} }

// isUnknown reports whether a response is Unknown.
func isUnknown(payload []byte) bool { return string(payload) == string(Unknown()) }

// First bytes of preludes: what both ends know before a payload arrives.
const (
	preludeRequest  = 0
	preludeResponse = 1
	preludePiece    = 2
)

// requestPrelude is that of a request by a client that writes so. What lies behind the
// first four bytes of a prelude is not about the place.
func requestPrelude(y dialect.Style) []byte {
	return []byte{preludeRequest, 0, 0, 0, y.Form, y.Txn}
}

// responsePrelude is that of a response to the request of a route.
func responsePrelude(route, status int) []byte {
	return []byte{preludeResponse, byte(route >> 8), byte(route), byte(status / 100)}
}

// pack makes a payload of a message: of its flags and what it says. cuts are places where
// a piece may begin.
func (f *Format) pack(dst []byte, flags byte, prelude, message []byte, cuts []int, t *Terms) []byte {
	if t.Tap != nil {
		t.Tap(prelude, message)
	}
	begin := len(dst)
	dst = f.code(dst, flags, prelude, message, cuts, t)
	if t.Padding <= 1 {
		return dst
	}
	inner := append([]byte(nil), dst[begin:]...)
	dst = append(dst[:begin], wrapped|kindPadded<<flagsShift)
	dst = binary.AppendUvarint(dst, uint64(len(inner)))
	dst = append(dst, inner...)
	for (len(dst)-begin)%t.Padding != 0 {
		dst = append(dst, 0)
	}
	return dst
}

func (f *Format) code(dst []byte, flags byte, prelude, message []byte, cuts []int, t *Terms) []byte {
	if !t.Apart || len(cuts) == 0 {
		return f.piece(dst, flags, prelude, message, t)
	}
	dst = append(dst, wrapped|kindPieces<<flagsShift)
	from := 0
	for _, to := range append(cuts, len(message)) {
		if to <= from {
			continue
		}
		piece := f.piece(nil, flags, prelude, message[from:to], t)
		dst = append(binary.AppendUvarint(dst, uint64(len(piece))), piece...)
		from, flags, prelude = to, 0, []byte{preludePiece}
	}
	return dst
}

func (f *Format) piece(dst []byte, flags byte, prelude, message []byte, t *Terms) []byte {
	begin := len(dst)
	dst = f.coder.AppendCoded(dst, prelude, message, t.Policy)
	dst[begin] |= flags << flagsShift
	return dst
}

// unpack is the inverse of pack: it returns the flags and appends the message to dst.
func (f *Format) unpack(dst, prelude, payload []byte, limit int) (flags byte, message []byte, err error) {
	b, err := unwrap(payload)
	if err != nil {
		return 0, dst, err
	}
	message, err = f.decode(dst, prelude, b, limit)
	return b.flags, message, err
}

// body is a payload without what is wrapped around it.
type body struct {
	// flags are those of the payload, or of its first piece.
	flags byte
	// coded is the payload, or the pieces, each with its length in front.
	coded    []byte
	inPieces bool
}

// unwrap finds the body of a payload, for whose flags nothing needs to be decoded.
func unwrap(payload []byte) (body, error) {
	if len(payload) == 0 {
		return body{}, ErrMalformed
	}
	if payload[0]&coder.MethodMask != wrapped {
		return body{flags: payload[0] >> flagsShift, coded: payload}, nil
	}
	rest := payload[1:]
	switch payload[0] >> flagsShift {
	case kindPadded:
		inner, padding, err := cutPiece(rest)
		if err != nil || len(inner) == 0 || len(bytes.Trim(padding, "\x00")) > 0 {
			return body{}, ErrMalformed
		}
		if k := inner[0]; k&coder.MethodMask == wrapped && k>>flagsShift != kindPieces {
			return body{}, ErrMalformed // nothing is padded twice
		}
		return unwrap(inner)
	case kindPieces:
		first, _, err := cutPiece(rest)
		if err != nil || len(first) == 0 {
			return body{}, ErrMalformed
		}
		return body{flags: first[0] >> flagsShift, coded: rest, inPieces: true}, nil
	}
	return body{}, ErrMalformed
}

// decode appends the message of a body to dst.
func (f *Format) decode(dst, prelude []byte, b body, limit int) ([]byte, error) {
	if !b.inPieces {
		return f.coder.AppendDecoded(dst, prelude, b.coded, limit)
	}
	begin := len(dst)
	for rest := b.coded; len(rest) > 0; prelude = []byte{preludePiece} {
		first := len(rest) == len(b.coded)
		piece, after, err := cutPiece(rest)
		if err != nil || len(piece) == 0 || !first && piece[0]>>flagsShift != 0 {
			return dst[:begin], ErrMalformed
		}
		if dst, err = f.coder.AppendDecoded(dst, prelude, piece, limit-(len(dst)-begin)); err != nil {
			return dst[:begin], err
		}
		rest = after
	}
	return dst, nil
}

// cutPiece reads a length and so many bytes.
func cutPiece(b []byte) (piece, rest []byte, err error) {
	length, n := binary.Uvarint(b)
	if n <= 0 || length > uint64(len(b)-n) {
		return nil, nil, ErrMalformed
	}
	return b[n : n+int(length)], b[n+int(length):], nil
}
