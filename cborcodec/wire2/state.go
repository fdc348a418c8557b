package wire2

import (
	"github.com/coapgw/coapgw/cborcodec"
	"github.com/coapgw/coapgw/cborcodec/idtable"
)

// stateTag begins a state item: a map under the tag that otherwise marks insertions,
// which are strings.
const stateTag = 0xc0 | 22

// Members of the state item: what a message says of the tables where the header byte does
// not. As a rule it says nothing and is absent.
const (
	stateAck = iota
	stateDead
	stateNumber
	stateFirst
	stateTop
	// stateSince is the reference of the sync token from which a notification goes on.
	stateSince
	stateAsked
	stateMembers
)

// appendState appends the state item of a message, if it needs one. based says that
// the message has a base in its sender's table.
func appendState(dst []byte, s idtable.State, based bool, since *int64) []byte {
	var members []byte
	n := 0
	say := func(member, value uint64) {
		n++
		members = cborcodec.AppendUint(cborcodec.AppendUint(members, member), value)
	}
	if s.HasAck {
		say(stateAck, s.Ack)
	}
	if s.Dead != 0 {
		say(stateDead, s.Dead)
	}
	if s.Inserts && (!based || s.Number != 0 || s.First != 0) {
		say(stateNumber, s.Number)
		say(stateFirst, s.First)
	}
	if s.HasTop {
		say(stateTop, s.Top)
	}
	if since != nil {
		n++
		members = cborcodec.AppendInt(cborcodec.AppendUint(members, stateSince), *since)
	}
	if s.HasAsked {
		say(stateAsked, s.Asked)
	}
	if n == 0 {
		return dst
	}
	return append(cborcodec.AppendMap(append(dst, stateTag), n), members...)
}

// cutState reads the state item, if there is one. It refuses members that it does not know:
// they would mean something.
func cutState(message []byte) (s idtable.State, since *int64, rest []byte, err error) {
	if len(message) < 2 || message[0] != stateTag || message[1]>>5 != 5 {
		return s, nil, message, nil
	}
	in := cborcodec.NewItems(message[1:])
	members, err := in.Map()
	if err != nil || members.Indefinite() {
		return s, nil, nil, ErrMalformed
	}
	var seen [stateMembers]bool
	for {
		more, err := in.More(&members)
		if err != nil {
			return s, nil, nil, ErrMalformed
		}
		if !more {
			if seen == ([stateMembers]bool{}) {
				return s, nil, nil, ErrMalformed // it would not be there
			}
			return s, since, in.Rest(), nil
		}
		member, err := in.Uint()
		if err != nil || member >= stateMembers || seen[member] {
			return s, nil, nil, ErrMalformed
		}
		seen[member] = true
		if member == stateSince {
			ref, err := in.Int()
			if err != nil {
				return s, nil, nil, ErrMalformed
			}
			since = &ref
			continue
		}
		value, err := in.Uint()
		if err != nil {
			return s, nil, nil, ErrMalformed
		}
		switch member {
		case stateAck:
			s.HasAck, s.Ack = true, value
		case stateDead:
			s.Dead = value
		case stateNumber:
			s.Inserts, s.Number = true, value
		case stateFirst:
			s.Inserts, s.First = true, value
		case stateTop:
			s.HasTop, s.Top = true, value
		case stateAsked:
			s.HasAsked, s.Asked = true, value
		}
	}
}

// checkRequest refuses what only a notification says, and two names for one base.
func checkRequest(s idtable.State, since *int64) error {
	if since != nil || s.HasAsked || s.HasAck && s.Server != 0 {
		return ErrMalformed
	}
	return nil
}

// checkAnswer refuses what only a request says and, in a response, what only a notification does.
func checkAnswer(s idtable.State, since *int64, response bool) error {
	if s.HasAck || s.Dead != 0 || response && (since != nil || s.HasAsked) {
		return ErrMalformed
	}
	return nil
}
