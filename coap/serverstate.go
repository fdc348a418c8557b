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
//	number of slots, slots: number, token; number of digests of key counts, these: slot,
//	digest; number of observations, their tokens; requests begun: fingerprint
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

// keptState is what a store has of a session.
type keptState struct {
	gateway, met, told, integerKeys bool
	wire                            []byte
	sticky                          string
	agreed2                         []byte
	slots                           serverSlots
	observers                       observers
	begun                           begunRequests
}

// readState reads what encodeState has written.
func readState(kept []byte) (k keptState, err error) {
	in := state{rest: kept}
	if in.number(serverStateVersion) != serverStateVersion {
		return k, errState
	}
	in.flags(&k.gateway, &k.met, &k.told, &k.integerKeys)
	k.wire, k.sticky, k.agreed2 = in.bytes(), string(in.bytes()), in.bytes()
	for range in.number(maxServerSlots) {
		number := uint32(in.number(maxSlot))
		k.slots.define(number, string(in.bytes()))
	}
	k.observers.read(&in)
	for len(in.rest) > 0 {
		r := begunRequest{at: time.Now(), earlier: true}
		if len(in.rest) < len(r.fingerprint) {
			return k, errState
		}
		r.fingerprint = endpoint.Fingerprint(in.rest[:len(r.fingerprint)])
		in.rest = in.rest[len(r.fingerprint):]
		k.begun = append(k.begun, r)
	}
	return k, in.end()
}

// observed reports whether the client of a session, of which this is kept, observes
// something.
func observed(kept []byte) bool {
	k, err := readState(kept)
	return err == nil && len(k.observers.kept) > 0
}

func (s *serverSession) decodeState(kept []byte) error {
	k, err := readState(kept)
	if err != nil {
		return err
	}
	profile, err := link.ParseWire(k.wire)
	if err != nil {
		return errState
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gateway, s.met, s.told, s.integerKeys = k.gateway, k.met, k.told, k.integerKeys
	s.sticky, s.slots, s.begun, s.observers = k.sticky, k.slots, k.begun, k.observers
	if a := s.Version2.kept(k.agreed2); a != nil {
		s.begin2(a)
	}
	switch {
	case k.told:
		// It was granted; the operator's bounds may be narrower by now, but the peer
		// goes by this one.
		s.link.Store(newServerLink(profile, s.link.Load().mapping))
		s.wake = func(c *endpoint.Conn) { c.Adopt(profile) }
	case k.met:
		s.wake = func(c *endpoint.Conn) { c.SetPeer(link.Default()) }
	}
	return nil
}
