package profiles

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/inprocess"
	"github.com/coapgw/coapgw/internal/fakehs"
)

const (
	// recording is a recorded session, with an initial sync of six rooms whose
	// filter asks for lazy loading of members. The homeserver in memory does not
	// load lazily.
	recording = "../../testdata/corpus/sessions/d0.jsonl"
	// lazySync is the target of that sync.
	lazySync = "/_matrix/client/v3/sync?filter=1&set_presence=online&timeout=0"
)

// homeserver is one in memory which remembers the last exchange.
type homeserver struct {
	hs       *fakehs.Server
	lazySync []byte // the answer

	mu   sync.Mutex
	last exchange
}

// exchange is a request with its answer.
type exchange struct{ method, target, authorization, body, answer string }

func newHomeserver(t *testing.T) *homeserver {
	return &homeserver{
		hs:       fakehs.New(fakehs.Config{ServerName: "ship.example", Seed: 1}),
		lazySync: recordedSync(t),
	}
}

// recordedSync reads the answer to lazySync.
func recordedSync(t *testing.T) []byte {
	f, err := os.Open(recording)
	require.NoError(t, err)
	defer f.Close()
	path, query, _ := strings.Cut(lazySync, "?")
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Path, Query string
			Resp        json.RawMessage
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line))
		if line.Path == path && line.Query == query {
			// The recorder escaped for HTML; an answer crosses the link in the form that
			// needs no escapes.
			return []byte(strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(line.Resp)))
		}
	}
	require.NoError(t, lines.Err())
	require.FailNow(t, "the recording has no initial sync")
	return nil
}

// RoundTrip implements http.RoundTripper.
func (h *homeserver) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		defer r.Body.Close()
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	e := exchange{method: r.Method, target: r.URL.RequestURI(), authorization: r.Header.Get("Authorization"), body: string(body)}
	answer := httptest.NewRecorder()
	if e.target == lazySync {
		answer.Header().Set("Content-Type", "application/json")
		_, _ = answer.Write(h.lazySync) // a recorder takes everything
	} else {
		again := r.Clone(r.Context())
		again.Body = io.NopCloser(strings.NewReader(e.body))
		h.hs.ServeHTTP(answer, again)
	}
	e.answer = answer.Body.String()
	h.mu.Lock()
	h.last = e
	h.mu.Unlock()
	resp := answer.Result()
	resp.Request = r
	return resp, nil
}

func (h *homeserver) lastExchange() exchange {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last
}

// ashore is a client at the homeserver, without the link.
func (h *homeserver) ashore(method, target, token, body string) (answer string) {
	w := httptest.NewRecorder()
	h.hs.ServeHTTP(w, inprocess.NewRequest(context.Background(), method, target, token, body))
	return w.Body.String()
}
