package outbox

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
)

// TestTokenEnds: 401 and a logout end what waits for the token, not for another.
func TestTokenEnds(t *testing.T) {
	for name, status := range map[string]int{"401": 401, "logout": 200} {
		t.Run(name, func(t *testing.T) {
			o := &outage{}
			b := &base{answer: func(r *http.Request, body string) (*http.Response, error) {
				if strings.HasSuffix(r.URL.Path, "logout") {
					return reply(200, "{}"), nil
				}
				if resp, err := o.answer(r, body); err != nil || r.Header.Get("Authorization") != "Bearer token-a" || name == "logout" {
					return resp, err
				}
				return reply(401, `{"errcode":"M_UNKNOWN_TOKEN"}`), nil
			}}
			inBox(t, b, &Transport{}, func(t *testing.T, tr *Transport) {
				var wg sync.WaitGroup
				for n := range 3 {
					giveUp(t, tr, "token-b", room("!r", n), text)
					wg.Go(func() {
						answer := want(t, tr, 401, "token-a", room("!r", n), text)
						assert.Contains(t, answer, "M_UNKNOWN_TOKEN")
					})
				}
				time.Sleep(10 * time.Second)
				if status == 401 {
					o.end()
				} else {
					r, err := http.NewRequestWithContext(t.Context(), "POST", "coap://gateway"+v3+"logout", nil)
					require.NoError(t, err)
					r.Header.Set("Authorization", "Bearer token-a")
					for before := time.Now(); time.Since(before) < time.Minute; { // one may be on its way
						resp, err := tr.RoundTrip(r)
						require.NoError(t, err)
						require.Equal(t, status, resp.StatusCode)
						time.Sleep(7 * time.Second)
					}
					assert.Equal(t, 3, tr.Snapshot().Queued)
					o.end()
				}
				wg.Wait()
				for n := range 3 {
					want(t, tr, 200, "token-b", room("!r", n), text)
				}
			})
			byA := 0
			for _, r := range b.requests {
				if strings.HasPrefix(r, "token-a rooms/!r/send/m.room.message/t2") {
					byA++
				}
			}
			assert.Zero(t, byA, "what waited behind was never sent")
		})
	}
}

