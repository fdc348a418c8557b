package inspect

import (
	"net/http"
	"slices"

	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/cborcodec/dialect"
	"github.com/coapgw/coapgw/cborcodec/wire2"
)

// What is guessed has so many bytes at most, and decodes to so many: it is decoded once for each
// style, and may have been made to take long.
const (
	maxGuessed = 1 << 10
	maxWhole   = 4 << 10
)

// noStyle is one that no client has.
var noStyle = dialect.Style{Form: 255, Txn: 255}

// StyleOf returns how a client writes that has made a request with this target; ok is false
// where that has no transaction ID.
func StyleOf(target string) (y dialect.Style, ok bool) {
	x := dialect.Context{Style: noStyle}
	r := dialect.Request{Method: http.MethodPut, Target: target, Body: []byte("{}")}
	_, err := dialect.New(unknownHome, limits).AppendRequest(nil, &r, &x)
	return x.Learned.Style, err == nil && x.Learned.Style != noStyle
}

// Assume says how the client writes, where the session was not seen from its beginning.
func (s *Session) Assume(y dialect.Style) { s.guessed, s.told = y, true }

// guess finds how the client of a request writes, where the batch that tells was not seen:
// so that a whole request comes of the payload whose transaction ID, if it has one, is
// written in this way, too, since clients seldom change. One without says nothing, and is
// read as the one before.
func (s *Session) guess(payload []byte) (y dialect.Style, ok bool) {
	if s.told {
		return s.guessed, true
	}
	if len(payload) > maxGuessed {
		return y, false
	}
	if s.guessed != noStyle {
		if left := s.reads(payload, s.guessed); left != nil && (*left == noStyle || *left == s.guessed) {
			return s.guessed, true
		}
	}
	for _, y := range dialect.Styles() {
		if left := s.reads(payload, y); left != nil && *left == y {
			s.guessed = y
			return y, true
		}
	}
	return y, false
}

// reads returns the style that a request in this one leaves behind, nil where that is no
// whole request.
func (s *Session) reads(payload []byte, y dialect.Style) *dialect.Style {
	o, err := s.format.Open(wire2.RequestPrelude(y), payload, maxWhole)
	if err != nil {
		return nil
	}
	x := dialect.Context{Style: noStyle, Solve: &resolver{size: s.size}}
	if s.codec.Explain(o.Message[o.HeadSize:], true, &x, func(*dialect.Part) {}) != nil {
		return nil
	}
	return &x.Learned.Style
}

// mixes reports whether a payload would be another one in another style.
func mixes(o *wire2.Opened) bool {
	return slices.ContainsFunc(o.Pieces, func(p wire2.Piece) bool { return p.Method() == coder.Mixing })
}
