package coap

import (
	"encoding/binary"
)

// What a client keeps of a session with a coapgw, beyond its own life: that the peer
// is one, by which link it goes, and the slots that it has confirmed. The server has
// kept as much (see serverstate.go), so that the next request needs no introduction.
//
//	version, flags, link of the peer, last slot, slots: number, token
const clientStateVersion = 1

// encodeState returns what to keep.
func (s *session) encodeState() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := []byte{clientStateVersion}
	b = appendFlags(b, s.kind == PeerGateway, s.agreed, s.refused, s.resettable)
	b = appendText(b, s.theirs)
	b = binary.AppendUvarint(b, uint64(s.slots.last))
	for token, slot := range s.slots.byToken {
		if slot.confirmed {
			b = binary.AppendUvarint(b, uint64(slot.number))
			b = appendText(b, token)
		}
	}
	return b
}

// restore takes over what an earlier life has kept. After an error the session is as
// before.
func (s *session) restore(kept []byte) error {
	if len(kept) == 0 {
		return nil
	}
	in := state{rest: kept}
	if in.number(clientStateVersion) != clientStateVersion {
		return errState
	}
	var gateway, agreed, refused, resettable bool
	in.flags(&gateway, &agreed, &refused, &resettable)
	theirs := in.bytes()
	slots := clientSlots{last: uint32(in.number(maxSlot)), byToken: make(map[string]*clientSlot)}
	for len(in.rest) > 0 {
		number := uint32(in.number(uint64(slots.last)))
		slots.byToken[string(in.bytes())] = &clientSlot{number: number, confirmed: true}
	}
	if err := in.end(); err != nil {
		return err
	}
	if !gateway {
		return nil // a foreign server is asked anew, and told all that it must know
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kind, s.slots = PeerGateway, slots
	close(s.known)
	s.agreed, s.resettable = agreed, resettable
	if len(theirs) > 0 {
		s.goBy(theirs, refused)
	}
	return nil
}
