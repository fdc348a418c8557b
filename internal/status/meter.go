package status

import (
	"io"
	"net/http"
	"sync/atomic"
)

// Meter counts HTTP exchanges as their client sees them. The zero value is ready; all
// methods may be called concurrently, and on nil.
type Meter struct {
	requests, withBody, bodyBytes, firstBytes, restBytes atomic.Uint64
}

// Counts is what the cost of HTTP exchanges is estimated from.
type Counts struct {
	// Requests are all, WithBody those that have a body, of BodyBytes in sum.
	Requests, WithBody, BodyBytes uint64
	// FirstBytes are those of the first thousand of each response body, RestBytes the others:
	// short bodies compress worse.
	FirstBytes, RestBytes uint64
}

// firstBytes is how much of a body compresses badly.
const firstBytes = 1000

// Count adds one exchange whose bodies have these lengths.
func (c *Counts) Count(request, response int) {
	c.Requests++
	if request > 0 {
		c.WithBody++
		c.BodyBytes += uint64(request)
	}
	first := min(response, firstBytes)
	c.FirstBytes += uint64(first)
	c.RestBytes += uint64(response - first)
}

func (c Counts) minus(d Counts) Counts {
	return Counts{
		Requests: since(c.Requests, d.Requests), WithBody: since(c.WithBody, d.WithBody), BodyBytes: since(c.BodyBytes, d.BodyBytes),
		FirstBytes: since(c.FirstBytes, d.FirstBytes), RestBytes: since(c.RestBytes, d.RestBytes),
	}
}

func (c Counts) plus(d Counts) Counts {
	return Counts{
		Requests: c.Requests + d.Requests, WithBody: c.WithBody + d.WithBody, BodyBytes: c.BodyBytes + d.BodyBytes,
		FirstBytes: c.FirstBytes + d.FirstBytes, RestBytes: c.RestBytes + d.RestBytes,
	}
}

// Counts returns what was counted so far.
func (m *Meter) Counts() Counts {
	if m == nil {
		return Counts{}
	}
	return Counts{
		Requests: m.requests.Load(), WithBody: m.withBody.Load(), BodyBytes: m.bodyBytes.Load(),
		FirstBytes: m.firstBytes.Load(), RestBytes: m.restBytes.Load(),
	}
}

// Handler counts what h is asked.
func (m *Meter) Handler(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := &countedBody{ReadCloser: r.Body}
		if r.Body != nil && r.Body != http.NoBody {
			again := *r
			again.Body = body
			r = &again
		}
		counted := &countedWriter{ResponseWriter: w}
		// Also when h panics, which is how half a response ends.
		defer func() {
			var c Counts
			c.Count(body.n, counted.n)
			m.requests.Add(c.Requests)
			m.withBody.Add(c.WithBody)
			m.bodyBytes.Add(c.BodyBytes)
			m.firstBytes.Add(c.FirstBytes)
			m.restBytes.Add(c.RestBytes)
		}()
		h.ServeHTTP(counted, r)
	})
}

type countedBody struct {
	io.ReadCloser
	n int
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += n
	return n, err
}

type countedWriter struct {
	http.ResponseWriter
	n int
}

func (w *countedWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.n += n
	return n, err
}

// Unwrap is for http.ResponseController.
func (w *countedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush implements http.Flusher.
func (w *countedWriter) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }
