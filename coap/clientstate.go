package coap

import (
	"encoding/binary"
	"time"

	"github.com/coapgw/coapgw/coap/endpoint"
)

// What a client keeps of a session with a coapgw, beyond its own life: that the peer
// is one, by which link it goes, the slots that it has confirmed, and what was learnt of
// the way there. The server has
// kept as much (see serverstate.go), so that the next request needs no introduction.
//
//	version, flags, link of the peer, seconds of silence that a mapping survives, and
//	that it does not, what was agreed of version 2, last slot, slots: number, token
const clientStateVersion = 3

// mostSilent bounds what is taken for the silence of a mapping, in seconds.
const mostSilent = 1 << 20

// encodeState returns what to keep.
func (s *session) encodeState() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := []byte{clientStateVersion}
	b = appendFlags(b, s.kind == PeerGateway, s.agreed, s.refused, s.resettable, s.offered)
	b = appendText(b, s.theirs)
	s.way = s.conn.Mapping()
	b = binary.AppendUvarint(b, uint64(s.way.Lasts/time.Second))
	b = binary.AppendUvarint(b, uint64(s.way.Dies/time.Second))
	b = s.agreed2.append(b)
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
	var gateway, agreed, refused, resettable, offered bool
	in.flags(&gateway, &agreed, &refused, &resettable, &offered)
	theirs := in.bytes()
	var way endpoint.Mapping
	way.Lasts = time.Duration(in.number(mostSilent)) * time.Second
	way.Dies = time.Duration(in.number(mostSilent)) * time.Second
	agreed2 := in.bytes()
	slots := clientSlots{last: uint32(in.number(maxSlot))}
	for len(in.rest) > 0 {
		number := uint32(in.number(uint64(slots.last)))
		slots.put(string(in.bytes()), clientSlot{number: number, confirmed: true})
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
	if a := s.version2.kept(agreed2); a != nil {
		s.offered = offered
		s.begin2(a)
	} // else: this program knows other formats than its earlier life, or knows now of some
	s.way = way
	s.conn.SetMapping(way)
	if len(theirs) > 0 {
		s.goBy(theirs, refused)
	}
	return nil
}

// lookBack sees whether something was learnt of the way to the peer.
func (s *session) lookBack() {
	way := s.conn.Mapping()
	s.mu.Lock()
	defer s.mu.Unlock()
	if way != s.way {
		s.memory.changed()
	}
}
