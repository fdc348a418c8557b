package gateway

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// newServe returns a Serve before a homeserver that h plays.
func newServe(t *testing.T, h http.HandlerFunc, change ...func(*ServeOptions)) *Serve {
	t.Helper()
	hs := httptest.NewServer(h)
	t.Cleanup(hs.Close)
	base, err := url.Parse(hs.URL)
	require.NoError(t, err)
	o := ServeOptions{Homeserver: base, Advertise: &url.URL{Scheme: "https", Host: "gw.example:8448"}}
	for _, c := range change {
		c(&o)
	}
	s := NewServe(o)
	t.Cleanup(s.Close)
	return s
}

// request makes the request that coap.Server would hand on for a target.
func request(t *testing.T, method, target string, body io.Reader) *http.Request {
	t.Helper()
	u, err := url.ParseRequestURI(target)
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), method, "coap://peer", body)
	require.NoError(t, err)
	r.URL = u
	if body != nil && r.ContentLength == 0 && r.Body != http.NoBody {
		r.ContentLength = -1 // as servers mark a body of unknown length
	}
	return r
}

func do(h http.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func readAll(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(b)
}

func TestServeKeepsTargets(t *testing.T) {
	var got, host string
	var version int
	homeserver := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got, host, version = r.RequestURI, r.Host, r.ProtoMajor
	})
	hs2 := httptest.NewUnstartedServer(homeserver)
	hs2.EnableHTTP2 = true
	hs2.StartTLS()
	t.Cleanup(hs2.Close)
	base, err := url.Parse(hs2.URL)
	require.NoError(t, err)
	overHTTP2 := NewServe(ServeOptions{Homeserver: base, Transport: hs2.Client().Transport})
	for want, s := range map[int]*Serve{1: newServe(t, homeserver), 2: overHTTP2} {
		for _, target := range trapTargets {
			res := do(s, request(t, http.MethodGet, target, nil))
			assert.Equal(t, http.StatusOK, res.StatusCode)
			assert.Equal(t, want, version)
			assert.Equal(t, target, got)
			assert.NotEqual(t, "peer", host)
		}
	}
}

func TestServeKeepsMethodsAndBodies(t *testing.T) {
	var method, body string
	var length int64
	s := newServe(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		method, body, length = r.Method, string(b), r.ContentLength
		w.Header().Set("Etag", `"1"`)
		w.WriteHeader(http.StatusAccepted)
	})
	for _, m := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		sent := ""
		if m != "GET" && m != "HEAD" {
			sent = `{"a": 1.0}`
		}
		res := do(s, request(t, m, "/x", strings.NewReader(sent)))
		assert.Equal(t, http.StatusAccepted, res.StatusCode)
		assert.Equal(t, `"1"`, res.Header.Get("ETag"))
		assert.Equal(t, m, method)
		assert.Equal(t, sent, body)
		assert.EqualValues(t, len(sent), length)
	}
}

func TestServeHeaders(t *testing.T) {
	var got http.Header
	s := newServe(t, func(_ http.ResponseWriter, r *http.Request) { got = r.Header })
	r := request(t, http.MethodGet, "/", nil)
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "X-Real-IP", "Via", "Connection", "Upgrade"} {
		r.Header.Set(name, "192.0.2.66")
	}
	r.Header.Set("Accept-Encoding", "br")
	r.Header.Set("Authorization", "Bearer t")
	do(s, r)
	assert.Equal(t, http.Header{"Authorization": {"Bearer t"}, "Accept-Encoding": {"gzip"}}, got)
}

func TestServeDecodesGzip(t *testing.T) {
	s := newServe(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "gzip", r.Header.Get("Accept-Encoding"))
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		fmt.Fprint(z, `{"versions":["v1.1"]}`)
		z.Close()
	})
	res := do(s, request(t, http.MethodGet, "/_matrix/client/versions", nil))
	assert.Empty(t, res.Header.Get("Content-Encoding"))
	assert.Equal(t, `{"versions":["v1.1"],"unstable_features":{"org.matrix.msc3079.low_bandwidth":true}}`, readAll(t, res))
}

// pattern is n bytes that a reader makes without holding them.
func pattern(n int64) io.Reader { return io.LimitReader(endless{}, n) }

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(i * 7)
	}
	return len(p), nil
}

// sink takes a response without holding it.
type sink struct {
	header http.Header
	status int
	hash   hash.Hash
	length int64
	most   int
}

func newSink() *sink                   { return &sink{header: http.Header{}, hash: sha256.New()} }
func (s *sink) Header() http.Header    { return s.header }
func (s *sink) WriteHeader(status int) { s.status = status }
func (s *sink) Write(p []byte) (int, error) {
	s.length += int64(len(p))
	s.most = max(s.most, len(p))
	return s.hash.Write(p)
}

