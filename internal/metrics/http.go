package metrics

import (
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/coapgw/coapgw/coap"
)

// Middleware counts the requests that h answers: by method, route and class of status.
func (m *Metrics) Middleware(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun, noted := time.Now(), &notedWriter{ResponseWriter: w}
		defer func() {
			status := classOf(noted.status)
			switch p := recover(); {
			case p != nil: // half an answer is none
				defer panic(p)
				status = failed
			case noted.status == 0:
				status = classOf(http.StatusOK)
			}
			m.requests.WithLabelValues(methodOf(r.Method), routeOf(r.Method, r.URL), status).Inc()
			m.latency.WithLabelValues(status).Observe(time.Since(begun).Seconds())
		}()
		h.ServeHTTP(noted, r)
	})
}

// Homeserver measures how long the homeserver takes behind next.
func (m *Metrics) Homeserver(next http.RoundTripper) http.RoundTripper {
	return timed{m, next}
}

type timed struct {
	m    *Metrics
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t timed) RoundTrip(r *http.Request) (*http.Response, error) {
	begun := time.Now()
	resp, err := t.next.RoundTrip(r)
	switch {
	case r.Context().Err() != nil: // nobody waited for it
	case err != nil:
		t.m.homeserver.WithLabelValues(failed).Observe(time.Since(begun).Seconds())
	case !polls(r.URL):
		t.m.homeserver.WithLabelValues(classOf(resp.StatusCode)).Observe(time.Since(begun).Seconds())
	}
	return resp, err
}

// polls reports whether the homeserver may hold a request until there is news.
func polls(u *url.URL) bool {
	switch timeout := u.Query().Get("timeout"); timeout {
	case "", "0":
		return false
	}
	return true
}

// failed stands for a class of status where there was no whole answer.
const failed = "failed"

// classOf is the class of a status.
func classOf(status int) string {
	switch {
	case status >= 200 && status < 300:
		return "2xx"
	case status >= 300 && status < 400:
		return "3xx"
	case status >= 400 && status < 500:
		return "4xx"
	case status >= 500 && status < 600:
		return "5xx"
	}
	return "other"
}

// methodOf is a method of those that Matrix has, or "other".
func methodOf(method string) string {
	switch method {
	case http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodOptions, http.MethodHead:
		return method
	case "":
		return http.MethodGet
	}
	return "other"
}

func routeOf(method string, u *url.URL) string { return coap.Route(method, u.EscapedPath()) }

// notedWriter notes the status.
type notedWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter. Informational statuses come before the one
// that counts.
func (w *notedWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *notedWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// ReadFrom lets the writer below copy in its own way.
func (w *notedWriter) ReadFrom(r io.Reader) (int64, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return io.Copy(w.ResponseWriter, r)
}

// Unwrap is for http.ResponseController.
func (w *notedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush implements http.Flusher.
func (w *notedWriter) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }
