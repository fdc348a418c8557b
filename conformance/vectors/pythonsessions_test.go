package vectors

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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

// manners are exchanges of a client that writes each request in another way, of which the
// coder of the next one is told. Each has something new, without which nothing is remembered.
func manners() []measure.Entry {
	const uuid = "24cd3df5-56c8-41ac-bf49-a44928e71192"
	ids := []string{
		"m1795328724548.1", "mautrix-go_1795328725548123456_2", "1795328726548__inc3", "mautrix-python_R4@T1795328727548",
		"FluffyChat%20android-5-1795328728548", "t0a23e5b7c8d9f1", uuid, strings.ReplaceAll(uuid, "-", ""), "$local." + uuid,
		"17", "x-1", "example.org", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "m1795328724548.1",
	}
	var all []measure.Entry
	add := func(method, path, body, answer string) {
		all = append(all, measure.Entry{
			Method: method, Target: "/_matrix/client/v3/rooms/" + path, RequestType: "application/json", Request: []byte(body),
			Status: 200, ResponseType: "application/json", Response: []byte(answer),
		})
	}
	for i, id := range ids {
		room := []string{"!r:example.org", "!r%3Aexample.org", "%21r%3Aexample.org"}[i%3]
		add("PUT", room+"/send/m.room.message/"+id, `{"msgtype":"m.text","body":"hello","to":"@friend`+strconv.Itoa(i)+`:example.org"}`, `{"event_id":"$`+strings.Repeat(string(rune('a'+i)), 43)+`"}`)
		add("PUT", room+"/typing/@alice:example.org", `{"typing":true,"timeout":30000}`, `{}`)
	}
	return all
}

// TestPythonSessions has the second implementation read sessions: one that was recorded, its
// syncs pushed, one of sliding sync, in which rooms are coded apart and payloads padded, and a
// short one with mixing, which takes Python too long for the others.
func TestPythonSessions(t *testing.T) {
	deflating, err := wire2.ShippedFor(coder.Microcontroller, 1)
	require.NoError(t, err)
	mixing, err := wire2.ShippedFor(coder.Server, 1)
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
		format  *wire2.Format
		terms   wire2.Terms
		least   int // messages
	}{
		{"recorded", entries, deflating, wire2.Terms{Size: 1024, Policy: coder.Microcontroller.Policy()}, 300},
		{"sliding", made.Entries, deflating, wire2.Terms{Size: 64, Apart: true, Padding: 16, Policy: coder.Microcontroller.Policy()}, 300},
		{"manners", manners(), mixing, wire2.Terms{Size: 1024, Policy: coder.Server.Policy()}, 50},
	} {
		s.terms.Home = measure.HomeOf(s.entries)
		w := &watched{client: s.format.NewClient(s.terms), server: s.format.NewServer(s.terms, 0)}
		for _, e := range s.entries[:min(len(s.entries), 250)] {
			w.add(t, e)
		}
		assert.Greater(t, len(w.all), s.least, s.name)
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
