package vectors

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/cborcodec/dialect"
	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/internal/measure"
	"github.com/coapgw/coapgw/internal/traffic"
)

// seen is a message of a session as Python is told it: what was written, and what the other
// end has read.
type seen struct {
	Request      string  `json:"request,omitempty"`
	Response     *string `json:"response,omitempty"`
	Notification string  `json:"notification,omitempty"`
	Method       string  `json:"method,omitempty"`
	Target       string  `json:"target,omitempty"`
	Status       int     `json:"status,omitempty"`
	JSON         *string `json:"json,omitempty"`
}

// watched is a session of both our ends on a link that loses nothing.
type watched struct {
	client *wire2.Client
	server *wire2.Server
	all    []seen
	// call and exchange are those of the last /sync, which is observed, and next is the
	// token from which it goes on.
	call     *wire2.Call
	exchange *wire2.Exchange
	next     string
}

// add has an exchange go over the link: an answer to /sync comes unasked where it can.
func (w *watched) add(t *testing.T, e measure.Entry) {
	if len(e.Request) > 0 && !strings.Contains(e.RequestType, "json") || !strings.Contains(e.ResponseType, "json") {
		return
	}
	u, err := url.Parse(e.Target)
	require.NoError(t, err)
	since, next := u.Query().Get("since"), ""
	if e.Method == "GET" && strings.HasSuffix(u.Path, "/sync") && e.Status == 200 {
		var answer struct {
			Next string `json:"next_batch"`
		}
		require.NoError(t, json.Unmarshal(e.Response, &answer))
		next = answer.Next
	}
	if next != "" && since != "" && since == w.next {
		payload, n, err := w.call.Notification(nil, e.Response, e.Status, since)
		require.NoError(t, err)
		text, _, err := w.exchange.Response(nil, payload, e.Status)
		require.NoError(t, err)
		n.Done(true)
		w.next = next
		w.all = append(w.all, seen{Notification: hex.EncodeToString(payload), Status: e.Status, JSON: new(string(text))})
		return
	}
	payload, x, err := w.client.Request(nil, &dialect.Request{Method: e.Method, Target: e.Target, Body: e.Request}, time.Time{})
	require.NoError(t, err)
	call, r := w.server.Admit(0), new(dialect.Request)
	require.NoError(t, call.Request(r, payload))
	s := seen{Request: hex.EncodeToString(payload), Method: r.Method, Target: r.Target}
	if r.Body != nil {
		s.JSON = new(string(r.Body))
	}
	answer, err := call.Response(nil, e.Response, e.Status)
	require.NoError(t, err)
	text, ok, err := x.Response(nil, answer, e.Status)
	require.NoError(t, err)
	require.True(t, ok)
	w.all = append(w.all, s, seen{Response: new(hex.EncodeToString(answer)), Status: e.Status, JSON: new(string(text))})
	if next != "" {
		w.call, w.exchange, w.next = call, x, next
	}
}

// TestPythonSessions has the second implementation read sessions: one that was recorded, its
// syncs pushed, and one of sliding sync, in which rooms are coded apart and payloads padded.
// Coded without mixing, which takes Python too long.
func TestPythonSessions(t *testing.T) {
	format, err := wire2.ShippedFor(coder.Microcontroller, 1)
	require.NoError(t, err)
	recorded, err := os.Open("../../testdata/corpus/recorded/kaspi-port.kz/lebrun.jsonl")
	require.NoError(t, err)
	defer recorded.Close()
	var entries []measure.Entry
	require.NoError(t, measure.EachLine(recorded, func(e measure.Entry) error {
		entries = append(entries, e)
		return nil
	}))
	servers := traffic.Servers()
	made := traffic.Sessions(servers[slices.IndexFunc(servers, func(s traffic.Server) bool { return s.Name == "minato.tokyo" })])[0]
	require.Contains(t, made.Name, "element-x")

	var right, wrong bytes.Buffer
	total := 0
	for _, s := range []struct {
		name    string
		entries []measure.Entry
		terms   wire2.Terms
	}{
		{"recorded", entries, wire2.Terms{Size: 1024}},
		{"sliding", made.Entries, wire2.Terms{Size: 64, Apart: true, Padding: 16}},
	} {
		s.terms.Home, s.terms.Policy = measure.HomeOf(s.entries), coder.Microcontroller.Policy()
		w := &watched{client: format.NewClient(s.terms), server: format.NewServer(s.terms, 0)}
		for _, e := range s.entries[:min(len(s.entries), 250)] {
			w.add(t, e)
		}
		assert.Greater(t, len(w.all), 300, s.name)
		for _, to := range []*bytes.Buffer{&right, &wrong} {
			encode := json.NewEncoder(to)
			require.NoError(t, encode.Encode(map[string]any{"session": s.name, "home": s.terms.Home, "size": s.terms.Size}))
			for i, m := range w.all {
				if to == &wrong && i == 100 {
					break // that is enough of them
				}
				if to == &wrong {
					text := " "
					if m.JSON != nil {
						text = *m.JSON + text
					}
					m.JSON, total = &text, total+1
				}
				require.NoError(t, encode.Encode(m))
			}
		}
	}
	dir := t.TempDir()
	path, broken := filepath.Join(dir, "right.jsonl"), filepath.Join(dir, "wrong.jsonl")
	require.NoError(t, os.WriteFile(path, right.Bytes(), 0o644))
	require.NoError(t, os.WriteFile(broken, wrong.Bytes(), 0o644))
	out, err := independent(t, path)
	require.NoError(t, err, out)
	noticed(t, map[string]int{broken: total})
}
