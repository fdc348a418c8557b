package coap

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"

	"github.com/coapgw/coapgw/cborcodec/dialect"
	"github.com/coapgw/coapgw/cborcodec/wire2"
)

// A request is small on the link and may be large in memory: coded, it grows by up to a
// thousand times, and what it refers to makes it grow again. What is converted is bounded
// by what comes out, for a peer pays for what goes in alone.
const (
	// longConversion is from which length on, in bytes, a request is long.
	longConversion = 1 << 20
	// longConversions is how many of those, of all sessions, are converted at a time.
	// Others need not wait.
	longConversions = 2
	// shortConversion is up to which length, in bytes, a request is never refused because of
	// others: there are at most MaxRequests of them in a session.
	shortConversion = 64 << 10
	// ownConverted is how much JSON each session may have in memory, in bytes, whatever
	// others have; sharesConverted is by how much what they have beyond is bounded together,
	// in multiples of MaxBody.
	ownConverted    = 1 << 20
	sharesConverted = 4
)

// conversions are those of all sessions.
type conversions struct {
	long chan struct{} // holds an item for each long one
	// beyond is how many bytes sessions hold beyond ownConverted.
	beyond atomic.Int64
}

func newConversions() *conversions {
	return &conversions{long: make(chan struct{}, longConversions)}
}

// errManyLarge refuses a request because of others.
func errManyLarge() *Error {
	return &Error{Status: http.StatusServiceUnavailable, ErrCode: "M_UNKNOWN", Message: "too many large requests at once"}
}

// convert reads the payload of a request, one at a time of each session. The error is one of
// wire2, or a *Error.
func (s *serverSession) convert(ctx context.Context, call *wire2.Call, d *dialect.Request, payload []byte) error {
	s.converting.Lock()
	defer s.converting.Unlock()
	err := call.RequestWithin(d, payload, longConversion)
	if !errors.Is(err, wire2.ErrTooLong) {
		return err
	}
	select {
	case s.conversions.long <- struct{}{}:
	case <-ctx.Done():
		return errManyLarge() // nobody waits for that
	}
	defer func() { <-s.conversions.long }()
	limit := s.bodies.or(s.MaxBody)
	s.mu.Lock()
	held := s.converted
	s.mu.Unlock()
	switch {
	case s.conversions.beyond.Load() >= sharesConverted*limit, held >= limit:
		return errManyLarge()
	case held == 0:
		return call.RequestWithin(d, payload, 2*defaultMaxJSON)
	}
	if err = call.RequestWithin(d, payload, int(limit-held)); errors.Is(err, wire2.ErrTooLong) {
		return errManyLarge()
	}
	return err
}

// hold counts n bytes of JSON that a request has in memory until release is called. It
// fails with a *Error when that is too much beside others.
func (s *serverSession) hold(n int64) (release func(), err error) {
	limit, long := s.bodies.or(s.MaxBody), n > shortConversion
	s.mu.Lock()
	defer s.mu.Unlock()
	if long && s.converted > 0 && s.converted+n > limit {
		return nil, errManyLarge()
	}
	beyond := max(s.converted+n, ownConverted) - max(s.converted, ownConverted)
	if all := s.conversions.beyond.Add(beyond); long && beyond > 0 && all > beyond && all > sharesConverted*limit {
		s.conversions.beyond.Add(-beyond)
		return nil, errManyLarge()
	}
	s.converted += n
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.conversions.beyond.Add(max(s.converted-n, ownConverted) - max(s.converted, ownConverted))
		s.converted -= n
	}, nil
}
