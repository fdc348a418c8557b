package outbox

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/session"
)

const (
	send  = v3 + "rooms/!r:hs/send/m.room.message/t1"
	text  = `{"body":"hello"}`
	short = 30 * time.Second
	long  = 100 * 24 * time.Hour
)

// base is what carries requests: it takes a second, and then does what answer says.
type base struct {
	answer func(r *http.Request, body string) (*http.Response, error)

	mu       sync.Mutex
	requests []string // "token path body", as they begin
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
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	b.requests = append(b.requests, strings.TrimSpace(token+" "+strings.TrimPrefix(r.URL.RequestURI(), v3)+" "+body))
	b.mu.Unlock()
	pause(r.Context(), time.Second)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if b.answer == nil {
		return reply(200, `{"event_id":"$`+body+`"}`), nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.answer(r, body)
}

// set changes what answer looks at.
func (b *base) set(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
}

func (b *base) seen() []string {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string{}, b.requests...)
}

func reply(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

var errAway = &coap.Error{Status: 504, ErrCode: "M_UNKNOWN", Message: "the link did not answer in time"}

// inBox runs f in virtual time with a Transport, and checks that tokens do not stay in the
// store.
func inBox(t *testing.T, b *base, o *Transport, f func(t *testing.T, tr *Transport)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		store := &session.Memory{}
		if o.Store == nil {
			o.Store = store
		}
		o.Base = b
		require.NoError(t, o.Start())
		f(t, o)
		synctest.Wait()
		if o.life.Err() == nil { // else another has followed
			assert.Zero(t, o.Snapshot().Queued)
		}
		require.NoError(t, o.Close())
		keys, err := o.Store.Keys("")
		require.NoError(t, err)
		for _, key := range keys {
			value, _ := o.Store.Load(key)
			assert.NotContains(t, string(value), "token")
			assert.NotContains(t, key, itemPrefix)
		}
	})
}

// ask sends a message for as long as the client is patient.
func ask(t *testing.T, tr *Transport, patience time.Duration, token, target, body string) (*http.Response, string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	resp, err := tr.RoundTrip(put(ctx, t, token, target, body))
	if err != nil {
		return nil, "", err
	}
	content, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(content), resp.Body.Close()
}

// want sends a message that must be answered so, and returns the answer.
func want(t *testing.T, tr *Transport, status int, token, target, body string) string {
	t.Helper()
	resp, answer, err := ask(t, tr, long, token, target, body)
	require.NoError(t, err)
	require.Equal(t, status, resp.StatusCode, answer)
	return answer
}

// giveUp sends a message and does not wait for the answer.
func giveUp(t *testing.T, tr *Transport, token, target, body string) {
	t.Helper()
	_, _, err := ask(t, tr, time.Millisecond, token, target, body)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func room(name string, n int) string {
	return fmt.Sprintf("%srooms/%s/send/m.room.message/t%d", v3, name, n)
}

// outage is a link that is away until back.
type outage struct {
	mu   sync.Mutex
	back bool
}

func (o *outage) answer(r *http.Request, body string) (*http.Response, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.back {
		return nil, errAway
	}
	return reply(200, `{"event_id":"$`+body+`"}`), nil
}

func (o *outage) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.back = true
}

func (failing) Keys(string) ([]string, error) { return nil, errDisk }
