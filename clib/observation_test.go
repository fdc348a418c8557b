//go:build cgo

package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	gw "github.com/coapgw/coapgw/client"
)

// scripted is a carrier whose answers are known beforehand; after the last one it holds
// requests until they end.
type scripted struct {
	answers []scriptedAnswer

	mu    sync.Mutex
	asked []string // queries
	times []time.Time
}

// scriptedAnswer is an answer, or an error.
type scriptedAnswer struct {
	status     int
	body       string
	retryAfter string
	err        error
}

// RoundTrip implements http.RoundTripper.
func (s *scripted) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	n := len(s.asked)
	s.asked = append(s.asked, r.URL.Query().Get("since"))
	s.times = append(s.times, time.Now())
	s.mu.Unlock()
	if n >= len(s.answers) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	a := s.answers[n]
	if a.err != nil {
		return nil, a.err
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if a.retryAfter != "" {
		header.Set("Retry-After", a.retryAfter)
	}
	return &http.Response{StatusCode: a.status, Header: header, Body: io.NopCloser(strings.NewReader(a.body))}, nil
}

func (*scripted) Suspend() error  { return nil }
func (*scripted) Resume()         {}
func (*scripted) NetworkChanged() {}
func (*scripted) Close() error    { return nil }

// Follow tells nothing.
func (*scripted) Follow(ctx context.Context, _ gw.Stream, _ func(gw.Event) error) error {
	<-ctx.Done()
	return ctx.Err()
}

// observing runs an observation of a carrier and returns it with what it has heard.
func observing(t *testing.T, over *scripted) (*client, *observation, *[]event) {
	t.Helper()
	c := newClient(over, nil, defaultMaxBody)
	q := request{path: "/_matrix/client/v3/sync", token: "token"}
	o, err := newObservation(c, q)
	require.NoError(t, err)
	heard := new([]event)
	o.hear = func(e event) bool {
		*heard = append(*heard, e)
		return false
	}
	o.handle = handles.addObservation(o)
	o.start()
	synctest.Wait()
	return c, o, heard
}

func kinds(events []event) (all []kind) {
	for _, e := range events {
		all = append(all, e.kind)
	}
	return all
}

// What fails is tried again, later each time and not before the homeserver wants it; what is
// new is told once.
func TestObservationTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over := &scripted{answers: []scriptedAnswer{
			{err: errors.New("away")},
			{err: errors.New("away")},
			{status: 200, body: `{"next_batch":"1","rooms":{}}`},
			{status: 429, body: `{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":60000}`},
			{status: 502, body: `{}`, retryAfter: "90"},
			{status: 200, body: `no JSON`},
			{status: 200, body: `{"next_batch":"1"}`},
			{status: 200, body: `{"next_batch":"1"}`},
			{status: 200, body: `{"next_batch":"2"}`},
		}}
		c, o, heard := observing(t, over)
		time.Sleep(time.Hour)
		synctest.Wait()
		o.stop()
		require.NoError(t, c.close())
		assert.Equal(t, []kind{kindTrouble, kindTrouble, kindData, kindTrouble, kindTrouble, kindTrouble, kindData, kindEnd}, kinds(*heard))
		assert.Equal(t, codeLink, (*heard)[0].err.code)
		assert.Equal(t, codeBusy, (*heard)[3].err.code)
		assert.Equal(t, codeBody, (*heard)[5].err.code)
		assert.Equal(t, codeCanceled, (*heard)[7].err.code)
		assert.Equal(t, []string{"", "", "", "1", "1", "1", "1", "1", "1", "2"}, over.asked)
		waited := func(n int) time.Duration { return over.times[n].Sub(over.times[n-1]) }
		for n, between := range map[int][2]time.Duration{
			1: {firstPause / 2, firstPause},
			2: {firstPause, 2 * firstPause},
			4: {time.Minute, time.Minute},
			5: {90 * time.Second, 90 * time.Second},
			7: {pollTooSoon, pollTooSoon},
		} {
			assert.GreaterOrEqual(t, waited(n), between[0], n)
			assert.LessOrEqual(t, waited(n), between[1], n)
		}
		_, err := handles.observation(o.handle)
		assert.ErrorIs(t, err, errHandle)
	})
}

// A client that sleeps asks nothing, and its observations are not troubled.
func TestObservationSleeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over := &scripted{answers: []scriptedAnswer{{status: 200, body: `{"next_batch":"1"}`}}}
		c, o, heard := observing(t, over)
		require.Len(t, over.asked, 2)
		require.NoError(t, c.suspend())
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Len(t, over.asked, 2)
		c.resume()
		synctest.Wait()
		require.Equal(t, []string{"", "1", "1"}, over.asked)
		require.NoError(t, c.suspend())
		require.NoError(t, c.close())
		<-o.done
		assert.Equal(t, []kind{kindData, kindEnd}, kinds(*heard))
		assert.Equal(t, codeClosed, (*heard)[1].err.code)
	})
}

// A request is ended by its own time, by its tag, by sleep and by close, and says which.
func TestExchangeEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(&scripted{}, nil, defaultMaxBody)
		ended := func(q request, end func()) error {
			q.path = "/"
			require.NoError(t, q.check())
			failed := make(chan error, 1)
			go func() {
				_, err := c.exchange(c.life, &q)
				failed <- err
			}()
			synctest.Wait()
			end()
			return <-failed
		}
		began := time.Now()
		assert.ErrorIs(t, ended(request{timeout: 5 * time.Second}, func() {}), errOvertime)
		assert.Equal(t, 5*time.Second, time.Since(began))
		assert.ErrorIs(t, ended(request{tag: 7}, func() { assert.EqualValues(t, 1, c.cancel(7)) }), errCanceled)
		assert.ErrorIs(t, ended(request{tag: 7}, func() { assert.NoError(t, c.suspend()) }), errSuspended)
		assert.ErrorIs(t, ended(request{}, func() {}), errSuspended)
		c.resume()
		assert.ErrorIs(t, ended(request{}, func() { assert.NoError(t, c.close()) }), errClosed)
		assert.ErrorIs(t, ended(request{}, func() {}), errClosed)
		assert.Zero(t, c.cancel(7))
	})
}

func TestIsSync(t *testing.T) {
	for path, want := range map[string]bool{
		"/_matrix/client/v3/sync": true, "/_matrix/client/r0/sync": true, "/_matrix/client/sync": false,
		"/_matrix/client/v3/rooms/x/sync": false, "/_matrix/client//sync": false, "/sync": false, "/_matrix/client/v3/sync/": false,
	} {
		assert.Equal(t, want, isSync(path), path)
	}
}
