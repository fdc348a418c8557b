package status

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/session"
)

// TestActions: only forms of the page itself do anything.
func TestActions(t *testing.T) {
	var did []string
	paused, fail := false, error(nil)
	h := New(Options{
		Role: Connect, Status: nothing,
		Chatter: func() Chatter { return Chatter{Paused: paused} },
		Actions: Actions{
			PauseChatter: func(_ context.Context, p bool) error { paused = p; did = append(did, "pause"); return nil },
			Flush:        func(context.Context) error { did = append(did, "flush"); return fail },
		},
	})
	page := ask{target: "/"}.to(h).Body.String()
	form := regexp.MustCompile(`name="form" value="([^"]+)"`).FindStringSubmatch(page)
	require.NotNil(t, form)
	assert.Contains(t, page, "Pause chatter")
	assert.NotContains(t, page, "Resume chatter")
	assert.NotContains(t, page, "New session", "it cannot be done here")

	for _, bad := range []url.Values{{}, {"form": {""}}, {"form": {"guess"}}} {
		assert.Equal(t, 403, ask{method: "POST", target: "/actions/flush", form: bad}.to(h).Code)
	}
	assert.Equal(t, 403, ask{method: "POST", target: "/actions/flush", form: url.Values{"x": {strings.Repeat("a", 2*maxForm)}}}.to(h).Code)
	assert.Empty(t, did)

	good := url.Values{"form": {form[1]}}
	assert.Equal(t, 405, ask{target: "/actions/flush?form=" + form[1]}.to(h).Code)
	assert.Equal(t, 404, ask{method: "POST", target: "/actions/rehandshake", form: good}.to(h).Code)
	// What the form holds is a secret, and is not all that stands against another page.
	for _, elsewhere := range []map[string]string{{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}} {
		assert.Equal(t, 403, ask{method: "POST", target: "/actions/flush", form: good, header: elsewhere}.to(h).Code)
	}
	w := ask{method: "POST", target: "/actions/flush", form: good}.to(h)
	assert.Equal(t, 303, w.Code)
	assert.Equal(t, "/?done=flush", w.Header().Get("Location"))
	fail = errors.New("syt_secret")
	w = ask{method: "POST", target: "/actions/flush", form: good}.to(h)
	assert.Equal(t, "/?failed=flush", w.Header().Get("Location"))
	assert.Equal(t, "/?done=pause", ask{method: "POST", target: "/actions/pause", form: good}.to(h).Header().Get("Location"))
	assert.Equal(t, []string{"flush", "flush", "pause"}, did)
	page = ask{target: "/?done=pause"}.to(h).Body.String()
	assert.Contains(t, page, "Chatter is paused.")
	assert.Contains(t, page, "Resume chatter")
	assert.NotContains(t, ask{target: "/?done=%3Cscript%3E"}.to(h).Body.String(), "role=\"status\"")
}

// TestPageNeedsNothingElse: no style, script or picture of another place, and none inline,
// which the policy would forbid.
func TestPageNeedsNothingElse(t *testing.T) {
	for _, role := range []Role{Connect, Serve} {
		h := New(Options{Role: role, Status: nothing})
		page := ask{target: "/"}.to(h).Body.String()
		assert.NotRegexp(t, `https?://`, page)
		assert.NotRegexp(t, `(?i)\sstyle=|\son[a-z]+=|javascript:|<style|<script>`, page)
		for _, m := range regexp.MustCompile(`(?:src|href)="(/[^"]*)"`).FindAllStringSubmatch(page, -1) {
			assert.Equal(t, 200, ask{target: m[1]}.to(h).Code, m[1])
		}
		// What is renewed is found again by its id.
		for _, m := range regexp.MustCompile(`<[^>]*data-live[^>]*>`).FindAllString(page, -1) {
			assert.Regexp(t, `\sid="`, m)
		}
	}
}

// TestHostileNames: what peers and clients choose is text.
func TestHostileNames(t *testing.T) {
	const evil = `"><script>alert(1)</script>`
	s := coap.Status{
		Requests: []coap.RequestStatus{{RequestName: coap.RequestName{Method: evil, Path: evil, Route: "other"}}},
		Sessions: []coap.SessionStatus{{Identity: evil, Address: evil, Stats: endpoint.Stats{Profile: evil}, Transfers: []coap.TransferStatus{
			{RequestName: coap.RequestName{Method: "GET", Path: "/x" + evil, Route: evil}},
		}}},
	}
	h := New(Options{Role: Serve, Status: func() coap.Status { return s }})
	page := ask{target: "/"}.to(h).Body.String()
	assert.NotContains(t, page, "<script>alert")
	assert.Contains(t, page, "&lt;script&gt;alert")
}

