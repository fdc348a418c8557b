package coap

import (
	"context"

	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap/endpoint"
)

// admission is what was decided about a request in its order of arrival.
type admission struct {
	token    string
	slot     uint32 // of the token, 0 where the peer has none
	audience audience
	// hello is what the answer says of us, nil for nothing.
	hello []byte
	// reset is the reset token for the answer, nil for none.
	reset []byte
	// offer answers the peer's offer of version 2; nil says nothing of it.
	offer []byte
	// call is the request where it is of version 2, nil otherwise.
	call *wire2.Call
	// probe: the peer asks who this is and nothing else.
	probe bool
	// lost: the peer relies on what this end has forgotten.
	lost bool
	// refuse is set when the request must not be executed.
	refuse *endpoint.Response
}

// Admit implements endpoint.Handler. The token is decided here, in order of
// arrival, because a foreign client's request bears the token of an earlier one.
func (s *serverSession) Admit(r *endpoint.Request) func(context.Context) *endpoint.Response {
	a := s.admit(r)
	if a.lost { // the peer begins anew, where it tells everything
		_ = r.Conn.Close()
		return nil
	}
	return func(ctx context.Context) *endpoint.Response { return s.serve(ctx, r, a) }
}

func (s *serverSession) admit(r *endpoint.Request) admission {
	s.mu.Lock()
	defer s.mu.Unlock()
	var a admission
	s.wakeUp(r.Conn)
	if !understood(r.Options) || s.NoTokens && r.Options.Has(OptionAccessToken) {
		a.refuse = &endpoint.Response{Code: endpoint.BadOption}
		return a
	}
	hello, announced := r.Options.Get(OptionGateway)
	if announced {
		var ok bool
		if a.hello, ok = s.meet(r.Conn, hello); !ok {
			a.refuse = refusal(controlLink)
			return a
		}
		if len(hello) > 0 {
			a.reset = resetToken(s.remote)
		}
		a.probe = len(hello) == 0 && r.Code == endpoint.GET && !r.Options.Has(endpoint.URIPath)
	}
	if v, has := r.Options.GetUint(OptionVersion); has {
		if v > wireVersion {
			a.refuse = &endpoint.Response{Code: endpoint.BadOption}
			return a
		}
		if !s.integerKeys {
			s.integerKeys = true
			s.memory.changed()
		}
	}
	if offer, has := r.Options.Get(OptionOffer); has && s.gateway && s.Version2 != nil {
		a.offer = s.agree2(offer)
	}
	if s.gateway && isVersion2(r) {
		if s.server2 == nil {
			a.refuse = refusal(controlVersion)
			return a
		}
		a.call = s.server2.Admit(r.Life())
	}
	a.audience.gateway = s.gateway
	if accept, has := r.Options.GetUint(endpoint.Accept); has {
		if !offers(r.Code, accept) {
			a.refuse = &endpoint.Response{Code: endpoint.NotAcceptable} // before anything is done
			return a
		}
		a.audience.accept, a.audience.accepts = accept, true
	}
	if s.gateway {
		a.audience.stringKeys = false
		var code controlCode
		a.slot, a.token, code = s.slotToken(r.Options, announced)
		if code != 0 {
			a.refuse = refusal(code)
		}
		return a
	}
	a.audience.stringKeys = !s.integerKeys
	if r.Options.Has(OptionSlot) || r.Options.Has(OptionMethod) || r.Options.Has(OptionEnvelope) {
		// Rules of ours from a peer that never said it knows them (RFC 7252
		// §5.4.1), unless that is what we lost with an earlier life.
		a.refuse = &endpoint.Response{Code: endpoint.BadOption}
		a.lost = s.carrier.Incarnation() > 0
		return a
	}
	if v, has := r.Options.Get(OptionAccessToken); has && len(v) > 0 { // empty is no token: elective, so ignored
		if token := tokenValue(v); token != s.sticky {
			s.sticky = token
			s.memory.changed()
		}
	}
	a.token = s.sticky
	return a
}

// refusal answers a request that is not executed.
func refusal(code controlCode) *endpoint.Response {
	return &endpoint.Response{
		Code:    endpoint.BadRequest,
		Options: endpoint.Options(nil).AddUint(OptionControl, uint32(code)),
	}
}

// slotToken returns the slot and the token that a request of a coapgw bears.
func (s *serverSession) slotToken(opts endpoint.Options, announced bool) (slot uint32, token string, code controlCode) {
	v, defines := opts.Get(OptionAccessToken)
	named := opts.Has(OptionSlot)
	number, _ := opts.GetUint(OptionSlot)
	switch {
	case named:
	case s.NoTokens:
		named = true // slot 0 is implied
	default:
		number = impliedSlot
	}
	switch {
	case defines:
		token := tokenValue(v)
		if number == anonymousSlot || number > maxSlot || !s.slots.define(number, token) {
			return number, "", controlSlotTaken
		}
		s.memory.changed()
		return number, token, 0
	case announced, named && number == anonymousSlot:
		// Before the peer is known a request says everything that it means.
		return number, "", 0
	}
	token, ok := s.slots.token(number)
	if !ok {
		return number, "", controlUnknownSlot
	}
	return number, token, 0
}

// tokenValue reads option 256, which peers send with or without "Bearer "
// (MSC3079).
func tokenValue(v []byte) string {
	if token, ok := bearer(string(v)); ok {
		return token
	}
	return string(v)
}

// sign adds to an answer that this is a coapgw, for a peer that asks.
func (a admission) sign(resp *endpoint.Response) *endpoint.Response {
	if a.offer != nil {
		resp.Options = resp.Options.Add(OptionOffer, a.offer)
	}
	if a.hello != nil {
		resp.Options = resp.Options.Add(OptionGateway, a.hello)
		if a.reset != nil {
			resp.Options = resp.Options.Add(OptionReset, a.reset)
		}
	}
	return resp
}