// TestLimited: 429 silences its user for as long as it says, in all rooms, and nobody else.
func TestLimited(t *testing.T) {
	for name, limited := range map[string]*http.Response{
		"seconds":      {Header: http.Header{"Retry-After": {"600"}}, Body: http.NoBody},
		"milliseconds": {Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":600000}`))},
	} {
		t.Run(name, func(t *testing.T) {
			first := true
			b := &base{}
			b.answer = func(r *http.Request, body string) (*http.Response, error) {
				if first {
					first = false
					limited.StatusCode = 429
					return limited, nil
				}
				return reply(200, "{}"), nil
			}
			inBox(t, b, &Transport{}, func(t *testing.T, tr *Transport) {
				begun := time.Now()
				giveUp(t, tr, "token-a", room("!x", 1), text)
				time.Sleep(2 * time.Second)
				want(t, tr, 200, "token-b", room("!x", 1), text)
				assert.Less(t, time.Since(begun), time.Minute)
				want(t, tr, 200, "token-a", room("!y", 1), text)
				assert.Equal(t, 602*time.Second, time.Since(begun))
				want(t, tr, 200, "token-a", room("!x", 1), text)
			})
		})
	}
}

// TestRefusal: a refusal is there for the client that comes again, once: the same message
// may be sent again when the reason is gone.
func TestRefusal(t *testing.T) {
	refused := true
	b := &base{answer: func(*http.Request, string) (*http.Response, error) {
		if refused {
			return reply(403, `{"errcode":"M_FORBIDDEN"}`), nil
		}
		return reply(200, "{}"), nil
	}}
	inBox(t, b, &Transport{}, func(t *testing.T, tr *Transport) {
		giveUp(t, tr, "token", send, text)
		time.Sleep(time.Minute)
		want(t, tr, 403, "token", send, text)
		assert.Len(t, b.seen(), 1)
		want(t, tr, 403, "token", send, text)
		assert.Len(t, b.seen(), 2)
		b.set(func() { refused = false })
		want(t, tr, 200, "token", send, text)

		b.set(func() { refused = true })
		giveUp(t, tr, "token", room("!x", 1), text)
		time.Sleep(refusalAge + time.Minute)
		b.set(func() { refused = false })
		want(t, tr, 200, "token", room("!x", 1), text)
	})
}

// TestServerFault: a message at which the homeserver fails each time does not hold up its
// room for ever.
func TestServerFault(t *testing.T) {
	b := &base{answer: func(r *http.Request, body string) (*http.Response, error) {
		if body == "bad" {
			return reply(500, "{}"), nil
		}
		return reply(200, "{}"), nil
	}}
	inBox(t, b, &Transport{}, func(t *testing.T, tr *Transport) {
		giveUp(t, tr, "token", room("!r", 1), "bad")
		giveUp(t, tr, "token", room("!r", 2), "good")
		want(t, tr, 500, "token", room("!r", 1), "bad")
		assert.Equal(t, maxFaults+1, strings.Count(strings.Join(b.seen(), "\n"), " bad"))
		want(t, tr, 200, "token", room("!r", 2), "good")
	})
}

// TestBaseRefuses: what the link cannot carry is said so, once.
func TestBaseRefuses(t *testing.T) {
	b := &base{answer: func(*http.Request, string) (*http.Response, error) {
		return nil, &coap.Error{Status: 413, ErrCode: "M_TOO_LARGE", Message: "too large"}
	}}
	inBox(t, b, &Transport{}, func(t *testing.T, tr *Transport) {
		for range 2 {
			_, _, err := ask(t, tr, long, "token", send, text)
			var own *coap.Error
			require.ErrorAs(t, err, &own)
			assert.Equal(t, 413, own.Status)
		}
		assert.Len(t, b.seen(), 2)
	})
}

// TestExpires: a message that waits for too long is given up, and its client told.
func TestExpires(t *testing.T) {
	o := &outage{}
	inBox(t, &base{answer: o.answer}, &Transport{MaxAge: time.Hour}, func(t *testing.T, tr *Transport) {
		begun := time.Now()
		_, _, err := ask(t, tr, long, "token", send, text)
		var own *coap.Error
		require.ErrorAs(t, err, &own)
		assert.Equal(t, 504, own.Status)
		assert.InDelta(t, time.Hour, time.Since(begun), float64(10*time.Second))
	})
}

// TestLogs: what is logged names no user, room, token or text.
func TestLogs(t *testing.T) {
	var log bytes.Buffer
	o := &outage{}
	status := 401
	b := &base{answer: func(r *http.Request, body string) (*http.Response, error) {
		if resp, err := o.answer(r, body); err != nil {
			return resp, err
		}
		return reply(status, "{}"), nil
	}}
	tr := &Transport{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	inBox(t, b, tr, func(t *testing.T, tr *Transport) {
		giveUp(t, tr, "token", room("!secret", 1), "secret")
		giveUp(t, tr, "token", room("!secret", 2), "secret")
		time.Sleep(time.Minute)
		o.end()
		time.Sleep(time.Hour)
		b.set(func() { status = 500 })
		giveUp(t, tr, "token", room("!secret", 1), "secret")
		time.Sleep(24 * time.Hour)
	})
	assert.Contains(t, log.String(), "the link is away")
	assert.Contains(t, log.String(), "access token has ended")
	assert.Contains(t, log.String(), "it fails each time")
	assert.NotContains(t, log.String(), "secret")
	assert.NotContains(t, log.String(), "token-")
	assert.NotContains(t, log.String(), "Bearer")
}
