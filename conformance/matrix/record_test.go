package matrix

import (
	"context"
	"flag"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/operations"
	"github.com/coapgw/coapgw/conformance/recorder"
)

var record = flag.Bool("record", false, "record what conformance/operations replays, with a homeserver of its own")

const recordings = "../operations/testdata/exchanges.jsonl"

// TestRecord records the exchanges of the script in front of the homeserver. It
// writes only with -record; without, that the script runs is shown by TestBudgets.
func TestRecord(t *testing.T) {
	if !*record {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	var all []operations.Recording
	var token string
	s := newScript(ctx, t, bed.homeserverURL, true, func(name string, req recorder.Request) recorder.Response {
		resp, err := recorder.Do(ctx, http.DefaultTransport, bed.homeserverURL, req)
		require.NoError(t, err)
		header := resp.Header.Clone()
		header.Del("Content-Length") // whoever replays it says it
		if name != "login" && name != "versions" {
			// Two accounts, so that the rooms of one do not disturb the other. Replayed
			// they are one client's, which has one token.
			req.Header.Set("Authorization", "Bearer "+token)
		}
		all = append(all, operations.Recording{
			Name: name, Method: req.Method, URI: req.URI, Header: req.Header, Body: string(req.Body),
			Status: resp.Status, ResponseHeader: header, Response: string(resp.Body),
		})
		return resp
	})
	token = s.alice.token
	s.first()
	s.keys()
	s.chat()
	s.large()
	s.idle() // also lets the homeserver finish what it does behind its answers
	f, err := os.Create(recordings)
	require.NoError(t, err)
	require.NoError(t, operations.WriteRecordings(f, all))
	require.NoError(t, f.Close())
}
