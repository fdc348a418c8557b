package wire2

import (
	"github.com/fxamacker/cbor/v2"

	"github.com/coapgw/coapgw/cborcodec/idtable"
)

// stateTag begins a state item: a map under the tag that otherwise marks insertions,
// which are strings.
const stateTag = 0xc0 | 22

// stateItem is what a message says of the tables where the header byte does not. As a
// rule it says nothing and is absent.
type stateItem struct {
	Ack    *uint64 `cbor:"0,keyasint,omitempty"`
	Dead   uint64  `cbor:"1,keyasint,omitempty"`
	Number *uint64 `cbor:"2,keyasint,omitempty"`
	First  *uint64 `cbor:"3,keyasint,omitempty"`
	Top    *uint64 `cbor:"4,keyasint,omitempty"`
	// Since is the reference of the sync token from which a notification goes on.
	Since *int64  `cbor:"5,keyasint,omitempty"`
	Asked *uint64 `cbor:"6,keyasint,omitempty"`
}

// appendState appends the state item of a message, if it needs one. based says that
// the message has a base in its sender's table.
func appendState(dst []byte, s idtable.State, based bool, since *int64) []byte {
	item := stateItem{Dead: s.Dead, Since: since}
	if s.HasAck {
		item.Ack = &s.Ack
	}
	if s.Inserts && (!based || s.Number != 0 || s.First != 0) {
		item.Number, item.First = &s.Number, &s.First
	}
	if s.HasTop {
		item.Top = &s.Top
	}
	if s.HasAsked {
		item.Asked = &s.Asked
	}
	if item == (stateItem{}) {
		return dst
	}
	b, err := cbor.Marshal(item)
	if err != nil {
		panic(err) // integers always have a form
	}
	return append(append(dst, stateTag), b...)
}

// stateReader refuses members that it does not know: they would mean something.
var stateReader = func() cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField, MaxMapPairs: 16,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return m
}()

// cutState reads the state item, if there is one.
func cutState(message []byte) (s idtable.State, since *int64, rest []byte, err error) {
	if len(message) < 2 || message[0] != stateTag || message[1]>>5 != 5 {
		return s, nil, message, nil
	}
	var item stateItem
	rest, err = stateReader.UnmarshalFirst(message[1:], &item)
	if err != nil {
		return s, nil, nil, ErrMalformed
	}
	s.Dead = item.Dead
	if item.Ack != nil {
		s.HasAck, s.Ack = true, *item.Ack
	}
	if item.Number != nil {
		s.Inserts, s.Number = true, *item.Number
	}
	if item.First != nil {
		s.Inserts, s.First = true, *item.First
	}
	if item.Top != nil {
		s.HasTop, s.Top = true, *item.Top
	}
	if item.Asked != nil {
		s.HasAsked, s.Asked = true, *item.Asked
	}
	return s, item.Since, rest, nil
}
