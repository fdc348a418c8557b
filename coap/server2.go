package coap

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/coapgw/coapgw/cborcodec/dialect"
	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap/endpoint"
)

// agree2 takes the peer's offer of formats and returns the answer. s.mu is held.
func (s *serverSession) agree2(offer []byte) (answer []byte) {
	if s.agreed2 != nil && slices.Contains(offered(offer), s.agreed2.format) {
		// By a request that was under way at the same time. What was agreed stays, even if
		// the server would say something else by now: the client takes its first answer.
		return s.Version2.answer(s.agreed2)
	}
	a, ok := s.Version2.choose(offer)
	if !ok && !s.apart2 {
		s.apart2 = true
		s.log.Warn("no format of wire version 2 in common with a peer: staying with version 1",
			"peer", s.peer.Identity, "format", s.Version2.Format.ID())
	}
	if !ok {
		return []byte{}
	}
	s.begin2(&a)
	s.memory.changed()
	return s.Version2.answer(&a)
}

// begin2 has the session go by an agreement, with tables that are empty.
func (s *serverSession) begin2(a *agreement) {
	s.agreed2 = a
	s.server2 = s.Version2.format(a.format).NewServer(s.Version2.terms(*a, defaultMaxJSON), s.carrier.Incarnation())
}

// decode restores the HTTP request of either version. The error is wire2.ErrState, or a
// *Error.
func (s *serverSession) decode(ctx context.Context, r *endpoint.Request, call *wire2.Call) (*http.Request, error) {
	if call != nil {
		return s.mapping().decodeRequest2(r, func(d *dialect.Request, payload []byte) error {
			return s.convert(ctx, call, d, payload)
		})
	}
	req, problem := s.mapping().decodeRequest(r)
	if problem != nil {
		return nil, problem
	}
	return req, nil
}

// notRead answers a request that was not understood.
func (s *serverSession) notRead(err error, a admission) *endpoint.Response {
	var problem *Error
	if errors.As(err, &problem) {
		return a.unread(s.failure(problem, a.audience))
	}
	s.log.Debug("a peer refers to what this end does not know", "peer", s.peer.Identity)
	unknown := wire2.Unknown()
	return &endpoint.Response{Code: endpoint.BadRequest, Body: bytes.NewReader(unknown), Size: int64(len(unknown))}
}

// unread marks a response to a request of version 2 that was not read, so that the client
// does not rely on what stands in it.
func (a *admission) unread(resp *endpoint.Response) *endpoint.Response {
	if a.call != nil && !resp.Options.Has(OptionControl) {
		resp.Options = resp.Options.AddUint(OptionControl, uint32(controlUnread))
	}
	return resp
}

// read lets what follows be coded for the request, which was read.
func (a *admission) read() {
	if call := a.call; call != nil {
		a.audience.code = func(json []byte, status int) ([]byte, error) { return call.Response(nil, json, status) }
	}
}

// notification returns for whom a notification to the observation is made that the
// request began; since is what the peer has. done must be told what became of it.
func (a *admission) notification(since string, blockSize int) (to audience, done func(acknowledged bool)) {
	to = a.audience
	call := a.call
	if call == nil {
		return to, func(bool) {}
	}
	var sent []*wire2.Notification
	whole := true
	to.code = func(json []byte, status int) ([]byte, error) {
		payload, n, err := call.Notification(nil, json, status, since)
		if n != nil {
			sent = append(sent, n)
		}
		// The acknowledgement covers the first block only; what is in the others the client
		// says in its next request.
		whole = whole && len(payload) <= blockSize
		return payload, err
	}
	return to, func(acknowledged bool) {
		for _, n := range sent {
			n.Done(acknowledged && whole)
		}
	}
}