// TestJSON: what a client of the page reads.
func TestJSON(t *testing.T) {
	now := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	profile, _ := link.ByName("hf-vara500")
	s := coap.Status{Opened: 3, Resumed: 1, UnderWay: 1, Sessions: []coap.SessionStatus{{
		Number: 3, Peer: coap.PeerGateway, Version: 2, Address: "192.0.2.1:5684",
		Stats: endpoint.Stats{
			LossSent: 0.25, LossReceived: -1, Outstanding: 1, Waiting: 2, Queued: 3, Heard: now.Add(-time.Second),
			RoundTrip: endpoint.RoundTrip{Smoothed: 1500 * time.Millisecond, Least: time.Second, Samples: 2},
		},
		Transfers: []coap.TransferStatus{{
			RequestName: coap.RequestName{Method: "GET", Path: "/_matrix/client/v3/sync", Route: "/_matrix/client/v3/sync"},
			Transfer:    endpoint.Transfer{Began: now.Add(-time.Minute), Done: 100, Total: 400, Rate: 10, Left: 30 * time.Second},
		}},
	}}}
	s.Total.Sent = endpoint.Traffic{Datagrams: 2, LinkBytes: 200, Airtime: 5 * time.Second}
	s.Total.Received = endpoint.Traffic{Datagrams: 3, LinkBytes: 300}
	h := New(Options{Role: Connect, Link: profile, Status: func() coap.Status { return s }, Now: func() time.Time { return now }})
	var v View
	w := ask{target: "/status.json"}.to(h)
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &v))
	assert.Equal(t, "up", v.State.Level)
	assert.Equal(t, Way{200, 2, 5}, v.Today.Up)
	assert.Equal(t, Way{300, 3, 0}, v.Today.Down)
	assert.Equal(t, 1.5, v.Link.RoundTrip)
	assert.Equal(t, 0.25, v.Link.LossUp)
	assert.Equal(t, -1.0, v.Link.LossDown)
	assert.EqualValues(t, 2, v.Link.Handshakes)
	assert.Equal(t, Queue{Outstanding: 1, Waiting: 2, Datagrams: 3}, v.Queue)
	require.Len(t, v.Transfers, 1)
	assert.Equal(t, "Receiving news", v.Transfers[0].What)
	assert.False(t, v.Transfers[0].Up)
	assert.Equal(t, 25, v.Transfers[0].Percent())
	assert.Equal(t, 30.0, v.Transfers[0].Left)

	// The same at the server: up is still from the client.
	h = New(Options{Role: Serve, Link: profile, Status: func() coap.Status { return s }, Now: func() time.Time { return now }})
	require.NoError(t, json.Unmarshal(ask{target: "/status.json"}.to(h).Body.Bytes(), &v))
	assert.EqualValues(t, 300, v.Today.Up.Bytes)
	assert.True(t, v.Transfers[0].Up)
}

// TestDay: at midnight the account of the day begins anew.
func TestDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it begins at midnight UTC
		var bytes atomic.Uint64
		meter := &Meter{}
		h := New(Options{Role: Connect, Meter: meter, Status: func() coap.Status {
			var s coap.Status
			s.Total.Sent.LinkBytes = bytes.Load()
			return s
		}, Now: func() time.Time { return time.Now().UTC() }})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); h.Run(ctx) }()
		use := meter.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 5000)) }))
		for range 23 {
			time.Sleep(time.Hour)
			bytes.Add(100)
			use.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("PUT", "/", strings.NewReader("{}")))
		}
		v := h.view(ctx)
		assert.EqualValues(t, 2300, v.Today.Up.Bytes)
		assert.EqualValues(t, 23, v.Today.Requests)
		assert.Greater(t, v.Today.HTTPS(), uint64(23*(135+214+5000*0.18)))
		assert.Len(t, v.Minutes, keptMinutes)
		assert.EqualValues(t, 100, v.Minutes[keptMinutes-1].Up)
		time.Sleep(90 * time.Minute)
		v = h.view(ctx)
		assert.Zero(t, v.Today.Up.Bytes)
		assert.Zero(t, v.Today.HTTPS())
		bytes.Add(7)
		v = h.view(ctx)
		assert.EqualValues(t, 7, v.Today.Up.Bytes)
		var sum uint64
		for _, m := range v.Minutes {
			sum += m.Up
		}
		assert.EqualValues(t, 7, sum)
		stop()
		<-ended
	})
}

