package coap

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"

	"github.com/coapgw/coapgw/coap/endpoint"
)

// errBusy answers a request that arrives while the server stops.
func errBusy() *Error {
	return &Error{Status: http.StatusServiceUnavailable, ErrCode: "M_UNKNOWN", Message: "the gateway is stopping"}
}

// run has the http.Handler answer a request and makes the response.
func (s *serverSession) run(req *http.Request, to audience) *endpoint.Response {
	a, problem := s.call(req)
	if problem != nil {
		return s.failure(problem, to)
	}
	return s.respond(validated(a, to.tag), to)
}

// respond makes the response of an answer.
func (s *serverSession) respond(a answer, to audience) *endpoint.Response {
	plain := a.size
	resp, err := s.mapping().encodeResponse(a, to)
	if err != nil {
		_ = closeBody(a.body)
		return s.failure(&Error{Status: http.StatusBadGateway, ErrCode: "M_UNKNOWN", Message: "the homeserver's answer could not be read", Err: err}, to)
	}
	s.book.carried(Content{}, content(plain, codedSize(resp.Options, resp.Size)))
	return resp
}

// call has the http.Handler answer a request. It returns when the answer is
// complete or, for content that is not converted, has begun; the rest is then read
// from the handler as the link drains it.
func (s *serverSession) call(req *http.Request) (answer, *Error) {
	if !s.beginAdmitted() {
		return answer{}, errBusy()
	}
	ctx, cancel := context.WithCancel(req.Context())
	defer s.giveWay(req, cancel)()
	req = req.WithContext(ctx)
	w := newResponseWriter(s.mapping().maxJSON, req.Method == http.MethodHead)
	go func() {
		defer s.running.Done()
		defer cancel()
		defer func() {
			if p := recover(); p != nil {
				if p != http.ErrAbortHandler {
					s.log.Error("the handler of a request panicked", "peer", s.peer.Identity, "panic", p)
				}
				w.abort()
			}
		}()
		s.Handler.ServeHTTP(w, req)
		w.finish()
	}()
	<-w.ready
	a, err := w.answer(cancel)
	if err != nil {
		cancel()
		return answer{}, &Error{Status: http.StatusBadGateway, ErrCode: "M_UNKNOWN", Message: "the homeserver's answer broke off", Err: err}
	}
	return a, nil
}

// responseWriter is the http.ResponseWriter of a request: it gathers what will be
// converted and hands everything else on as it is written.
type responseWriter struct {
	maxJSON int
	head    bool
	header  http.Header
	// ready is closed when the response is complete, has begun to flow, or broke
	// off.
	ready chan struct{}
	once  sync.Once

	status int
	sent   http.Header // the header as of WriteHeader
	buf    bytes.Buffer
	err    error
	// flow is set once the content flows; the pipe holds nothing, so that the
	// homeserver is read no faster than the link drains.
	flow   *io.PipeReader
	writer *io.PipeWriter
}

func newResponseWriter(maxJSON int, head bool) *responseWriter {
	return &responseWriter{maxJSON: maxJSON, head: head, header: make(http.Header), ready: make(chan struct{})}
}

// Header implements http.ResponseWriter.
func (w *responseWriter) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter. Informational statuses have no form
// in CoAP and are left out.
func (w *responseWriter) WriteHeader(status int) {
	if w.status != 0 || status < 200 {
		return
	}
	w.status, w.sent = status, w.header.Clone()
}

// smallBody is how much content is gathered before it flows: a response of one
// datagram must not be cut in two.
const smallBody = 8 << 10

// Write implements http.ResponseWriter.
func (w *responseWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.head || !hasContent(w.status) {
		return len(p), nil
	}
	if w.writer == nil {
		limit := smallBody
		if isJSON(w.sent.Get("Content-Type")) {
			limit = w.maxJSON
		}
		if w.buf.Len()+len(p) <= limit {
			return w.buf.Write(p)
		}
		w.flow, w.writer = io.Pipe()
		w.once.Do(func() { close(w.ready) })
	}
	return w.writer.Write(p)
}

// hasContent reports whether a response of that status may have content (RFC 9110
// §6.4.1).
func hasContent(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

// Flush implements http.Flusher. There is nothing to flush: what is gathered
// cannot be sent before it is whole, and the rest is not buffered.
func (w *responseWriter) Flush() {}

// finish ends the response after the handler returned.
func (w *responseWriter) finish() {
	w.WriteHeader(http.StatusOK)
	if w.writer != nil {
		_ = w.writer.Close()
	}
	w.once.Do(func() { close(w.ready) })
}

// abort breaks the response off.
func (w *responseWriter) abort() {
	w.err = errHandlerAborted
	if w.writer != nil {
		_ = w.writer.CloseWithError(errHandlerAborted)
	}
	w.once.Do(func() { close(w.ready) })
}

var errHandlerAborted = errors.New("coap: the handler aborted the response")

// answer returns the response. It is called once, after ready; cancel ends the
// handler when the body is closed.
func (w *responseWriter) answer(cancel context.CancelFunc) (answer, error) {
	if w.flow == nil {
		a := answer{status: w.status, header: w.sent, size: int64(w.buf.Len())}
		if w.err != nil {
			return a, w.err
		}
		if w.buf.Len() > 0 {
			a.body = bytes.NewReader(w.buf.Bytes())
		}
		return a, nil
	}
	a := answer{status: w.status, header: w.sent, size: -1}
	if n, err := strconv.ParseInt(w.sent.Get("Content-Length"), 10, 64); err == nil && n >= int64(w.buf.Len()) {
		a.size = n
	}
	a.body = &flowingBody{Reader: io.MultiReader(&w.buf, w.flow), pipe: w.flow, cancel: cancel}
	return a, nil
}

// flowingBody is content that the handler is still writing.
type flowingBody struct {
	io.Reader
	pipe   *io.PipeReader
	cancel context.CancelFunc
}

// Close tells the handler that nobody reads on.
func (b *flowingBody) Close() error {
	err := b.pipe.CloseWithError(errAborted)
	b.cancel()
	return err
}
