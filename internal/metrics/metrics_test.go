package metrics

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/trace"
)

func status() coap.Status {
	s := coap.Status{Opened: 5, Resumed: 2, Failed: 1, Refused: 4, UnderWay: 3, Displaced: 11, Resting: 12, Shaking: 13}
	s.Total = coap.Totals{
		Sent: endpoint.Traffic{Datagrams: 10, Bytes: 100, LinkBytes: 670, Airtime: 3 * time.Second}, Received: endpoint.Traffic{Datagrams: 20, Bytes: 200, LinkBytes: 1340},
		Retransmissions: 6, Duplicates: 7, Malformed: 8, GaveUp: 9,
		Requests: coap.Content{Plain: 1000, Coded: 100}, Responses: coap.Content{Plain: 3000, Coded: 700},
	}
	s.Sessions = []coap.SessionStatus{{
		Identity:  "boat",
		Stats:     endpoint.Stats{Outstanding: 1, Waiting: 2, Queued: 3, Observations: 4, Observers: 5},
		Transfers: []coap.TransferStatus{{Transfer: endpoint.Transfer{Sending: true}}, {Transfer: endpoint.Transfer{Sending: true}}, {}},
	}}
	return s
}

func scrape(t testing.TB, m *Metrics) string {
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	require.Equal(t, 200, w.Code)
	return w.Body.String()
}

// use has every metric there is appear.
func use(m *Metrics) {
	m.Record(trace.Event{Kind: trace.Measured, RoundTrip: 2 * time.Second})
	m.Record(trace.Event{Kind: trace.Sent})
	m.Hit(LimitRate)
	h := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/_matrix/client/v3/rooms/%21secret/messages", nil))
	up := m.Homeserver(answers{200, nil})
	resp, _ := up.RoundTrip(httptest.NewRequest("GET", "http://hs/_matrix/client/versions", nil))
	_ = resp.Body.Close()
}

// TestNamesAreGood: what promlint says, and that each metric of ours is explained.
func TestNamesAreGood(t *testing.T) {
	for _, role := range []string{"connect", "serve"} {
		m := New(Options{Role: role, Version: "1.2.3", Status: status, Outbox: func() (int, int64) { return 1, 2 }})
		use(m)
		problems, err := testutil.GatherAndLint(m.registry)
		require.NoError(t, err)
		for _, p := range problems {
			assert.Failf(t, p.Metric, p.Text)
		}
	}
}

func TestValues(t *testing.T) {
	const common = `
coapgw_sessions 1
coapgw_sessions_opened_total{how="handshake"} 3
coapgw_sessions_opened_total{how="resumed"} 2
coapgw_sessions_failed_total 1
coapgw_sessions_refused_total 4
coapgw_sessions_displaced_total 11
coapgw_sessions_stored 12
coapgw_handshakes_under_way 13
coapgw_bytes_total{direction="up",layer="http"} 1000
coapgw_bytes_total{direction="down",layer="http"} 3000
coapgw_bytes_total{direction="up",layer="content"} 100
coapgw_bytes_total{direction="down",layer="content"} 700
coapgw_content_ratio 0.2
coapgw_retransmissions_total 6
coapgw_duplicates_total 7
coapgw_malformed_total 8
coapgw_given_up_total 9
coapgw_queue{for="answer"} 1
coapgw_queue{for="turn"} 2
coapgw_queue{for="link"} 3
coapgw_requests_under_way 3
coapgw_observations 9
coapgw_round_trip_seconds_count 1
coapgw_round_trip_seconds_bucket{le="1"} 0
coapgw_round_trip_seconds_bucket{le="3"} 1
coapgw_limits_hit_total{limit="rate"} 1
coapgw_limits_hit_total{limit="bytes"} 0
coapgw_http_requests_total{method="GET",route="/_matrix/client/v3/rooms/{roomId}/messages",status="4xx"} 1
`
	for role, rest := range map[string]string{
		"connect": `
coapgw_bytes_total{direction="up",layer="coap"} 100
coapgw_bytes_total{direction="down",layer="link"} 1340
coapgw_datagrams_total{direction="up"} 10
coapgw_airtime_seconds_total{direction="up"} 3
coapgw_transfers{direction="up"} 2
coapgw_outside_bytes_total{direction="up"} 11
`, "serve": `
coapgw_bytes_total{direction="down",layer="coap"} 100
coapgw_bytes_total{direction="up",layer="link"} 1340
coapgw_datagrams_total{direction="up"} 20
coapgw_airtime_seconds_total{direction="down"} 3
coapgw_transfers{direction="up"} 1
coapgw_outside_bytes_total{direction="up"} 22
coapgw_homeserver_response_seconds_count{status="2xx"} 1
`} {
		m := New(Options{Role: role, Status: status, Outside: func() (sent, received endpoint.Traffic) {
			return endpoint.Traffic{LinkBytes: 11}, endpoint.Traffic{LinkBytes: 22}
		}})
		use(m)
		text := scrape(t, m)
		for want := range strings.Lines(strings.TrimSpace(common + rest)) {
			if want = strings.TrimSpace(want); want != "" {
				assert.Contains(t, text, "\n"+want+"\n", role)
			}
		}
		assert.NotContains(t, text, "secret")
		assert.NotContains(t, text, "boat")
		assert.NotContains(t, text, "outbox")
	}
}

