package answers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/coap/txn"
)

const (
	v3   = "/_matrix/client/v3/"
	send = v3 + "rooms/!r:hs/send/m.room.message/t1"
	text = `{"body":"hello"}`
)

// homeserver executes everything each time, and numbers what it does.
type homeserver struct {
	delay time.Duration
	// answer says what else to do than to answer 200; nil for nothing.
	answer func(w http.ResponseWriter, r *http.Request, body string) bool

	mu    sync.Mutex
	count int
	ended int // requests that were cancelled
}

// ServeHTTP implements http.Handler.
func (h *homeserver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	h.mu.Lock()
	h.count++
	n := h.count
	h.mu.Unlock()
	select {
	case <-time.After(h.delay):
	case <-r.Context().Done():
		h.mu.Lock()
		h.ended++
		h.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	if h.answer != nil && h.answer(w, r, string(body)) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if _, ok := w.(*holder); ok { // the recorder of this test takes it for the status
		w.WriteHeader(http.StatusEarlyHints)
	}
	w.WriteHeader(http.StatusOK)
	fmt.Fprintf(w, `{"event_id":"$%d"}`, n)
}

func (h *homeserver) done() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.count
}

// newHandler returns a Handler over a store, as a new life has it.
func newHandler(t *testing.T, h http.Handler, store session.Store) *Handler {
	book := &Book{Store: store, Prefix: "answers/"}
	require.NoError(t, book.Open())
	return &Handler{Next: h, Book: book}
}

