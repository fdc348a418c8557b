package coap

import (
	"net/http"
	"time"

	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap/endpoint"
)

// agree2 takes the answer to an offer of ours. s.mu is held.
func (s *session) agree2(resp *endpoint.Response) {
	if s.offered {
		return // by a request that was under way at the same time
	}
	s.offered = true
	s.memory.changed()
	answer, ok := resp.Options.Get(OptionOffer)
	if !ok {
		return // the peer knows of no version 2
	}
	a, ok := s.version2.agreed(answer)
	if !ok {
		s.memory.log.Warn("no format of wire version 2 in common with the peer: staying with version 1",
			"format", s.version2.Format.ID())
		return
	}
	s.begin2(&a)
}

// begin2 has the session go by an agreement, with tables that are empty. s.mu is held.
func (s *session) begin2(a *agreement) {
	s.agreed2 = a
	s.client2 = s.version2.format(a.format).NewClient(s.version2.terms(*a, defaultMaxJSON))
}

// forget2 offers anew: the peer does not know what was agreed. s.mu is held.
func (s *session) forget2() {
	s.agreed2, s.client2, s.offered = nil, nil, false
	s.memory.changed()
}

// exchange2 is an exchange of version 2; nil is one of version 1.
type exchange2 struct{ *wire2.Exchange }

func (x *exchange2) refused() {
	if x != nil {
		x.Refused()
	}
}

func (x *exchange2) giveUp(until time.Time) {
	if x != nil {
		x.GiveUp(until)
	}
}

// encode makes the request for the session: of version 2 where that is agreed on and has
// a form for it.
func (t *Transport) encode(s *session, out *outgoing, kind PeerKind) (*endpoint.Request, *exchange2, error) {
	s.mu.Lock()
	c := s.client2
	s.mu.Unlock()
	if kind == PeerGateway && c != nil {
		if req, x, ok := out.encode2(t.mapping, c); ok {
			return req, &exchange2{x}, nil
		}
	}
	req, err := out.encode(t.mapping, kind)
	return req, nil, err
}

// decode restores the response. The error is wire2.ErrUnknown when the request is to be
// made again.
func (t *Transport) decode(s *session, resp *endpoint.Response, r *http.Request, x *exchange2) (*http.Response, error) {
	if x == nil {
		return t.mapping.decodeResponse(resp, r, s.peer())
	}
	return t.mapping.decodeResponse2(resp, r, x.Exchange)
}
