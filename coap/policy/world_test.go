package policy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
)

const (
	v3      = "/_matrix/client/v3/"
	sync3   = v3 + "sync?timeout=0"
	receipt = v3 + "rooms/!r:hs/receipt/m.read/"
	typing  = v3 + "rooms/!r:hs/typing/@a:hs"
	message = v3 + "rooms/!r:hs/send/m.room.message/t1"
)

// base is a link and a homeserver. It answers {"n":1}, or as answer says.
type base struct {
	delay  time.Duration
	answer func(r *http.Request, body string) *http.Response // nil: the link is down

	mu       sync.Mutex
	requests []string // "METHOD path body", as they begin
	headers  []http.Header
}

var errDown = errors.New("the link is down")

// RoundTrip implements http.RoundTripper.
func (b *base) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		content, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(content)
	}
	b.mu.Lock()
	b.requests = append(b.requests, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+body))
	b.headers = append(b.headers, r.Header.Clone())
	b.mu.Unlock()
	select {
	case <-time.After(b.delay):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if b.answer == nil {
		return reply(http.StatusOK, `{"n":1}`), nil
	}
	if resp := b.answer(r, body); resp != nil {
		return resp, nil
	}
	return nil, errDown
}

// take returns the requests that began since.
func (b *base) take() []string {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.requests
	b.requests, b.headers = nil, nil
	return r
}

// header is that of the last request.
func (b *base) header() http.Header {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.headers[len(b.headers)-1]
}

func reply(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

func file(size int) *http.Response {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"image/png"}, "Content-Disposition": {"inline"}},
		Body: io.NopCloser(strings.NewReader(strings.Repeat("x", size))), ContentLength: int64(size),
	}
}

func profile(t *testing.T, name string) link.Profile {
	t.Helper()
	p, ok := link.ByName(name)
	require.True(t, ok)
	return p
}

// inWorld runs f in virtual time with a Transport over hf-vara500 (Slow) in front of b,
// and checks that nothing is left behind.
func inWorld(t *testing.T, b *base, f func(t *testing.T, tr *Transport), change ...func(*Transport)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		tr := &Transport{Base: b, Profile: profile(t, "hf-vara500")}
		for _, c := range change {
			c(tr)
		}
		f(t, tr)
		require.NoError(t, tr.Close())
		assert.Empty(t, tr.held)
		for _, s := range []*store{&tr.answers, &tr.media} {
			assert.Zero(t, s.held)
			assert.Zero(t, s.order.Len())
			assert.Empty(t, s.entries)
		}
	})
}

// over has the Transport use another link.
func over(t *testing.T, name string) func(*Transport) {
	p := profile(t, name)
	return func(tr *Transport) { tr.Profile = p }
}

// ask sends a request and reads the answer; headers come in pairs.
func ask(t *testing.T, tr http.RoundTripper, method, target, token, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	resp, text, err := try(t, tr, method, target, token, body, headers...)
	require.NoError(t, err)
	return resp, text
}

func try(t *testing.T, tr http.RoundTripper, method, target, token, body string, headers ...string) (*http.Response, string, error) {
	t.Helper()
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(context.Background(), method, "http://hs"+target, content)
	require.NoError(t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	resp, err := tr.RoundTrip(r)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp, string(text), err
}

// prove has the homeserver take a token.
func prove(t *testing.T, b *base, tr *Transport, tokens ...string) {
	t.Helper()
	for _, token := range tokens {
		resp, _ := ask(t, tr, "GET", sync3, token, "")
		require.Equal(t, 200, resp.StatusCode)
	}
	b.take()
}
