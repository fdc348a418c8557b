package coap

import (
	"bytes"

	"github.com/coapgw/coapgw/coap/link"
)

// The value of OptionGateway is a hello: one byte with the level of the rules that
// its sender knows and, from helloLink on, the link by which it goes, as
// link.AppendWire writes it. A client leaves out the link of link.Default, a server
// the one that the request told. So each end knows which times the other one goes
// by, and where they are those of a built-in profile at both, it costs one byte
// once.
const (
	// helloLink is the level from which on a hello may tell a link, and its sender
	// has the message layer of package endpoint.
	helloLink = 2
	// gatewayLevel is the level that this code sends: the rules of docs/wire-v1.md.
	gatewayLevel = helloLink
)

// newHello returns the hello of an end whose link has this wire form, for an end
// that expects the other one.
func newHello(wire, expected []byte) []byte {
	hello := []byte{gatewayLevel}
	if bytes.Equal(wire, expected) {
		return hello
	}
	return append(hello, wire...)
}

// clientHello is the hello of a client with profile p.
func clientHello(p link.Profile) []byte {
	return newHello(p.AppendWire(nil), link.Default().AppendWire(nil))
}

// knowsLinks reports whether the sender of a hello has at least helloLink. An empty
// hello asks who we are and says nothing of its sender.
func knowsLinks(hello []byte) bool { return len(hello) > 0 && hello[0] >= helloLink }

// linkIn returns the wire form of the link that a hello tells, empty for none.
func linkIn(hello []byte) []byte {
	if !knowsLinks(hello) {
		return nil
	}
	return hello[1:]
}

// agree takes from the answer to a request that told our link by which one the peer
// goes. When it was refused, what we send from now on is repeated for no longer than
// the peer remembers it. s.mu is held.
func (s *session) agree(hello []byte, refused bool) {
	if s.agreed {
		return
	}
	s.agreed = true
	s.memory.changed()
	if !knowsLinks(hello) {
		return // its message layer may know less than ours
	}
	theirs := linkIn(hello)
	if len(theirs) == 0 {
		theirs = s.profile.AppendWire(nil)
	}
	s.goBy(theirs, refused)
}

// goBy has the message layer know by which link the peer goes, in its wire form, and
// whether it refused ours. s.mu is held.
func (s *session) goBy(wire []byte, refused bool) {
	s.theirs, s.refused = wire, refused
	theirs, err := link.ParseWire(wire)
	if err != nil {
		theirs = link.Default() // which every peer remembers for
	}
	if refused {
		ours, _ := link.BoundsOf(theirs).Clamp(s.profile)
		s.conn.Adopt(ours)
	}
	s.conn.SetPeer(theirs)
}
