package coap

import (
	"io"

	"github.com/coapgw/coapgw/coap/endpoint"
)

// gathering is a body that is read as a whole before it is converted. What all of
// one session hold at a time is bounded: transfers that are begun and never ended
// cost a peer little.
type gathering struct {
	io.Reader
	s    *serverSession
	held int64
}

// isCBOR reports whether the body of a request of version 1 is converted.
func isCBOR(r *endpoint.Request) bool {
	format, ok := r.Options.GetUint(endpoint.ContentFormat)
	return ok && format == formatCBOR
}

// gather has the body of a request, which is converted as a whole, counted until done is
// called.
func (s *serverSession) gather(r *endpoint.Request) (done func()) {
	g := &gathering{Reader: r.Body, s: s}
	r.Body = g
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.gathered -= g.held
	}
}

// Read implements io.Reader. It fails with a *Error when the session holds too much.
func (g *gathering) Read(p []byte) (int, error) {
	n, err := g.Reader.Read(p)
	limit := g.s.bodies.or(g.s.MaxBody)
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	if g.s.gathered+int64(n) > limit {
		return 0, errManyLarge()
	}
	g.s.gathered += int64(n)
	g.held += int64(n)
	return n, err
}
