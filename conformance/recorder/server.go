package recorder

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
)

// A Recorder is an http.Handler that records what arrives and what it answers.
type Recorder struct {
	journal
	next http.Handler
}

// New returns a Recorder in front of next: Scripted, or a reverse proxy. Request
// bodies are read wholly before next is called, so that they are recorded even
// where next does not read them.
func New(next http.Handler) *Recorder { return &Recorder{next: next} }

// ServeHTTP implements http.Handler.
func (rec *Recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	e := Exchange{Request: Request{Method: r.Method, URI: requestURI(r), Header: r.Header.Clone(), Body: body}}
	if err != nil {
		e.Err = fmt.Errorf("read the request body: %w", err)
		rec.add(e)
		panic(http.ErrAbortHandler) // there is no request that could be answered
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	capture := &capture{ResponseWriter: w}
	defer func() {
		// Also when next panics, as a reverse proxy does when its client leaves.
		e.Response = capture.response()
		e.Err = capture.err
		rec.add(e)
	}()
	rec.next.ServeHTTP(capture, r)
}

// Scripted returns a handler that answers by a script.
func Scripted(answer Answer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		resp := answer(r.Context(), Request{Method: r.Method, URI: requestURI(r), Header: r.Header.Clone(), Body: body})
		// No Content-Type in the script means none on the wire: nil keeps net/http
		// from guessing one.
		w.Header()["Content-Type"] = nil
		maps.Copy(w.Header(), resp.Header)
		if resp.Status == 0 {
			resp.Status = http.StatusOK
		}
		w.WriteHeader(resp.Status)
		if len(resp.Body) > 0 {
			// A client that has gone cannot be told; Recorder notes the error.
			_, _ = w.Write(resp.Body)
		}
	})
}

// capture copies a response while it is written.
type capture struct {
	http.ResponseWriter
	status int
	header http.Header
	body   bytes.Buffer
	err    error
}

// Unwrap lets http.ResponseController reach Flush and the deadlines.
func (c *capture) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *capture) WriteHeader(status int) {
	// 1xx responses come before the final one (RFC 9110 section 15.2).
	if c.status == 0 && status >= http.StatusOK {
		c.status, c.header = status, c.Header().Clone()
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *capture) Write(p []byte) (int, error) {
	if c.status == 0 {
		c.WriteHeader(http.StatusOK)
	}
	n, err := c.ResponseWriter.Write(p)
	c.body.Write(p[:n])
	if err != nil && c.err == nil {
		c.err = fmt.Errorf("write the response: %w", err)
	}
	return n, err
}

func (c *capture) response() Response {
	if c.status == 0 { // the handler wrote nothing: net/http answers 200
		return Response{Status: http.StatusOK, Header: c.Header().Clone()}
	}
	return Response{Status: c.status, Header: c.header, Body: c.body.Bytes()}
}