func ask(ctx context.Context, h http.Handler, method, target, token, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestExactlyOnce: a transaction is executed once and answered alike each time, in each
// life; another user, body or path is another transaction.
func TestExactlyOnce(t *testing.T) {
	hs, store := &homeserver{}, &session.Memory{}
	first := map[string]string{}
	for life := range 3 {
		h := newHandler(t, hs, store)
		for range 2 {
			for _, target := range []string{send, send + "2", v3 + "sendToDevice/m.room_key/t1", v3 + "rooms/!r:hs/redact/$e/t1"} {
				for _, token := range []string{"a", "b"} {
					for _, body := range []string{text, "{}"} {
						w := ask(t.Context(), h, "PUT", target, token, body)
						require.Equal(t, 200, w.Code)
						require.Equal(t, "application/json", w.Header().Get("Content-Type"))
						name := token + target + body
						if life == 0 && first[name] == "" {
							first[name] = w.Body.String()
						}
						require.Equal(t, first[name], w.Body.String(), name)
					}
				}
			}
		}
	}
	assert.Equal(t, len(first), hs.done())
	keys, err := store.Keys("")
	require.NoError(t, err)
	assert.Len(t, keys, len(first))
}

// TestPeersAreApart: a token is another user in the hands of another peer.
func TestPeersAreApart(t *testing.T) {
	seen := map[txn.Digest]bool{}
	for user := range 2 {
		for _, identity := range []string{"", "a", "b", "ab"} {
			d := ofPeer(digest(user), identity)
			assert.False(t, seen[d])
			seen[d] = true
		}
	}
}

// TestPassesThrough: everything else is asked each time.
func TestPassesThrough(t *testing.T) {
	hs := &homeserver{}
	h := newHandler(t, hs, &session.Memory{})
	for _, tt := range []struct{ method, target, token, body string }{
		{"GET", v3 + "sync", "a", ""},
		{"POST", v3 + "createRoom", "a", "{}"},
		{"PUT", v3 + "rooms/!r/state/m.room.topic", "a", "{}"},
		{"PUT", send, "", text},
		{"PUT", send, "a", strings.Repeat("x", txn.MaxBody+1)},
	} {
		before := hs.done()
		for range 2 {
			require.Equal(t, 200, ask(t.Context(), h, tt.method, tt.target, tt.token, tt.body).Code)
		}
		assert.Equal(t, 2, hs.done()-before, "%s %s", tt.method, tt.target)
	}
}

// TestOnlyWhatWasDone: a refusal did nothing, and is asked again.
func TestOnlyWhatWasDone(t *testing.T) {
	for status, want := range map[int]int{200: 1, 201: 1, 204: 1, 302: 2, 400: 2, 401: 2, 403: 2, 404: 2, 429: 2, 500: 2, 502: 2} {
		hs := &homeserver{answer: func(w http.ResponseWriter, _ *http.Request, _ string) bool {
			w.Header().Set("Retry-After", "9")
			w.WriteHeader(status)
			return true
		}}
		h := newHandler(t, hs, &session.Memory{})
		for n := range 2 {
			w := ask(t.Context(), h, "PUT", send, "a", text)
			assert.Equal(t, status, w.Code)
			if n == 0 {
				assert.Equal(t, "9", w.Header().Get("Retry-After"))
			}
		}
		assert.Equal(t, want, hs.done(), status)
	}
}

// TestTokenEnds: 401 and a logout forget what is kept for the user, and nobody else.
func TestTokenEnds(t *testing.T) {
	for name, end := range map[string]func(h http.Handler) int{
		"401":    func(h http.Handler) int { return ask(t.Context(), h, "PUT", send, "a", "ends").Code },
		"logout": func(h http.Handler) int { return ask(t.Context(), h, "POST", v3+"logout", "a", "{}").Code },
	} {
		t.Run(name, func(t *testing.T) {
			hs := &homeserver{answer: func(w http.ResponseWriter, _ *http.Request, body string) bool {
				if body == "ends" {
					w.WriteHeader(http.StatusUnauthorized)
				}
				return body == "ends"
			}}
			h := newHandler(t, hs, &session.Memory{})
			ask(t.Context(), h, "PUT", send, "a", text)
			ask(t.Context(), h, "PUT", send, "b", text)
			want := 200
			if name == "401" {
				want = 401
			}
			require.Equal(t, want, end(h))
			count, _ := h.Book.Len()
			assert.Equal(t, 1, count)
			ask(t.Context(), h, "PUT", send, "b", text)
			assert.Equal(t, 3, hs.done())
		})
	}
}

// TestLongAnswer: what is no answer of Matrix goes through as it comes.
func TestLongAnswer(t *testing.T) {
	long := strings.Repeat("x", maxHeld)
	hs := &homeserver{answer: func(w http.ResponseWriter, _ *http.Request, _ string) bool {
		_, _ = io.WriteString(w, long)
		_, _ = io.WriteString(w, long)
		return true
	}}
	h := newHandler(t, hs, &session.Memory{})
	for range 2 {
		assert.Equal(t, long+long, ask(t.Context(), h, "PUT", send, "a", text).Body.String())
	}
	assert.Equal(t, 2, hs.done())
}

// TestBrokenOff: an answer or a request that broke off is none.
func TestBrokenOff(t *testing.T) {
	hs := &homeserver{answer: func(w http.ResponseWriter, _ *http.Request, body string) bool {
		if body == text {
			_, _ = io.WriteString(w, `{"event_`)
			panic(http.ErrAbortHandler)
		}
		return false
	}}
	h := newHandler(t, hs, &session.Memory{})
	for range 2 {
		assert.PanicsWithValue(t, http.ErrAbortHandler, func() { ask(t.Context(), h, "PUT", send, "a", text) })
	}
	assert.Equal(t, 2, hs.done())
	r := httptest.NewRequest("PUT", send, iotest.ErrReader(errors.New("broken")))
	r.Header.Set("Authorization", "Bearer a")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	assert.Equal(t, 502, w.Code)
}

// TestOneAtATime: a request that comes again while it is executed waits for the answer.
func TestOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hs := &homeserver{delay: time.Minute}
		h := newHandler(t, hs, &session.Memory{})
		var wg sync.WaitGroup
		answers := make([]string, 10)
		for n := range answers {
			wg.Go(func() { answers[n] = ask(t.Context(), h, "PUT", send, "a", text).Body.String() })
		}
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			time.Sleep(time.Millisecond)
			w := ask(ctx, h, "PUT", send, "a", text)
			assert.Equal(t, 503, w.Code, "nothing that could be taken for an answer")
		})
		wg.Wait()
		assert.Equal(t, 1, hs.done())
		for _, a := range answers {
			assert.Equal(t, `{"event_id":"$1"}`, a)
		}
		assert.Empty(t, h.running)
	})
}

// TestLinger: what was begun for a peer that gave up is finished, within bounds.
func TestLinger(t *testing.T) {
	for _, tt := range []struct {
		delay    time.Duration
		executed int
	}{{5 * time.Second, 1}, {time.Minute, 2}} {
		synctest.Test(t, func(t *testing.T) {
			hs := &homeserver{delay: tt.delay}
			h := newHandler(t, hs, &session.Memory{})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			begun := time.Now()
			func() {
				defer func() { _ = recover() }()
				ask(ctx, h, "PUT", send, "a", text)
			}()
			assert.LessOrEqual(t, time.Since(begun), defaultLinger+time.Second)
			ask(t.Context(), h, "PUT", send, "a", text)
			assert.Equal(t, tt.executed, hs.done())
			assert.Equal(t, tt.executed-1, hs.ended)
		})
	}
}

// TestStoreFails: the peer has its answer all the same, and the operator is told no secret.
func TestStoreFails(t *testing.T) {
	store := &faulty{}
	h := newHandler(t, &homeserver{}, store)
	var log bytes.Buffer
	h.Log = slog.New(slog.NewTextHandler(&log, nil))
	store.commit = true
	assert.Equal(t, 200, ask(t.Context(), h, "PUT", send, "secret", text).Code)
	assert.Contains(t, log.String(), "not stored")
	assert.NotContains(t, log.String(), "secret")
	assert.NotContains(t, log.String(), "!r:hs")
}
