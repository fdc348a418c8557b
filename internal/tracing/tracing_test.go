package tracing

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// answers is what is behind a RoundTripper.
type answers func(*http.Request) (*http.Response, error)

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) { return a(r) }

func status(code int) answers {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: code, Body: io.NopCloser(strings.NewReader("{}"))}, nil
	}
}

func inMemory(sample float64) (*Tracer, *tracetest.InMemoryExporter) {
	told := tracetest.NewInMemoryExporter()
	return newTracer(Options{Role: "serve", Sample: sample}, sdk.WithSyncer(told)), told
}

const room = "/_matrix/client/v3/rooms/%21secret%3Aexample.org/send/m.room.message/txn"

// TestSpans: the request of a client, and under it the one over the link, with pattern and
// status and nothing of the room.
func TestSpans(t *testing.T) {
	tracer, told := inMemory(1)
	over := tracer.Link(status(503))
	h := tracer.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		resp, err := over.RoundTrip(r)
		if assert.NoError(t, err) {
			w.WriteHeader(resp.StatusCode)
		}
	}))
	r := httptest.NewRequest("PUT", room+"?access_token=secret", nil)
	r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	r.Header.Set("Authorization", "Bearer secret")
	h.ServeHTTP(httptest.NewRecorder(), r)

	spans := told.GetSpans().Snapshots()
	require.Len(t, spans, 2)
	link, request := spans[0], spans[1]
	const route = "PUT /_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}"
	assert.Equal(t, []string{"link " + route, route}, []string{link.Name(), request.Name()})
	assert.Equal(t, "0af7651916cd43dd8448eb211c80319c", request.SpanContext().TraceID().String(), "it is the client's trace")
	assert.Equal(t, request.SpanContext().SpanID(), link.Parent().SpanID())
	for _, s := range spans {
		assert.Equal(t, codes.Error, s.Status().Code)
		var text strings.Builder
		for _, a := range s.Attributes() {
			text.WriteString(string(a.Key) + "=" + a.Value.String() + " ")
		}
		assert.Equal(t, "http.request.method=PUT http.route="+route[len("PUT "):]+" http.response.status_code=503 ", text.String())
		assert.Empty(t, s.Events())
	}
}

// TestHomeserverIsTold: it can go on with the trace, and the caller's request stays as it is.
func TestHomeserverIsTold(t *testing.T) {
	for _, tt := range []struct {
		sample float64
		told   bool
	}{{1, true}, {0, false}} {
		tracer, _ := inMemory(tt.sample)
		var seen http.Header
		next := tracer.Homeserver(answers(func(r *http.Request) (*http.Response, error) {
			seen = r.Header
			return status(200)(r)
		}))
		r := httptest.NewRequest("GET", room, nil)
		_, err := next.RoundTrip(r)
		require.NoError(t, err)
		assert.Equal(t, tt.told, seen.Get("Traceparent") != "")
		assert.Empty(t, r.Header)
	}
}

func TestFailures(t *testing.T) {
	tracer, told := inMemory(1)
	_, err := tracer.Link(answers(func(*http.Request) (*http.Response, error) { return nil, errors.New("no link to secret") })).RoundTrip(httptest.NewRequest("BREW", room, nil))
	require.Error(t, err)
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() {
		tracer.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })).
			ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/x", nil))
	})
	spans := told.GetSpans()
	require.Len(t, spans, 2)
	assert.Equal(t, []string{"link _OTHER other", "GET other"}, []string{spans[0].Name, spans[1].Name})
	for _, s := range spans {
		assert.Equal(t, sdk.Status{Code: codes.Error}, s.Status)
	}
}

// TestNothingIsTraced: a nil Tracer is none.
func TestNothingIsTraced(t *testing.T) {
	var none *Tracer
	h, over := http.NotFoundHandler(), status(200)
	assert.NotNil(t, none.Middleware(h))
	assert.IsType(t, over, none.Link(over))
	assert.IsType(t, over, none.Homeserver(over))
	assert.NoError(t, none.Close(t.Context()))
}

// TestCollector: spans arrive at a collector, without anything of whose request it was; one that
// refuses is told of in the log.
func TestCollector(t *testing.T) {
	var mu sync.Mutex
	var posted bytes.Buffer
	code := http.StatusOK
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		assert.Equal(t, "/v1/traces", r.URL.Path)
		_, _ = io.Copy(&posted, r.Body)
		w.WriteHeader(code)
	}))
	defer collector.Close()
	var log bytes.Buffer
	live := func() {
		tracer, err := New(t.Context(), Options{
			Endpoint: collector.URL + "/v1/traces", Sample: 1, Role: "connect", Version: "1.2.3", Log: slog.New(slog.NewTextHandler(&log, nil)),
		})
		require.NoError(t, err)
		tracer.Middleware(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("PUT", room, nil))
		require.NoError(t, tracer.Close(context.WithoutCancel(t.Context())))
	}
	live()
	assert.Contains(t, posted.String(), "{roomId}")
	assert.Contains(t, posted.String(), "coapgw-connect")
	assert.NotContains(t, posted.String(), "secret")
	assert.Empty(t, log.String())
	code = http.StatusBadRequest // which is not tried again
	live()
	assert.Contains(t, log.String(), "spans were not told")
}