func TestServeStreams(t *testing.T) {
	const size = 10 << 20
	want := sha256.New()
	_, err := io.CopyBuffer(struct{ io.Writer }{want}, pattern(size), make([]byte, 32<<10))
	require.NoError(t, err)
	up := sha256.New()
	s := newServe(t, func(w http.ResponseWriter, r *http.Request) {
		_, err := io.CopyBuffer(struct{ io.Writer }{up}, struct{ io.Reader }{r.Body}, make([]byte, 32<<10))
		assert.NoError(t, err)
		w.Header().Set("Content-Type", "application/octet-stream")
		_, err = io.CopyBuffer(struct{ io.Writer }{w}, pattern(size), make([]byte, 32<<10))
		assert.NoError(t, err)
	})
	body := new(bytes.Buffer)
	_, err = io.CopyBuffer(struct{ io.Writer }{body}, pattern(size), make([]byte, 32<<10))
	require.NoError(t, err)
	w := newSink()
	s.ServeHTTP(w, request(t, http.MethodPost, "/_matrix/media/v3/upload", struct{ io.Reader }{body}))
	assert.Equal(t, http.StatusOK, w.status)
	assert.EqualValues(t, size, w.length)
	assert.Equal(t, want.Sum(nil), up.Sum(nil))
	assert.Equal(t, want.Sum(nil), w.hash.Sum(nil))
	assert.LessOrEqual(t, w.most, 64<<10, "the body passes in pieces")
}

// TestServeFlushes has the homeserver wait, in the middle of its answer, until
// the first half has come out.
func TestServeFlushes(t *testing.T) {
	arrived := make(chan struct{})
	s := newServe(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "first ")
		w.(http.Flusher).Flush()
		<-arrived
		fmt.Fprint(w, "second")
	})
	front := httptest.NewServer(s)
	defer front.Close()
	res, err := http.Get(front.URL)
	require.NoError(t, err)
	defer res.Body.Close()
	half := make([]byte, len("first "))
	_, err = io.ReadFull(res.Body, half)
	require.NoError(t, err)
	close(arrived)
	assert.Equal(t, "second", readAll(t, res))
}

func TestServeBrokenOffAnswerIsNoAnswer(t *testing.T) {
	s := newServe(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "half")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() { do(s, request(t, http.MethodGet, "/", nil)) })
}

func TestServeHomeserverFaults(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	unreachable, err := url.Parse(gone.URL)
	require.NoError(t, err)
	tests := []struct {
		name   string
		serve  *Serve
		body   io.Reader
		status int
		want   string
	}{
		{
			"unreachable", newServe(t, nil, func(o *ServeOptions) { o.Homeserver = unreachable }), nil,
			http.StatusBadGateway, `{"errcode":"M_UNKNOWN","error":"the homeserver cannot be reached"}`,
		},
		{
			"hangs up", newServe(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), nil,
			http.StatusBadGateway, `{"errcode":"M_UNKNOWN","error":"the homeserver cannot be reached"}`,
		},
		{
			"silent", newServe(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, func(o *ServeOptions) { o.ResponseTimeout = time.Millisecond }), nil,
			http.StatusGatewayTimeout, `{"errcode":"M_UNKNOWN","error":"the homeserver did not answer in time"}`,
		},
		{
			"body too large",
			newServe(t, func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }),
			http.MaxBytesReader(nil, io.NopCloser(pattern(100)), 10),
			http.StatusRequestEntityTooLarge, `{"errcode":"M_TOO_LARGE","error":"the body is larger than this gateway accepts"}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := do(tt.serve, request(t, http.MethodPost, "/", tt.body))
			assert.Equal(t, tt.status, res.StatusCode)
			assert.Equal(t, "application/json", res.Header.Get("Content-Type"))
			assert.JSONEq(t, tt.want, readAll(t, res))
		})
	}
}

func TestServeCancelsWithPeer(t *testing.T) {
	entered, left := make(chan struct{}), make(chan struct{})
	s := newServe(t, func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		close(left)
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-entered; cancel() }()
	do(s, request(t, http.MethodGet, "/_matrix/client/v3/sync", nil).WithContext(ctx))
	<-left
}

// TestServeReachesNoOtherHost sends what could make a proxy call elsewhere.
func TestServeReachesNoOtherHost(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("reached another host") }))
	defer other.Close()
	host := strings.TrimPrefix(other.URL, "http://")
	var calls int
	s := newServe(t, func(_ http.ResponseWriter, r *http.Request) { calls++; assert.NotEqual(t, host, r.Host) })
	for _, r := range []*http.Request{
		request(t, http.MethodGet, other.URL+"/x", nil),
		request(t, http.MethodGet, "//"+host+"/x", nil),
		request(t, http.MethodGet, "/@"+host, nil),
	} {
		r.Host = host
		r.Header.Set("Host", host)
		do(s, r)
	}
	assert.Equal(t, 3, calls)
}
