package join

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
	v3   = "https://hs/_matrix/client/v3/"
	send = v3 + "rooms/!r:hs/send/m.room.message/t1"
	text = `{"body":"hello"}`
)

// base is a link and a homeserver: it answers after a while, an hour when the query
// says so, or when the request's context ends.
type base struct {
	delay  time.Duration
	answer func(r *http.Request, body string) *http.Response

	mu       sync.Mutex
	requests []string // "METHOD path body", as they begin
	ended    int      // by their context
}

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
	delay := b.delay
	b.mu.Unlock()
	if strings.HasSuffix(r.URL.RawQuery, "hang") {
		delay = time.Hour
	}
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
		b.mu.Lock()
		b.ended++
		b.mu.Unlock()
		return nil, r.Context().Err()
	}
	if b.answer == nil {
		return reply(http.StatusOK, "answer to "+body), nil
	}
	if resp := b.answer(r, body); resp != nil {
		return resp, nil
	}
	return nil, errDown
}

var errDown = errors.New("the link is down")

// setDelay makes the requests that follow faster or slower.
func (b *base) setDelay(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.delay = d
}

// count returns how many requests have begun.
func (b *base) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.requests)
}

// cancelled returns how many requests were ended by their context.
func (b *base) cancelled() int {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ended
}

func reply(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// inWorld runs f in virtual time with a Transport in front of b, and checks that
// nothing is left behind.
func inWorld(t *testing.T, b *base, f func(t *testing.T, tr *Transport)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p, ok := link.ByName("hf-s5066-75")
		require.True(t, ok)
		tr := &Transport{Base: b, Profile: p}
		f(t, tr)
		require.NoError(t, tr.Close())
		tr.assertEmpty(t)
	})
}

// assertEmpty checks that the books are closed.
func (t *Transport) assertEmpty(tt *testing.T) {
	tt.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	assert.Empty(tt, t.linked)
	assert.Empty(tt, t.reads)
	assert.Empty(tt, t.alone)
	assert.Zero(tt, t.kept.Len())
	assert.Zero(tt, t.held)
}

// books returns how many exchanges run with nobody waiting and how many bytes are
// held.
func (t *Transport) books() (alone, held int) {
	synctest.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.alone), t.held
}

func request(t *testing.T, ctx context.Context, method, target, token, body string) *http.Request {
	t.Helper()
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, target, content)
	require.NoError(t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

// ask sends a request and reads the answer, for as long as the client is patient.
func ask(t *testing.T, tr http.RoundTripper, patience time.Duration, method, target, token, body string) (status int, answer string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	resp, err := tr.RoundTrip(request(t, ctx, method, target, token, body))
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(content), err
}

// giveUp sends a request and has no patience for the answer.
func giveUp(t *testing.T, tr http.RoundTripper, method, target, token, body string) {
	t.Helper()
	_, _, err := ask(t, tr, impatient, method, target, token, body)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// want sends a request that must be answered 200 and returns the answer.
func want(t *testing.T, tr http.RoundTripper, method, target, token, body string) string {
	t.Helper()
	status, answer, err := ask(t, tr, patient, method, target, token, body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	return answer
}

const (
	impatient = 30 * time.Second
	patient   = 24 * time.Hour
	// slow is how long the link of most tests takes.
	slow = 80 * time.Second
)
