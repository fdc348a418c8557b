package coap

import (
	"sync/atomic"

	"github.com/coapgw/coapgw/coap/endpoint"
)

const defaultMaxBody = 64 << 20

// bodyLimit is the MaxBody of a Server or a Transport, which may change while sessions are
// open.
type bodyLimit struct{ changed atomic.Int64 }

// or returns the limit, which is what was configured until it has changed.
func (l *bodyLimit) or(configured int64) int64 {
	if n := l.changed.Load(); n > 0 {
		return n
	}
	if configured > 0 {
		return configured
	}
	return defaultMaxBody
}

// set changes the limit, and that of the sessions in b.
func (l *bodyLimit) set(bytes int64, b *book) {
	if bytes <= 0 {
		bytes = defaultMaxBody
	}
	l.changed.Store(bytes)
	b.each(func(c *endpoint.Conn) { c.SetMaxBody(bytes) })
}

// SetMaxBody changes MaxBody, for sessions that are open too. It may be called at any time.
func (s *Server) SetMaxBody(bytes int64) { s.bodies.set(bytes, &s.book) }

// SetMaxBody changes MaxBody, for sessions that are open too. It may be called at any time.
func (t *Transport) SetMaxBody(bytes int64) { t.bodies.set(bytes, &t.book) }
