package outbox

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/coap/txn"
)

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
