package coap

import (
	"bytes"

	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
)

// serverLink is the link that a session of a Server goes by. It is immutable.
type serverLink struct {
	profile link.Profile
	wire    []byte // of profile
	mapping *Mapping
}

func newServerLink(p link.Profile, m *Mapping) *serverLink {
	return &serverLink{profile: p, wire: p.AppendWire(nil), mapping: m.over(p)}
}

// mapping returns that of the session's link.
func (s *serverSession) mapping() *Mapping { return s.link.Load().mapping }

// meet takes the hello of a request and returns the one for its answer. The first
// link that a peer tells is granted as far as the operator's bounds allow, and stays.
// ok is false when the session does not go by the link that was told: such a request
// must not be executed, for its sender may repeat it for longer than we remember it.
// s.mu is held.
func (s *serverSession) meet(c *endpoint.Conn, hello []byte) (answer []byte, ok bool) {
	if !s.gateway {
		s.gateway = true
		s.memory.changed()
	}
	silent := link.Default()
	if knowsLinks(hello) && !s.met {
		s.met = true
		s.memory.changed()
		c.SetPeer(silent)
	}
	told := linkIn(hello)
	if len(told) == 0 {
		return newHello(s.link.Load().wire, silent.AppendWire(nil)), true
	}
	p, err := link.ParseWire(told)
	if err == nil {
		told = p.AppendWire(nil) // the shortest form, which not every peer may find
		s.adopt(c, p, told)
	}
	wire := s.link.Load().wire
	return newHello(wire, told), err == nil && bytes.Equal(wire, told)
}

// adopt has the session go by the first link that its peer tells, as far as it is
// granted; a link whose timers cannot work is not. s.mu is held.
func (s *serverSession) adopt(c *endpoint.Conn, told link.Profile, wire []byte) {
	if s.told {
		return
	}
	l := s.link.Load()
	if !bytes.Equal(wire, l.wire) {
		if told.Validate() != nil {
			return
		}
		granted, changed := s.bounds.Clamp(told)
		if changed {
			s.log.Info("a link asks for more than is granted", "peer", s.peer.Identity, "link", told.Name)
		}
		l = newServerLink(granted, l.mapping)
	}
	s.told = true
	s.memory.changed()
	s.link.Store(l)
	c.Adopt(l.profile)
	s.log.Debug("link", "peer", s.peer.Identity, "link", l.profile.Name)
}
