package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
)

// roundTrip plays the link.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answer is a response of the link to r.
func answer(r *http.Request, status int, contentType, body string) *http.Response {
	res := &http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
	if contentType != "" {
		res.Header.Set("Content-Type", contentType)
	}
	return res
}

// newConnect returns the URL of a Connect whose link is f.
func newConnect(t *testing.T, f roundTrip, change ...func(*ConnectOptions)) string {
	t.Helper()
	o := ConnectOptions{Transport: f, MaxBody: 1 << 20}
	for _, c := range change {
		c(&o)
	}
	server := httptest.NewServer(NewConnect(o))
	t.Cleanup(server.Close)
	return server.URL
}

func fetch(t *testing.T, r *http.Request) *http.Response {
	t.Helper()
	res, err := verbatim{http.DefaultTransport}.RoundTrip(r)
	require.NoError(t, err)
	t.Cleanup(func() { res.Body.Close() })
	return res
}

func assertCORS(t *testing.T, h http.Header) {
	t.Helper()
	assert.Equal(t, []string{"*"}, h.Values("Access-Control-Allow-Origin"))
	assert.Contains(t, h.Get("Access-Control-Allow-Methods"), "GET, POST, PUT, PATCH, DELETE, OPTIONS")
	assert.Equal(t, "X-Requested-With, Content-Type, Authorization", h.Get("Access-Control-Allow-Headers"))
}

func TestConnectAnswersPreflight(t *testing.T) {
	base := newConnect(t, func(*http.Request) (*http.Response, error) {
		t.Error("a preflight request went over the link")
		return nil, errors.New("no")
	})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, base+"/_matrix/client/v3/sync", nil)
	require.NoError(t, err)
	r.Header.Set("Origin", "https://app.example")
	r.Header.Set("Access-Control-Request-Method", "GET")
	res := fetch(t, r)
	assert.Equal(t, http.StatusNoContent, res.StatusCode)
	assertCORS(t, res.Header)
}

func TestConnectKeepsRequests(t *testing.T) {
	var got *http.Request
	var body string
	base := newConnect(t, func(r *http.Request) (*http.Response, error) {
		got, body = r, ""
		if r.Body != nil {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			body = string(b)
		}
		res := answer(r, http.StatusTooManyRequests, "application/json", `{"errcode":"M_LIMIT_EXCEEDED"}`)
		res.Header.Set("Retry-After", "3")
		res.Header.Set("Access-Control-Allow-Origin", "https://only.example")
		return res, nil
	})
	for _, target := range trapTargets {
		u, err := url.Parse(base)
		require.NoError(t, err)
		in, err := url.ParseRequestURI(target)
		require.NoError(t, err)
		retarget(u, in, u)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, base, struct{ io.Reader }{strings.NewReader(`{"a":1}`)})
		require.NoError(t, err)
		r.URL = u
		r.Header.Set("Authorization", "Bearer t")
		r.Header.Set("Expect", "100-continue")
		r.Header.Set("X-Forwarded-For", "192.0.2.1")
		r.Header.Set("Connection", "X-Hop")
		r.Header.Set("X-Hop", "x")
		res := fetch(t, r)
		assert.Equal(t, target, got.URL.RequestURI())
		assert.Equal(t, http.MethodPut, got.Method)
		assert.Equal(t, "Bearer t", got.Header.Get("Authorization"))
		for _, name := range []string{"Expect", "X-Forwarded-For", "X-Hop", "Connection"} {
			assert.NotContains(t, got.Header, name)
		}
		assert.Equal(t, `{"a":1}`, body, "a chunked upload arrives whole")
		assert.Equal(t, http.StatusTooManyRequests, res.StatusCode)
		assert.Equal(t, "3", res.Header.Get("Retry-After"))
		assertCORS(t, res.Header)
		assert.Equal(t, `{"errcode":"M_LIMIT_EXCEEDED"}`, readAll(t, res))
	}
}

func TestConnectHead(t *testing.T) {
	base := newConnect(t, func(r *http.Request) (*http.Response, error) {
		res := answer(r, http.StatusOK, "image/png", "")
		res.ContentLength = 1234
		res.Header.Set("Content-Length", "1234")
		return res, nil
	})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, base+"/_matrix/media/v3/download/a/b", nil)
	require.NoError(t, err)
	res := fetch(t, r)
	assert.EqualValues(t, 1234, res.ContentLength)
	assert.Empty(t, readAll(t, res))
}

// TestConnectTellsLength: an estimate is not told, and nothing is cut by it.
func TestConnectTellsLength(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	for _, length := range []int64{9000, 11_000} {
		base := newConnect(t, func(r *http.Request) (*http.Response, error) {
			res := answer(r, http.StatusOK, "image/png", long)
			if r.URL.Path == "/estimated" {
				res.ContentLength = length
				res.Header["Content-Length"] = nil
			}
			return res, nil
		})
		for path, want := range map[string]int64{"/told": int64(len(long)), "/estimated": -1} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
			require.NoError(t, err)
			res := fetch(t, r)
			assert.Equal(t, want, res.ContentLength, path)
			assert.Equal(t, long, readAll(t, res), path)
		}
	}
}

