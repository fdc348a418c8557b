package coap

import (
	"errors"

	"github.com/coapgw/coapgw/coap/endpoint"
)

// signature is what sign added to a request.
type signature struct {
	token string
	// slot is the slot that was used or defined, 0 for none.
	slot uint32
	// full: the request carried everything that a peer is to remember.
	full    bool
	version bool
	// hello: it told who we are; offer: which formats of version 2 we know.
	hello, offer bool
}

// errSlotsUsedUp says that a session has seen 65,535 tokens.
var errSlotsUsedUp = errors.New("coap: token slots of the session used up")

// sign adds to a request for a peer of that kind whose request it is, and as long
// as it is needed who we are.
func (s *session) sign(req *endpoint.Request, kind PeerKind, token string) (signature, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sig := signature{token: token}
	if kind != PeerForeign && s.version2 != nil && !s.offered {
		req.Options = req.Options.Add(OptionOffer, s.version2.offer())
		sig.offer = true
	}
	if kind == PeerGateway {
		if !s.agreed { // it was asked who it is, and told nothing
			req.Options = req.Options.Add(OptionGateway, s.hello)
			sig.hello = true
		}
		if token == "" {
			if !s.noTokens {
				req.Options = req.Options.AddUint(OptionSlot, anonymousSlot)
			}
			return sig, nil
		}
		slot, ok := s.slots.slot(token)
		if !ok {
			return sig, errSlotsUsedUp
		}
		sig.slot = slot.number
		if slot.number != impliedSlot {
			req.Options = req.Options.AddUint(OptionSlot, slot.number)
		}
		if !slot.confirmed {
			req.Options = req.Options.AddString(OptionAccessToken, token)
			sig.full = true
		}
		return sig, nil
	}
	if kind == PeerForeign && s.answered {
		return sig, nil
	}
	sig.full = true
	if token != "" {
		req.Options = req.Options.AddString(OptionAccessToken, token)
		if kind == PeerUnknown {
			// Should the peer be a coapgw, this defines the implied slot; claim
			// sees to it that there is only one token to define it.
			slot, _ := s.slots.slot(token)
			sig.slot = slot.number
		}
	}
	if !s.refusesVersion {
		req.Options = req.Options.AddUint(OptionVersion, wireVersion)
		sig.version = true
	}
	if kind == PeerUnknown {
		req.Options = req.Options.Add(OptionGateway, s.hello)
		sig.hello = true
	}
	return sig, nil
}

// verdict says what to do after a response.
type verdict uint8

const (
	deliver verdict = iota
	// again: the request was not executed; encode and send it once more.
	again
	// restarted is again, after the server waited and then was restarted.
	restarted
)

// learn takes from a response what it tells about the peer and the slots.
func (s *session) learn(resp *endpoint.Response, sig signature) verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silence = 0
	switch {
	case resp.Code == endpoint.BadOption && sig.version:
		s.refusesVersion = true
		return again
	case untold(resp):
		return deliver
	}
	s.settle(resp)
	if s.kind == PeerGateway {
		control, _ := resp.Options.GetUint(OptionControl)
		code := controlCode(control)
		if hello, ok := resp.Options.Get(OptionGateway); ok && sig.hello {
			s.agree(hello, code == controlLink)
		}
		if sig.offer {
			s.agree2(resp)
		}
		switch {
		case code.badSlot():
			s.slots.forget(sig.token, sig.slot)
			s.memory.changed()
			return again
		case code == controlVersion:
			s.forget2()
			return again
		case code == controlLink:
			return again
		case code == controlRestart:
			return restarted
		}
		if sig.full && sig.slot != anonymousSlot {
			s.slots.confirm(sig.token, sig.slot)
			s.memory.changed()
		}
		return deliver
	}
	s.answered = s.answered || sig.full
	return deliver
}

// untold reports whether a response may come from a message layer that stored
// nothing and shows nothing of what stands behind it: 4.02, 4.08, 4.13 and 5.03.
func untold(resp *endpoint.Response) bool {
	switch resp.Code {
	case endpoint.BadOption, endpoint.RequestEntityIncomplete, endpoint.RequestEntityTooLarge, endpoint.ServiceUnavailable:
		return !resp.Options.Has(OptionGateway)
	}
	return false
}

// settle decides the kind of a peer by its first telling response.
func (s *session) settle(resp *endpoint.Response) {
	if s.kind != PeerUnknown {
		return
	}
	s.kind = PeerForeign
	if resp.Options.Has(OptionGateway) {
		s.kind = PeerGateway
		s.memory.changed()
	}
	close(s.known)
}