// TestState: the sentence at the top, from what is known.
func TestState(t *testing.T) {
	now := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	session := func(f func(*endpoint.Stats)) coap.Status {
		st := endpoint.Stats{Heard: now.Add(-time.Minute)}
		f(&st)
		return coap.Status{Opened: 1, Sessions: []coap.SessionStatus{{Stats: st}}}
	}
	for _, tt := range []struct {
		status       coap.Status
		level, title string
	}{
		{coap.Status{}, "idle", "Not connected"},
		{coap.Status{UnderWay: 1}, "slow", "Connecting"},
		{coap.Status{Opened: 1, Failed: 2, Failing: true}, "down", "The other end cannot be reached"},
		{coap.Status{Opened: 1, Failed: 2, Failing: true, UnderWay: 1}, "slow", "Connecting"},
		{coap.Status{Opened: 3, Failed: 2}, "idle", "Not connected"},
		{session(func(*endpoint.Stats) {}), "up", "Connected"},
		{session(func(s *endpoint.Stats) { s.Outstanding = 1 }), "slow", "The other end is silent"},
		{session(func(s *endpoint.Stats) { s.Outstanding, s.RoundTrip.Smoothed = 1, 20*time.Second }), "up", "Connected"},
		{session(func(s *endpoint.Stats) { s.Outstanding, s.Heard = 1, time.Time{} }), "slow", "Waiting for the other end"},
		{session(func(s *endpoint.Stats) { s.Down = true }), "down", "The link is down"},
	} {
		h := New(Options{
			Role: Connect, Status: func() coap.Status { return tt.status }, Now: func() time.Time { return now },
			Ready: func(context.Context) error { return errors.New("no session") }, // of which the page says more
		})
		v := h.view(t.Context())
		assert.Equal(t, tt.level, v.State.Level, tt.title)
		assert.Equal(t, tt.title, v.State.Title)
	}
	h := New(Options{Role: Serve, Status: nothing, Ready: func(context.Context) error { return errors.New("the homeserver is gone") }})
	assert.Equal(t, State{"down", "Not ready", "the homeserver is gone"}, h.view(t.Context()).State)
}

// TestDayOutlivesProcess: the account of the day goes on where the last process ended, and
// that of yesterday does not.
func TestDayOutlivesProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it begins at midnight UTC
		store := &session.Memory{}
		live := func(bytes uint64, lasting time.Duration) Today {
			h := New(Options{
				Role: Connect, Store: store, Now: func() time.Time { return time.Now().UTC() },
				Status: func() (s coap.Status) {
					s.Total.Sent.LinkBytes = bytes
					return s
				},
				Outside: func() (sent, received endpoint.Traffic) {
					return endpoint.Traffic{LinkBytes: 2 * bytes}, endpoint.Traffic{LinkBytes: 3 * bytes}
				},
			})
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() { defer close(ended); h.Run(ctx) }()
			time.Sleep(lasting)
			today := h.view(ctx).Today
			stop()
			<-ended
			return today
		}
		began := time.Now().UTC()
		assert.EqualValues(t, 100, live(100, time.Hour).Up.Bytes)
		second := live(10, time.Minute)
		assert.EqualValues(t, 110, second.Up.Bytes)
		assert.EqualValues(t, 220, second.OutsideUp.Bytes)
		assert.EqualValues(t, 330, second.OutsideDown.Bytes)
		assert.Equal(t, began, second.Since)
		assert.EqualValues(t, 115, live(5, 23*time.Hour+30*time.Minute-time.Hour).Up.Bytes, "the same day")
		time.Sleep(time.Hour)
		assert.EqualValues(t, 7, live(7, time.Minute).Up.Bytes, "another day")

		require.NoError(t, store.Commit(map[string][]byte{storeKey: []byte("{")}))
		assert.EqualValues(t, 1, live(1, time.Minute).Up.Bytes)
	})
}

// TestLooksCross: two people look at a time, and the older look comes later.
func TestLooksCross(t *testing.T) {
	var d daily
	noon := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	look := func(bytes uint64, at time.Time) {
		d.take(at, account{Sent: endpoint.Traffic{LinkBytes: bytes}})
	}
	look(100, noon)
	look(300, noon.Add(2*time.Second))
	look(200, noon.Add(time.Second))
	look(350, noon.Add(3*time.Second))
	h := d.history()
	assert.Equal(t, []minute{{up: 350}}, h)
	assert.Equal(t, uint64(0), since(uint64(5), uint64(9)))
}