func TestConnectMediaHeaders(t *testing.T) {
	base := newConnect(t, func(r *http.Request) (*http.Response, error) {
		res := answer(r, http.StatusOK, "text/html", "<script>")
		if strings.HasSuffix(r.URL.Path, "/own") {
			res.Header.Set("Content-Security-Policy", "default-src 'self'")
		}
		return res, nil
	})
	for path, want := range map[string]string{
		"/_matrix/media/v3/download/hs/id":            mediaPolicy,
		"/_matrix/media/r0/thumbnail/hs/id":           mediaPolicy,
		"/_matrix/client/v1/media/download/hs/id":     mediaPolicy,
		"/_matrix/client/v1/media/download/hs/id/own": "default-src 'self'",
		"/_matrix/media/v3/config":                    "",
		"/_matrix/client/v3/rooms/!a/media/download/": "",
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
		require.NoError(t, err)
		res := fetch(t, r)
		assert.Equal(t, want, res.Header.Get("Content-Security-Policy"), path)
		if want != "" {
			assert.Equal(t, "cross-origin", res.Header.Get("Cross-Origin-Resource-Policy"), path)
		}
	}
}

func TestConnectRewritesDiscovery(t *testing.T) {
	const text = `{"well_known":{"m.homeserver":{"base_url":"https://far"}}}`
	link := func(r *http.Request) (*http.Response, error) {
		return answer(r, http.StatusOK, "application/json", text), nil
	}
	for advertise, want := range map[string]string{
		"":                      text,
		"http://127.0.0.1:8008": `{"well_known":{"m.homeserver":{"base_url":"http://127.0.0.1:8008"}}}`,
	} {
		base := newConnect(t, link, func(o *ConnectOptions) {
			if advertise != "" {
				u, err := url.Parse(advertise)
				require.NoError(t, err)
				o.Advertise = u
			}
		})
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/_matrix/client/v3/login", strings.NewReader(`{}`))
		require.NoError(t, err)
		assert.Equal(t, want, readAll(t, fetch(t, r)))
	}
}

func TestConnectErrors(t *testing.T) {
	tests := []struct {
		name   string
		err    error
		status int
		code   string
	}{
		{"own error", &coap.Error{Status: 400, ErrCode: "M_UNRECOGNIZED", Message: "m"}, 400, "M_UNRECOGNIZED"},
		{"wrapped", fmt.Errorf("x: %w", &coap.Error{Status: 504, ErrCode: "M_UNKNOWN", Message: "m"}), 504, "M_UNKNOWN"},
		{"retransmission exhausted", endpoint.ErrTimeout, 504, "M_UNKNOWN"},
		{"deadline", context.DeadlineExceeded, 504, "M_UNKNOWN"},
		{"no such host", &net.DNSError{Err: "no such host"}, 502, "M_UNKNOWN"},
		{"lookup timed out", &net.DNSError{Err: "timeout", IsTimeout: true}, 504, "M_UNKNOWN"},
		{"body too large", &coap.Error{Status: 502, Err: &http.MaxBytesError{Limit: 1}}, 413, "M_TOO_LARGE"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var log strings.Builder
			base := newConnect(t, func(*http.Request) (*http.Response, error) { return nil, tt.err }, func(o *ConnectOptions) {
				o.Log = slog.New(slog.NewTextHandler(&log, nil))
			})
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/secretpath?access_token=secret", nil)
			require.NoError(t, err)
			r.Header.Set("Authorization", "Bearer secret")
			res := fetch(t, r)
			assert.Equal(t, tt.status, res.StatusCode)
			assertCORS(t, res.Header)
			assert.Equal(t, "application/json", res.Header.Get("Content-Type"))
			assert.Contains(t, readAll(t, res), `{"errcode":"`+tt.code+`","error":"`)
			assert.Contains(t, log.String(), "request failed")
			assert.NotContains(t, log.String(), "secret")
		})
	}
}

func TestConnectBoundsBodies(t *testing.T) {
	base := newConnect(t, func(r *http.Request) (*http.Response, error) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
		return answer(r, http.StatusOK, "", ""), nil
	}, func(o *ConnectOptions) { o.MaxBody = 100 })
	for name, tt := range map[string]struct {
		body   io.Reader
		status int
	}{
		"at the limit":    {strings.NewReader(strings.Repeat("x", 100)), http.StatusOK},
		"announced":       {strings.NewReader(strings.Repeat("x", 101)), http.StatusRequestEntityTooLarge},
		"of no said size": {struct{ io.Reader }{strings.NewReader(strings.Repeat("x", 101))}, http.StatusRequestEntityTooLarge},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base, tt.body)
		require.NoError(t, err)
		res := fetch(t, r)
		assert.Equal(t, tt.status, res.StatusCode, name)
		assertCORS(t, res.Header)
	}
}

func TestConnectCancelsWithClient(t *testing.T) {
	entered, left := make(chan struct{}), make(chan struct{})
	base := newConnect(t, func(r *http.Request) (*http.Response, error) {
		close(entered)
		<-r.Context().Done()
		close(left)
		return nil, r.Context().Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-entered; cancel() }()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/_matrix/client/v3/sync", nil)
	require.NoError(t, err)
	_, err = http.DefaultTransport.RoundTrip(r)
	require.ErrorIs(t, err, context.Canceled)
	<-left
}
