// Package inprocess has a handler answer HTTP requests without a network between: tests in
// virtual time have their homeserver, and clients their gateway, in the same process.
package inprocess

import (
	"net/http"
	"net/http/httptest"
)

// Transport is what carries requests to the handler. An answer comes when the handler has
// returned; nobody waits for it whose context has ended by then.
type Transport struct{ http.Handler }

// RoundTrip implements http.RoundTripper.
func (t Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil { // a handler always has one
		r = r.Clone(r.Context())
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	t.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	resp := w.Result()
	resp.Request = r
	return resp, nil
}
