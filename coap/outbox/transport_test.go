package outbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/coap/txn"
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
	begun    time.Time
	times    []time.Duration
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
	b.times = append(b.times, time.Since(b.begun))
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
		b.begun = time.Now()
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

// TestAnswerIsKept: one request on the link gives every client its answer that asks again,
// the same bytes, and after a restart too.
func TestAnswerIsKept(t *testing.T) {
	b := &base{}
	store := &session.Memory{}
	inBox(t, b, &Transport{Store: store}, func(t *testing.T, tr *Transport) {
		giveUp(t, tr, "token", send, text)
		first := want(t, tr, 200, "token", send, text)
		assert.Equal(t, `{"event_id":"$`+text+`"}`, first)
		time.Sleep(29 * 24 * time.Hour)
		assert.Equal(t, first, want(t, tr, 200, "token", send, text))
		require.NoError(t, tr.Close())
		again := &Transport{Store: store, Base: b}
		assert.Equal(t, first, want(t, again, 200, "token", send, text))
		assert.Len(t, b.seen(), 1)
		assert.Equal(t, 1, again.Snapshot().Answers)
		time.Sleep(2 * 24 * time.Hour)
		want(t, again, 200, "token", send, text)
		assert.Len(t, b.seen(), 2, "it was too old")
		require.NoError(t, again.Close())
	})
}

// TestUsersAreApart: the same request of two users is two requests.
func TestUsersAreApart(t *testing.T) {
	b := &base{answer: func(r *http.Request, _ string) (*http.Response, error) {
		return reply(200, r.Header.Get("Authorization")[len("Bearer token-"):]), nil
	}}
	inBox(t, b, &Transport{}, func(t *testing.T, tr *Transport) {
		for range 2 {
			for _, user := range []string{"a", "b"} {
				assert.Equal(t, user, want(t, tr, 200, "token-"+user, send, text))
			}
		}
		assert.Len(t, b.seen(), 2)
	})
}

// TestOtherBody: the same transaction id with another body is a request of its own, after
// the one that waits.
func TestOtherBody(t *testing.T) {
	o := &outage{}
	b := &base{answer: o.answer}
	inBox(t, b, &Transport{}, func(t *testing.T, tr *Transport) {
		giveUp(t, tr, "token", send, "1")
		giveUp(t, tr, "token", send, "2")
		time.Sleep(time.Minute)
		o.end()
		assert.Equal(t, `{"event_id":"$2"}`, want(t, tr, 200, "token", send, "2"))
		assert.Equal(t, `{"event_id":"$1"}`, want(t, tr, 200, "token", send, "1"))
		seen := b.seen()
		assert.True(t, strings.HasSuffix(seen[len(seen)-2], " 1") && strings.HasSuffix(seen[len(seen)-1], " 2"), seen)
	})
}

// TestOrder: rooms do not wait for each other, but for the keys that were sent before.
func TestOrder(t *testing.T) {
	b := &base{}
	inBox(t, b, &Transport{}, func(t *testing.T, tr *Transport) {
		giveUp(t, tr, "token-a", room("!x", 1), "")
		giveUp(t, tr, "token-a", v3+"sendToDevice/m.key/t1", "")
		giveUp(t, tr, "token-a", v3+"sendToDevice/m.key/t2", "")
		giveUp(t, tr, "token-a", room("!x", 2), "")
		giveUp(t, tr, "token-a", room("!y", 1), "")
		giveUp(t, tr, "token-b", room("!x", 1), "")
		at := func(n int) []string { return b.seen()[n:] }
		x1, x2, y1 := "rooms/!x/send/m.room.message/t1", "rooms/!x/send/m.room.message/t2", "rooms/!y/send/m.room.message/t1"
		assert.Equal(t, []string{"token-a " + x1, "token-a sendToDevice/m.key/t1", "token-b " + x1}, at(0))
		time.Sleep(time.Second)
		assert.Equal(t, []string{"token-a sendToDevice/m.key/t2"}, at(3))
		time.Sleep(time.Second)
		assert.ElementsMatch(t, []string{"token-a " + x2, "token-a " + y1}, at(4))
		time.Sleep(time.Second)
		assert.Len(t, b.seen(), 6)
	})
}

// TestHold: a client that may be held for so long is told to come again, and when it does
// the answer is there.
func TestHold(t *testing.T) {
	o := &outage{}
	inBox(t, &base{answer: o.answer}, &Transport{Hold: 25 * time.Second}, func(t *testing.T, tr *Transport) {
		for range 3 {
			begun := time.Now()
			resp, answer, err := ask(t, tr, short, "token", send, text)
			require.NoError(t, err)
			assert.Equal(t, 25*time.Second, time.Since(begun))
			assertComeAgain(t, resp, answer)
			time.Sleep(time.Minute)
		}
		o.end()
		time.Sleep(5 * time.Minute)
		assert.Equal(t, `{"event_id":"$`+text+`"}`, want(t, tr, 200, "token", send, text))
	})
}

