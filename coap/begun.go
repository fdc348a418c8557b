package coap

import (
	"net/http"
	"slices"
	"time"

	"github.com/coapgw/coapgw/coap/endpoint"
)

// maxBegun bounds the requests of a session that are remembered as begun. A client
// repeats what was not acknowledged, which on a slow link is one message, and NSTART
// on any other.
const maxBegun = 64

// begunRequests are the POSTs and PATCHes that a session has begun to execute, oldest
// first. The message layer recognises a message that is repeated while the server lives;
// these are kept for the case that it dies in between, for they must not be done twice
// (RFC 9110 §9.2.2, RFC 5789 §2).
type begunRequests []begunRequest

type begunRequest struct {
	fingerprint endpoint.Fingerprint
	// at is when it was begun, or restored: the clock may have been set in between, so
	// that nobody knows how long ago it was.
	at time.Time
	// earlier: it was begun in an earlier life of the server.
	earlier bool
}

// add remembers a request. It reports false for one that was begun in an earlier life
// and may have been executed. lifetime is EXCHANGE_LIFETIME (RFC 7252 §4.8.2): then
// nobody repeats it any more.
func (b *begunRequests) add(f endpoint.Fingerprint, now time.Time, lifetime time.Duration) bool {
	*b = slices.DeleteFunc(*b, func(r begunRequest) bool { return now.Sub(r.at) > lifetime })
	if slices.ContainsFunc(*b, func(r begunRequest) bool { return r.earlier && r.fingerprint == f }) {
		return false
	}
	if len(*b) >= maxBegun {
		*b = slices.Delete(*b, 0, 1)
	}
	*b = append(*b, begunRequest{fingerprint: f, at: now})
	return true
}

// remember makes durable what the peer may rely on when it has the answer to r. Before
// a request has an effect, no earlier datagram can be sent again by somebody who
// recorded it; and of one that must not be done twice it is known that it was begun. It
// returns the response to a request that must not be executed.
func (s *serverSession) remember(r *endpoint.Request) *endpoint.Response {
	once := r.Fingerprint != (endpoint.Fingerprint{})
	if once && !r.Fresh && !s.carrier.Durable() && s.carrier.Incarnation() > 0 {
		// Nothing shows that somebody has not kept it from an earlier life.
		return r.Challenge()
	}
	if r.Code == endpoint.GET || r.Code == endpoint.FETCH || !s.carrier.Durable() {
		// Whatever was not stored the peer learns as unknown, and tells again.
		_ = s.memory.keep()
		return nil
	}
	if once && !s.firstTime(r.Fingerprint) {
		return s.failure(&Error{
			Status: http.StatusGatewayTimeout, ErrCode: "M_UNKNOWN",
			Message: "the gateway was restarted while it handled this request, which may have been carried out",
		}, audience{gateway: true})
	}
	err := s.memory.keep()
	if err == nil {
		err = s.carrier.Mark() // which has nothing to write where keep has just written
	}
	if err != nil {
		return s.failure(&Error{
			Status: http.StatusServiceUnavailable, ErrCode: "M_UNKNOWN",
			Message: "the gateway cannot write to its store of sessions",
		}, audience{gateway: true})
	}
	return nil
}

// firstTime notes that a request is begun. It reports false when it was begun in an earlier
// life.
func (s *serverSession) firstTime(f endpoint.Fingerprint) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.memory.changed()
	return s.begun.add(f, time.Now(), s.link.Load().profile.ExchangeLifetime())
}