// answers is a homeserver.
type answers struct {
	status int
	err    error
}

func (a answers) RoundTrip(*http.Request) (*http.Response, error) {
	if a.err != nil {
		return nil, a.err
	}
	return &http.Response{StatusCode: a.status, Body: io.NopCloser(strings.NewReader("{}"))}, nil
}

// TestHomeserver: long-polls tell nothing of the homeserver's speed, failures do.
func TestHomeserver(t *testing.T) {
	m := New(Options{Role: "serve"})
	for _, tt := range []struct {
		target string
		a      answers
	}{
		{"/_matrix/client/v3/sync?timeout=30000", answers{200, nil}},
		{"/_matrix/client/v3/sync?timeout=0", answers{200, nil}},
		{"/_matrix/client/v3/login", answers{503, nil}},
		{"/_matrix/client/v3/login", answers{0, errors.New("refused")}},
		{"/_matrix/client/v3/sync?timeout=30000", answers{0, errors.New("reset")}},
	} {
		resp, err := m.Homeserver(tt.a).RoundTrip(httptest.NewRequest("GET", "http://hs"+tt.target, nil))
		if err == nil {
			_ = resp.Body.Close()
		}
		assert.Equal(t, tt.a.err, err)
	}
	text := scrape(t, m)
	for _, want := range []string{`{status="2xx"} 1`, `{status="5xx"} 1`, `{status="failed"} 2`} {
		assert.Contains(t, text, "coapgw_homeserver_response_seconds_count"+want)
	}
}

// TestHalfAnAnswer: a handler that breaks off is counted, and goes on breaking off.
func TestHalfAnAnswer(t *testing.T) {
	m := New(Options{Role: "serve"})
	h := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("half"))
		panic(http.ErrAbortHandler)
	}))
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/x", nil))
	})
	assert.Contains(t, scrape(t, m), `coapgw_http_requests_total{method="GET",route="other",status="failed"} 1`)
}

// TestLatency: of a request that takes long.
func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(Options{Role: "connect"})
		h := m.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(20 * time.Second) }))
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/x", nil))
		text := scrape(t, m)
		assert.Contains(t, text, `coapgw_http_request_duration_seconds_bucket{status="2xx",le="10"} 0`)
		assert.Contains(t, text, `coapgw_http_request_duration_seconds_bucket{status="2xx",le="30"} 1`)
	})
}

// TestLabelsAreBounded: whatever is asked, series are of the known routes, and no part of a
// path that a client made up is in one.
func TestLabelsAreBounded(t *testing.T) {
	m := New(Options{Role: "connect"})
	status := 0
	h := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	rapid.Check(t, func(t *rapid.T) {
		status = rapid.IntRange(200, 999).Draw(t, "status")
		segment := "q" + rapid.StringMatching(`[a-z]{6,9}`).Draw(t, "segment")
		path := rapid.SampledFrom([]string{"/", "/_matrix/client/v3/rooms/%/messages", "/_matrix/client/v3/profile/%", "/_matrix/client/v3/%", "/%/%"}).Draw(t, "path")
		r := httptest.NewRequest("GET", strings.ReplaceAll(path, "%", segment), nil)
		r.Method = rapid.SampledFrom([]string{"GET", "PUT", "BREW", segment}).Draw(t, "method")
		h.ServeHTTP(httptest.NewRecorder(), r)
		m.Hit(Limit(segment))
		families, err := m.registry.Gather()
		require.NoError(t, err)
		for _, f := range families {
			for _, series := range f.GetMetric() {
				for _, l := range series.GetLabel() {
					require.NotContains(t, l.GetValue(), segment)
				}
			}
		}
	})
	n, err := testutil.GatherAndCount(m.registry, "coapgw_http_requests_total")
	require.NoError(t, err)
	assert.LessOrEqual(t, n, 3*3*5)
}

// TestOneRegistry: two exporters do not meet.
func TestOneRegistry(t *testing.T) {
	a, b := New(Options{}), New(Options{})
	a.Hit(LimitBytes)
	assert.NotContains(t, scrape(t, b), `limit="bytes"} 1`)
	families, err := prometheus.DefaultGatherer.Gather()
	require.NoError(t, err)
	for _, f := range families {
		assert.NotContains(t, f.GetName(), "coapgw")
	}
}
