package delivery_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/delivery"
	"github.com/coapgw/coapgw/conformance/operations"
	"github.com/coapgw/coapgw/conformance/recorder"
	"github.com/coapgw/coapgw/conformance/virtual"
	"github.com/coapgw/coapgw/internal/linkemu"
)

var update = flag.Bool("update", false, "write what was measured into testdata")

const (
	coapgwPath    = "../../testdata/links-coapgw.tsv"
	coapgwComment = `# What the steps of conformance/delivery take over coapgw on each link, in virtual time, without loss and jitter and as the median of 20 seeds
# (5 for media), each column by itself. Bytes count the overhead of the link's lower layers. go test ./conformance/delivery -update rewrites it;
# without -update the lossless rows are compared.
`
	// announced is what the far gateway adds to an answer, to /versions.
	announced = `,"org.matrix.msc3079.low_bandwidth":true`
)

// errHangs means that there was no answer while the caller waited.
var errHangs = errors.New("no answer while the caller waited")

// script is a homeserver that answers as the exchange at hand says.
type script struct {
	mu       sync.Mutex
	current  operations.Exchange
	answered time.Time
}

func (s *script) follow(e operations.Exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = e
}

// RoundTrip implements http.RoundTripper.
func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	e := s.current
	s.mu.Unlock()
	if r.Body != nil {
		defer r.Body.Close()
		var body bytes.Buffer
		if _, err := body.ReadFrom(r.Body); err != nil {
			return nil, err
		}
		got := recorder.Request{Method: r.Method, URI: r.URL.RequestURI(), Header: r.Header, Body: body.Bytes()}
		if err := recorder.CompareRequests(e.Request, got).Err(); err != nil {
			return nil, err
		}
	}
	time.Sleep(e.Hold) // virtual
	w := httptest.NewRecorder()
	maps.Copy(w.Header(), e.Response.Header)
	w.WriteHeader(e.Response.Status)
	if _, err := w.Write(e.Response.Body); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.answered = time.Now()
	s.mu.Unlock()
	response := w.Result()
	response.Request = r
	// Of a known length, so that the proxy need not flush: that takes a lock, which
	// virtual time does not know for waiting.
	response.ContentLength = int64(len(e.Response.Body))
	return response, nil
}

// station is a pair of coapgw as this package measures it.
type station struct {
	pair   *virtual.Pair
	script *script
}

var _ delivery.Pair = station{}

// inStation runs f with a pair that has never met over the link with the luck of a
// seed.
func inStation(t *testing.T, p link.Profile, seed uint64, f func(station)) {
	s := new(script)
	virtual.Run(t, virtual.Config{Client: p, Link: delivery.Link(p, seed), Homeserver: s}, func(pair *virtual.Pair) {
		f(station{pair, s})
	})
}

// Do implements delivery.Pair.
func (s station) Do(limit time.Duration, exchanges ...operations.Exchange) (time.Duration, error) {
	begun := time.Now()
	ctx, cancel := context.WithTimeout(s.pair.T.Context(), limit)
	defer cancel()
	for _, e := range exchanges {
		if err := s.do(ctx, e); err != nil {
			return 0, err
		}
	}
	return time.Since(begun), nil
}

// do makes one exchange and compares what came with what was to come.
func (s station) do(ctx context.Context, e operations.Exchange) (err error) {
	s.script.follow(e)
	r := httptest.NewRequestWithContext(ctx, e.Request.Method, e.Request.URI, bytes.NewReader(e.Request.Body))
	r.Header = e.Request.Header.Clone()
	w := httptest.NewRecorder()
	defer func() {
		if cause := recover(); cause == http.ErrAbortHandler { // an answer that was cut short
			err = http.ErrAbortHandler
		} else if cause != nil {
			panic(cause)
		}
	}()
	s.pair.Connect.ServeHTTP(w, r)
	if ctx.Err() != nil {
		return errHangs
	}
	got := recorder.Response{Status: w.Code, Header: w.Header(), Body: bytes.Replace(w.Body.Bytes(), []byte(announced), nil, 1)}
	return recorder.CompareResponses(e.Response, got).Err()
}

// Rest implements delivery.Pair.
func (s station) Rest(d time.Duration) { time.Sleep(d) }

// Now implements delivery.Pair.
func (s station) Now() time.Time { return time.Now() }

// Answered implements delivery.Pair.
func (s station) Answered() time.Time {
	s.script.mu.Lock()
	defer s.script.mu.Unlock()
	return s.script.answered
}

// Stats implements delivery.Pair.
func (s station) Stats() linkemu.Stats { return s.pair.Link.Stats() }

// TestCoapgw holds the steps over coapgw on every link to the table. Nothing in a
// run is left to chance, so they are equal or something has changed. With all seeds
// it runs when it writes the table anew; else without loss and jitter.
func TestCoapgw(t *testing.T) {
	steps, err := delivery.Steps()
	require.NoError(t, err)
	var rows []delivery.Row
	for _, p := range link.Profiles() {
		for _, step := range steps {
			if !step.On(p) {
				continue
			}
			row := delivery.Row{Profile: p.Name, Step: step.Name, Over: delivery.Coapgw, Run: delivery.Lossless}
			row.Cost = run(t, p, step, 0)
			rows = append(rows, row)
			if *update {
				var costs []delivery.Cost
				for seed := uint64(1); seed <= step.Seeds(); seed++ {
					costs = append(costs, run(t, p, step, seed))
				}
				row.Run, row.Cost = delivery.Usual, delivery.Median(costs)
				rows = append(rows, row)
			}
		}
	}
	if *update {
		var table bytes.Buffer
		require.NoError(t, delivery.WriteTable(&table, coapgwComment, rows))
		require.NoError(t, os.WriteFile(coapgwPath, table.Bytes(), 0o644))
	}
	want := slices.DeleteFunc(readTable(t, coapgwPath), func(r delivery.Row) bool { return !*update && r.Run == delivery.Usual })
	for i := range rows { // as precisely as the table has it
		rows[i].Took = rows[i].Took.Round(time.Millisecond)
	}
	assert.Equal(t, want, rows, "what a step costs has changed (-update)")
}

// run takes a step with the luck of a seed.
func run(t *testing.T, p link.Profile, step delivery.Step, seed uint64) (c delivery.Cost) {
	inStation(t, p, seed, func(s station) { c = step.Measure(s) })
	return c
}
