package fidelity

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/recorder"
)

const testdata = "../../testdata"

// recorded is a line of a recorded session.
type recorded struct {
	Session, Kind, Method, Path, Query string
	Req, Resp                          json.RawMessage
	Status                             int
}

func (r recorded) request() recorder.Request {
	req := recorder.Request{Method: r.Method, URI: r.Path, Header: http.Header{}, Body: r.Req}
	if r.Query != "" {
		req.URI += "?" + r.Query
	}
	if len(r.Req) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	switch {
	case strings.HasSuffix(r.Path, "/versions"), strings.HasSuffix(r.Path, "/login"), strings.HasSuffix(r.Path, "/register"):
	default:
		req.Header.Set("Authorization", "Bearer token-of-"+r.Session)
	}
	return req
}

func readSession(t testing.TB, file string) (lines []recorded) {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	scanner := bufio.NewScanner(f)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var r recorded
		require.NoError(t, json.Unmarshal(scanner.Bytes(), &r))
		lines = append(lines, r)
	}
	require.NoError(t, scanner.Err())
	return lines
}

// TestCorpus replays every recorded session, requests and responses.
func TestCorpus(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testdata, "corpus/sessions/*.jsonl"))
	require.NoError(t, err)
	require.Len(t, files, 16)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			lines := readSession(t, file)
			require.NotEmpty(t, lines)
			virtually(t, func(t *testing.T) {
				var next recorder.Response // the requests come one after the other
				p := newPair(t, func(context.Context, recorder.Request) recorder.Response { return next })
				for _, line := range lines {
					next = recorder.JSON(line.Status, string(line.Resp))
					p.requireFaithful(t, line.request())
				}
			})
		})
	}
}