// assertComeAgain checks that clients understand when to ask again.
func assertComeAgain(t *testing.T, resp *http.Response, answer string) {
	t.Helper()
	assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	assert.Equal(t, "application/json", resp.Header.Get("Content-Type"))
	var told struct {
		ErrCode, Error string
		Milliseconds   int64 `json:"retry_after_ms"`
	}
	require.NoError(t, json.Unmarshal([]byte(answer), &told), answer)
	assert.Equal(t, "M_LIMIT_EXCEEDED", told.ErrCode)
	assert.NotEmpty(t, told.Error)
	assert.GreaterOrEqual(t, told.Milliseconds, leastPatience.Milliseconds())
	assert.LessOrEqual(t, told.Milliseconds, mostPatience.Milliseconds())
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	require.NoError(t, err)
	assert.InDelta(t, float64(told.Milliseconds)/1000, seconds, 1)
}

// TestFull: what is too much is told so at once, and what is in the queue is not affected.
func TestFull(t *testing.T) {
	for name, limit := range map[string]*Transport{"count": {MaxItems: 3}, "bytes": {MaxBytes: 1000}} {
		t.Run(name, func(t *testing.T) {
			o := &outage{}
			inBox(t, &base{answer: o.answer}, limit, func(t *testing.T, tr *Transport) {
				body := strings.Repeat("x", 200)
				for n := range 3 {
					giveUp(t, tr, "token", room("!r", n), body)
				}
				begun := time.Now()
				resp, answer, err := ask(t, tr, long, "token", room("!r", 3), body)
				require.NoError(t, err)
				assert.Zero(t, time.Since(begun))
				assertComeAgain(t, resp, answer)
				assert.Equal(t, 3, tr.Snapshot().Queued)
				o.end()
				want(t, tr, 200, "token", room("!r", 0), body)
				time.Sleep(time.Minute)
				want(t, tr, 200, "token", room("!r", 3), body)
			})
		})
	}
}

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

// TestOutageIsProbed: however many rooms wait, a link that is away is tried by one request
// at a time, ever more seldom; and everything goes at once when something else shows that
// it is back.
func TestOutageIsProbed(t *testing.T) {
	o := &outage{}
	b := &base{answer: func(r *http.Request, body string) (*http.Response, error) {
		if r.Method == "GET" {
			return reply(200, "{}"), nil
		}
		return o.answer(r, body)
	}}
	inBox(t, b, &Transport{}, func(t *testing.T, tr *Transport) {
		const rooms = 20
		for n := range rooms {
			giveUp(t, tr, "token", room(fmt.Sprint("!", n), 1), text)
		}
		time.Sleep(10 * time.Hour)
		tries := len(b.seen())
		assert.Less(t, tries, maxSending+10+int(10*time.Hour/pauseOf(tr.Profile, 100)))
		assert.Greater(t, tries, maxSending+10)
		s := tr.Snapshot()
		assert.True(t, s.LinkAway)
		assert.LessOrEqual(t, time.Until(s.NextTry), pauseOf(tr.Profile, 100))
		assert.Equal(t, rooms, s.Queued)
		assert.Len(t, s.Rooms, rooms)
		assert.Less(t, 10*time.Hour, s.Oldest)
		assert.Equal(t, RoomQueue{Queued: 1, Bytes: s.Bytes / rooms, Oldest: s.Oldest}, RoomQueue{Queued: s.Rooms[0].Queued, Bytes: s.Bytes / rooms, Oldest: s.Rooms[0].Oldest})
		o.end()
		r, err := http.NewRequestWithContext(t.Context(), "GET", "coap://gateway"+v3+"sync", nil)
		require.NoError(t, err)
		back := time.Now()
		_, err = tr.RoundTrip(r)
		require.NoError(t, err)
		for n := range rooms {
			want(t, tr, 200, "token", room(fmt.Sprint("!", n), 1), text)
		}
		assert.Less(t, time.Since(back), 5*time.Second)
		assert.False(t, tr.Snapshot().LinkAway)
	})
}

