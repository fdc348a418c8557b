package fidelity

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coapgw/coapgw/coap/observe"
	"github.com/coapgw/coapgw/conformance/recorder"
	"github.com/coapgw/coapgw/internal/gateway"
)

// TestPushedSync: what a client gets out of a pushed /sync is what the homeserver said, each
// answer once and in order, as odd as its JSON may be.
func TestPushedSync(t *testing.T) {
	virtually(t, func(t *testing.T) {
		var said []string // by the number of its next_batch, from 1
		rec := recorder.New(recorder.Scripted(func(ctx context.Context, req recorder.Request) recorder.Response {
			u, err := url.ParseRequestURI(req.URI)
			if !assert.NoError(t, err) {
				return recorder.Response{Status: 500}
			}
			since, _ := strconv.Atoi(strings.TrimPrefix(u.Query().Get("since"), "s"))
			if since == len(said) { // nothing new
				select {
				case <-time.After(30 * time.Second):
				case <-ctx.Done():
				}
				return recorder.JSON(200, fmt.Sprintf(`{"next_batch":"s%d"}`, since))
			}
			return recorder.JSON(200, said[since])
		}))
		transport := newTransport(t, rec)
		syncer := &observe.Syncer{Carry: transport.RoundTrip, Source: transport}
		t.Cleanup(func() { assert.NoError(t, syncer.Close()) })
		p := &pair{client: inProcess{gateway.NewConnect(gateway.ConnectOptions{Transport: syncer})}, homeserver: rec}
		ask := func(since int, timeout time.Duration) recorder.Response {
			target := fmt.Sprintf("/_matrix/client/v3/sync?timeout=%d", timeout.Milliseconds())
			if since > 0 {
				target += fmt.Sprintf("&since=s%d", since)
			}
			got, err := recorder.Do(t.Context(), p.client, "http://localhost", recorder.Request{Method: "GET", URI: target, Header: bearer("a")})
			require.NoError(t, err)
			return got
		}
		at := 0
		rapid.Check(bubbled{t}, func(t *rapid.T) {
			for range rapid.IntRange(1, 3).Draw(t, "new") {
				said = append(said, fmt.Sprintf(`{"next_batch":"s%d","x":[%s],"rooms":{"join":{"!r:example.org":{"timeline":{"events":[{"type":"m.room.message","sender":"@a:example.org","event_id":"$%d","origin_server_ts":%d,"content":%s}]}}}}}`,
					len(said)+1, genJSON(t, 1), len(said), len(said), genJSON(t, 2)))
			}
			for at < len(said) {
				got := ask(at, 30*time.Second)
				require.Equal(t, http.StatusOK, got.Status)
				requireSame(t, recorder.CompareResponses(recorder.JSON(200, said[at]), got), recorder.Request{Method: "GET", URI: fmt.Sprintf("since=s%d", at)})
				at++
				if rapid.Bool().Draw(t, "pauses") {
					time.Sleep(time.Minute)
				}
			}
			if rapid.IntRange(0, 9).Draw(t, "asks for nothing") == 0 {
				got := ask(at, 10*time.Second)
				require.JSONEq(t, fmt.Sprintf(`{"next_batch":"s%d"}`, at), string(got.Body))
			}
		})
		if *wireVersion < 2 {
			return // where every poll of the client crosses the link
		}
		polls, asked := 0, 0
		for _, e := range rec.Take() {
			if strings.HasSuffix(e.Request.URI, "&timeout=30000") { // the client writes since behind it
				polls++
			} else {
				asked++
			}
		}
		require.Greater(t, polls, at, "polls of serve, who pushes")
		require.Less(t, asked, at/10, "polls of the client that crossed the link")
	})
}
