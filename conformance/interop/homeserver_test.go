package interop

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// seen is a request as it reached the homeserver.
type seen struct {
	Method, Target, Token, ContentType, Body string
}

// homeserver answers every request with what it got of it, and remembers it.
type homeserver struct {
	*httptest.Server
	t *testing.T

	mu   sync.Mutex
	seen []seen
}

const (
	largePath   = "/_matrix/client/v3/large"
	largeSize   = 100_000 // bytes, at least
	missingPath = "/_matrix/client/v3/missing"
	missingBody = `{"errcode":"M_NOT_FOUND","error":"There is no such thing"}`
	plainPath   = "/_matrix/media/v3/download/here/picture"
)

func startHomeserver(t *testing.T) *homeserver {
	h := &homeserver{t: t}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

// ServeHTTP implements http.Handler.
func (h *homeserver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	s := seen{r.Method, r.RequestURI, r.Header.Get("Authorization"), r.Header.Get("Content-Type"), string(body)}
	h.mu.Lock()
	h.seen = append(h.seen, s)
	h.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case largePath:
		_, _ = io.WriteString(w, largeAnswer())
	case missingPath:
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, missingBody)
	case plainPath:
		w.Header().Set("Content-Type", "image/png")
		_, _ = io.WriteString(w, picture())
	default:
		_ = json.NewEncoder(w).Encode(answerTo(s))
	}
}

// answerTo is what the homeserver answers; event_id is a key of MSC3079's table,
// the others are not.
func answerTo(s seen) map[string]any {
	return map[string]any{"event_id": "$1", "heard": s.Method + " " + s.Target, "bytes": len(s.Body)}
}

// largeAnswer is an answer of many blocks, no two of which are alike.
func largeAnswer() string {
	var b strings.Builder
	b.WriteString(`{"list":["`)
	for i := 0; b.Len() < largeSize; i++ {
		b.WriteString(strconv.Itoa(i) + " ")
	}
	b.WriteString(`"]}`)
	return b.String()
}

// picture is a body that is no JSON.
func picture() string {
	var b strings.Builder
	for i := range 5000 {
		b.WriteByte(byte(i * i >> 5))
	}
	return b.String()
}

// take returns the only request since the last call.
func (h *homeserver) take() seen {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	got := h.seen
	h.seen = nil
	require.Len(h.t, got, 1, "requests at the homeserver")
	return got[0]
}

// untouched asserts that there was no request.
func (h *homeserver) untouched() {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	require.Empty(h.t, h.seen)
}