// TestNobodyHammers: a message that never gets through does not stop others, and is tried
// ever more seldom though the link works.
func TestNobodyHammers(t *testing.T) {
	b := &base{answer: func(r *http.Request, body string) (*http.Response, error) {
		if body == "bad" {
			return nil, errAway
		}
		return reply(200, "{}"), nil
	}}
	inBox(t, b, &Transport{MaxAge: 12 * time.Hour}, func(t *testing.T, tr *Transport) {
		giveUp(t, tr, "token", room("!bad", 1), "bad")
		for n := range 10 * 60 {
			begun := time.Now()
			want(t, tr, 200, "token", room("!good", n), "good")
			assert.LessOrEqual(t, time.Since(begun), 5*time.Second)
			r, err := http.NewRequestWithContext(t.Context(), "GET", "coap://gateway"+v3+"sync", nil)
			require.NoError(t, err)
			_, err = tr.RoundTrip(r)
			require.NoError(t, err)
			time.Sleep(time.Minute)
		}
		bad := strings.Count(strings.Join(b.seen(), "\n"), " bad")
		t.Log(bad, "tries in ten hours")
		assert.Less(t, bad, 30+int(10*time.Hour/pauseOf(tr.Profile, 100)))
		time.Sleep(3 * time.Hour) // it is too old then
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

// TestClockIsWrong: a message that was accepted by a clock without battery is not too old
// when the clock is right.
func TestClockIsWrong(t *testing.T) {
	now := time.Now()
	for _, at := range []time.Time{time.Unix(0, 0), now.Add(1000 * 24 * time.Hour), now.Add(-time.Minute)} {
		p := plausible(at, now, time.Hour)
		assert.False(t, p.After(now))
		assert.LessOrEqual(t, now.Sub(p), 30*time.Minute)
	}
	assert.Equal(t, now.Add(-time.Minute), plausible(now.Add(-time.Minute), now, time.Hour))
	o := &outage{}
	store := &session.Memory{}
	inBox(t, &base{answer: o.answer}, &Transport{Store: store}, func(t *testing.T, tr *Transport) {
		require.NoError(t, tr.Close())
		l, ok := letterOf(put(t.Context(), t, "token", send, text), []byte(text), time.Unix(0, 0))
		require.True(t, ok)
		require.NoError(t, store.Commit(map[string][]byte{storeKey(1): l.encode()}))
		o.end()
		again := &Transport{Store: store, Base: &base{answer: o.answer}}
		require.NoError(t, again.Start())
		time.Sleep(time.Minute)
		assert.Equal(t, 1, again.Snapshot().Answers)
		require.NoError(t, again.Close())
	})
}

// TestApart: nothing else is queued, and what fails fails at once.
func TestApart(t *testing.T) {
	b := &base{answer: (&outage{}).answer}
	inBox(t, b, &Transport{}, func(t *testing.T, tr *Transport) {
		for _, tt := range []struct{ method, target, token, body string }{
			{"GET", v3 + "sync", "token", ""},
			{"POST", v3 + "rooms/!r/receipt/m.read/$e", "token", "{}"},
			{"PUT", v3 + "rooms/!r/state/m.room.topic", "token", "{}"},
			{"PUT", send, "", text},
			{"PUT", send, "token", strings.Repeat("x", txn.MaxBody+1)},
		} {
			r, err := http.NewRequestWithContext(t.Context(), tt.method, "coap://gateway"+tt.target, strings.NewReader(tt.body))
			require.NoError(t, err)
			if tt.token != "" {
				r.Header.Set("Authorization", "Bearer "+tt.token)
			}
			begun := time.Now()
			_, err = tr.RoundTrip(r)
			assert.ErrorIs(t, err, errAway)
			assert.Equal(t, time.Second, time.Since(begun))
		}
		seen := b.seen()
		assert.Len(t, seen, 5)
		assert.Greater(t, len(seen[4]), txn.MaxBody)
	})
}

// TestNoTokens: where no request bears a token, messages are queued all the same.
func TestNoTokens(t *testing.T) {
	o := &outage{}
	b := &base{answer: o.answer}
	inBox(t, b, &Transport{NoTokens: true}, func(t *testing.T, tr *Transport) {
		ctx, cancel := context.WithTimeout(t.Context(), short)
		defer cancel()
		r := put(ctx, t, "", send, text)
		delete(r.Header, "Authorization")
		_, err := tr.RoundTrip(r)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		o.end()
		again := put(t.Context(), t, "", send, text)
		delete(again.Header, "Authorization")
		resp, err := tr.RoundTrip(again)
		require.NoError(t, err)
		assert.Equal(t, 200, resp.StatusCode)
	})
}

// TestSentAsItCame: path, query, headers and body reach Base as the client sent them, from
// another life too.
func TestSentAsItCame(t *testing.T) {
	const target = v3 + "rooms/!r%2Fx:hs/send/m.room%2Emessage/t%20%2B?ts=1&x=%41;y"
	var got *http.Request
	o := &outage{}
	b := &base{answer: func(r *http.Request, body string) (*http.Response, error) {
		got = r
		return o.answer(r, body)
	}}
	store := &session.Memory{}
	inBox(t, b, &Transport{Store: store}, func(t *testing.T, tr *Transport) {
		r := put(t.Context(), t, "token", target, text)
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		r.Header.Set("Accept-Language", "de")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := tr.RoundTrip(r.WithContext(ctx))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, tr.Close())
		o.end()
		again := &Transport{Base: b, Store: store}
		require.NoError(t, again.Start())
		time.Sleep(time.Minute)
		seen := b.seen()
		b.mu.Lock()
		defer b.mu.Unlock()
		assert.Equal(t, target, got.URL.RequestURI())
		assert.Equal(t, "gateway", got.URL.Host)
		assert.Equal(t, http.Header{"Authorization": {"Bearer token"}, "Content-Type": {"application/json; charset=utf-8"}}, got.Header)
		assert.Equal(t, int64(len(text)), got.ContentLength)
		assert.True(t, strings.HasSuffix(seen[len(seen)-1], text))
		require.NoError(t, again.Close())
	})
}

// faulty is a store that fails when told to.
type faulty struct {
	session.Memory
	commit, load atomic.Bool // fail
}

var errDisk = errors.New("disk full")

func (f *faulty) Commit(changes map[string][]byte) error {
	if f.commit.Load() {
		return errDisk
	}
	return f.Memory.Commit(changes)
}

func (f *faulty) Load(key string) ([]byte, error) {
	if f.load.Load() {
		return nil, errDisk
	}
	return f.Memory.Load(key)
}

// TestStoreFails: a message that could not be stored is not accepted; one that cannot be
// read is tried again, and leaves in the end.
func TestStoreFails(t *testing.T) {
	store := &faulty{}
	inBox(t, &base{}, &Transport{Store: store}, func(t *testing.T, tr *Transport) {
		store.commit.Store(true)
		_, _, err := ask(t, tr, long, "token", send, text)
		var own *coap.Error
		require.ErrorAs(t, err, &own)
		assert.Equal(t, 503, own.Status)
		require.ErrorIs(t, err, errDisk)
		store.commit.Store(false)
		store.load.Store(true)
		go func() {
			time.Sleep(time.Minute)
			store.load.Store(false)
		}()
		want(t, tr, 200, "token", room("!r", 1), text)
		store.load.Store(true)
		_, _, err = ask(t, tr, long, "token", send, text)
		require.ErrorIs(t, err, errDisk)
		store.load.Store(false)
		want(t, tr, 200, "token", send, text)
	})
}

// TestDamagedStore: what is damaged goes, the rest is sent.
func TestDamagedStore(t *testing.T) {
	o := &outage{}
	b := &base{answer: o.answer}
	store := &session.Memory{}
	inBox(t, b, &Transport{Store: store}, func(t *testing.T, tr *Transport) {
		for n := range 3 {
			giveUp(t, tr, "token", room("!r", n), text)
		}
		require.NoError(t, tr.Close())
		require.NoError(t, store.Commit(map[string][]byte{
			storeKey(2): {9, 9}, itemPrefix + "x": {1}, storeKey(77): letter{url: "coap://gateway/_matrix/client/versions"}.encode(),
			storeKey(78): letter{url: ":"}.encode(), answerPrefix + "x": {1},
		}))
		o.end()
		again := &Transport{Base: b, Store: store}
		require.NoError(t, again.Start())
		time.Sleep(time.Minute)
		assert.Equal(t, 2, again.Snapshot().Answers)
		want(t, again, 200, "token", room("!r", 2), text)
		require.NoError(t, again.Close())
	})
	broken := &Transport{Base: b, Store: failing{}}
	require.ErrorIs(t, broken.Start(), errDisk)
	_, err := broken.RoundTrip(put(t.Context(), t, "token", send, text))
	require.ErrorIs(t, err, errDisk)
	assert.Zero(t, broken.Snapshot())
	require.NoError(t, broken.Close())
}

// failing is a store that does not work at all.
type failing struct{ session.Store }

func (failing) Keys(string) ([]string, error) { return nil, errDisk }

// TestClose: who waits is told, and nothing goes on.
func TestClose(t *testing.T) {
	o := &outage{}
	b := &base{answer: o.answer}
	synctest.Test(t, func(t *testing.T) {
		tr := &Transport{Base: b, Store: &session.Memory{}}
		go func() {
			time.Sleep(time.Minute)
			assert.NoError(t, tr.Close())
		}()
		_, _, err := ask(t, tr, long, "token", send, text)
		require.ErrorIs(t, err, ErrClosed)
		_, _, err = ask(t, tr, long, "token", send, text)
		require.ErrorIs(t, err, ErrClosed)
		tries := len(b.seen())
		time.Sleep(time.Hour)
		assert.Len(t, b.seen(), tries)
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
