package coap

import (
	"encoding/binary"
	"time"

	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
)

// What a server keeps of a session beyond its own life is what the peer may rely on:
// what the server knows of it, the slots, and which requests were begun.
//
//	version, flags, link, sticky token, what was agreed of version 2,
//	number of slots, slots: number, token; number of observations, their tokens;
//	requests begun: fingerprint
const serverStateVersion = 4

// encodeState returns what to keep.
func (s *serverSession) encodeState() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := []byte{serverStateVersion}
	b = appendFlags(b, s.gateway, s.met, s.told, s.integerKeys)
	b = appendText(b, s.link.Load().wire)
	b = appendText(b, s.sticky)
	b = s.agreed2.append(b)
	b = binary.AppendUvarint(b, uint64(len(s.slots.byName)))
	for number, slot := range s.slots.byName {
		b = binary.AppendUvarint(b, uint64(number))
		b = appendText(b, slot.token)
	}
	b = s.observers.appendTo(b)
	for _, r := range s.begun {
		b = append(b, r.fingerprint[:]...)
	}
	return b
}

// restore takes over what an earlier life has kept.
func (s *serverSession) restore() {
	kept, err := s.carrier.State()
	if err == nil && len(kept) > 0 {
		err = s.decodeState(kept)
	}
	if err != nil {
		s.log.Warn("what was known of a session is lost", "peer", s.peer.Identity, "err", err)
	}
}

func (s *serverSession) decodeState(kept []byte) error {
	in := state{rest: kept}
	if in.number(serverStateVersion) != serverStateVersion {
		return errState
	}
	var gateway, met, told, integerKeys bool
	in.flags(&gateway, &met, &told, &integerKeys)
	wire, sticky, agreed2 := in.bytes(), string(in.bytes()), in.bytes()
	var slots serverSlots
	for range in.number(maxServerSlots) {
		number := uint32(in.number(maxSlot))
		slots.define(number, string(in.bytes()))
	}
	var observed observers
	observed.read(&in)
	var begun begunRequests
	for len(in.rest) > 0 {
		r := begunRequest{at: time.Now(), earlier: true}
		if len(in.rest) < len(r.fingerprint) {
			return errState
		}
		r.fingerprint = endpoint.Fingerprint(in.rest[:len(r.fingerprint)])
		in.rest = in.rest[len(r.fingerprint):]
		begun = append(begun, r)
	}
	profile, err := link.ParseWire(wire)
	if in.end() != nil || err != nil {
		return errState
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gateway, s.met, s.told, s.integerKeys = gateway, met, told, integerKeys
	s.sticky, s.slots, s.begun, s.observers = sticky, slots, begun, observed
	if a := s.Version2.kept(agreed2); a != nil {
		s.begin2(a)
	}
	switch {
	case told:
		// It was granted; the operator's bounds may be narrower by now, but the peer
		// goes by this one.
		s.link.Store(newServerLink(profile, s.link.Load().mapping))
		s.wake = func(c *endpoint.Conn) { c.Adopt(profile) }
	case met:
		s.wake = func(c *endpoint.Conn) { c.SetPeer(link.Default()) }
	}
	return nil
}
