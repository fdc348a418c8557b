package tracing

import (
	"net/http"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/coapgw/coapgw/coap"
)

// Middleware makes a span of each request that h answers.
func (t *Tracer) Middleware(h http.Handler) http.Handler {
	if t == nil {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := t.context.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		method, route := nameOf(r)
		ctx, span := t.tracer.Start(ctx, method+" "+route, trace.WithSpanKind(trace.SpanKindServer), t.attributes(method, route))
		noted := &notedWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			if p := recover(); p != nil { // half an answer is none
				failed(span)
				span.End()
				panic(p)
			}
			answered(span, noted.status)
			span.End()
		}()
		h.ServeHTTP(noted, r.WithContext(ctx))
	})
}

// Link makes a span of each request that goes over the link by next. What clients were
// answered without one was answered at their own end.
func (t *Tracer) Link(next http.RoundTripper) http.RoundTripper {
	if t == nil {
		return next
	}
	return spanned{t, next, "link ", false}
}

// Homeserver makes a span of each request to the homeserver by next, and lets the homeserver go
// on with the trace.
func (t *Tracer) Homeserver(next http.RoundTripper) http.RoundTripper {
	if t == nil {
		return next
	}
	return spanned{t, next, "homeserver ", true}
}

type spanned struct {
	*Tracer
	next   http.RoundTripper
	prefix string
	tells  bool // the other end about the trace
}

// RoundTrip implements http.RoundTripper. The span ends with the header of the answer.
func (s spanned) RoundTrip(r *http.Request) (*http.Response, error) {
	method, route := nameOf(r)
	ctx, span := s.tracer.Start(r.Context(), s.prefix+method+" "+route, trace.WithSpanKind(trace.SpanKindClient), s.attributes(method, route))
	defer span.End()
	r = r.WithContext(ctx)
	if s.tells && span.SpanContext().IsSampled() {
		r.Header = r.Header.Clone()
		s.context.Inject(ctx, propagation.HeaderCarrier(r.Header))
	}
	resp, err := s.next.RoundTrip(r)
	if err != nil {
		failed(span)
		return nil, err
	}
	answered(span, resp.StatusCode)
	return resp, nil
}

// failed marks a span. Errors are not told: they may name paths, which name people.
func failed(span trace.Span) { span.SetStatus(codes.Error, "") }

// nameOf is what a span says of a request: both are of bounded sets.
func nameOf(r *http.Request) (method, route string) {
	switch method = r.Method; method {
	case http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodOptions, http.MethodHead:
	case "":
		method = http.MethodGet
	default:
		method = "_OTHER"
	}
	return method, coap.Route(r.Method, r.URL.EscapedPath())
}

// notedWriter notes the status.
type notedWriter struct {
	http.ResponseWriter
	status int
	wrote  bool
}

// WriteHeader implements http.ResponseWriter. Informational statuses come before the one
// that counts.
func (w *notedWriter) WriteHeader(status int) {
	if !w.wrote && status >= 200 {
		w.status, w.wrote = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *notedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush implements http.Flusher.
func (w *notedWriter) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }
