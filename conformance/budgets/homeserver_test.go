package budgets

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/coapgw/coapgw/conformance/operations"
	"github.com/coapgw/coapgw/conformance/recorder"
)

// replay is a homeserver that gets the recorded requests, each as it was, and
// gives the recorded responses.
type replay struct {
	t *testing.T
	// foreign: a peer that is no coapgw does not know how the client escaped.
	foreign bool

	mu       sync.Mutex
	expected []operations.Exchange
}

// expect appends an exchange to those that will come.
func (h *replay) expect(e operations.Exchange) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.expected = append(h.expected, e)
}

// RoundTrip implements http.RoundTripper.
func (h *replay) RoundTrip(r *http.Request) (*http.Response, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.expected) == 0 {
		assert.Fail(h.t, "a request that nobody sent", r.URL.RequestURI())
		return nil, errors.New("not expected")
	}
	e := h.expected[0]
	h.expected = h.expected[1:]
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	got := recorder.Request{Method: r.Method, URI: r.URL.RequestURI(), Header: r.Header, Body: body}
	sent := e.Request
	if h.foreign {
		sent.URI, got.URI = unescaped(h.t, sent.URI), unescaped(h.t, got.URI)
	}
	assert.NoError(h.t, recorder.CompareRequests(sent, got).Err())
	return respond(r, e.Response, e.Hold)
}

// unescaped is a request target with nothing escaped in its path.
func unescaped(t *testing.T, uri string) string {
	u, err := url.ParseRequestURI(uri)
	assert.NoError(t, err)
	return u.Path + "?" + u.RawQuery
}

// stream is a homeserver whose answers to /sync come one after the other,
// whatever they are asked with. The last is repeated.
type stream struct {
	mu   sync.Mutex
	next []operations.Exchange
}

// RoundTrip implements http.RoundTripper.
func (h *stream) RoundTrip(r *http.Request) (*http.Response, error) {
	h.mu.Lock()
	e := h.next[0]
	if len(h.next) > 1 {
		h.next = h.next[1:]
	}
	h.mu.Unlock()
	return respond(r, e.Response, e.Hold)
}

// respond gives a response after a while.
func respond(r *http.Request, resp recorder.Response, hold time.Duration) (*http.Response, error) {
	select {
	case <-time.After(hold): // virtual
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	header := resp.Header.Clone()
	header.Set("Content-Length", strconv.Itoa(len(resp.Body)))
	return &http.Response{
		StatusCode: resp.Status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header,
		Body: io.NopCloser(strings.NewReader(string(resp.Body))), ContentLength: int64(len(resp.Body)), Request: r,
	}, nil
}

// announced is what the far gateway adds to /versions.
const announced = `,"org.matrix.msc3079.low_bandwidth":true`

// send sends the request of an exchange as a client and holds the response to the
// recorded one.
func send(t *testing.T, client http.Handler, e operations.Exchange) {
	t.Helper()
	// With a server in the context the proxy tells of answers that it had to cut
	// short, in the manner of net/http.
	ctx := context.WithValue(t.Context(), http.ServerContextKey, &http.Server{})
	r := httptest.NewRequestWithContext(ctx, e.Request.Method, e.Request.URI, strings.NewReader(string(e.Request.Body)))
	r.Header = e.Request.Header.Clone()
	if len(e.Request.Body) == 0 {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	w := httptest.NewRecorder()
	client.ServeHTTP(w, r)
	got := recorder.Response{Status: w.Code, Header: w.Header(), Body: bytes.Replace(w.Body.Bytes(), []byte(announced), nil, 1)}
	assert.NoError(t, recorder.CompareResponses(e.Response, got).Err())
}
