package main

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"sync"
	"time"
)

// A line is one exchange in a file of JSON lines.
type line struct {
	Session  string          `json:"session"`
	Seq      int             `json:"seq"`
	Kind     string          `json:"kind"`
	Method   string          `json:"method"`
	Path     string          `json:"path"`
	Query    string          `json:"query"`
	Request  json.RawMessage `json:"req,omitempty"`
	Status   int             `json:"status"`
	Response json.RawMessage `json:"resp,omitempty"`
	Time     int64           `json:"t"` // when the response was there, in ms
}

// A recording is the exchanges of one client in the order in which they ended.
type recording struct {
	session string
	now     func() time.Time
	mu      sync.Mutex
	lines   []line
}

// add notes an exchange that has just ended. Bodies that are not JSON, which are those
// of media, are left out.
func (r *recording) add(method, path, query string, request []byte, status int, response []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line{
		Session: r.session,
		Kind:    kindOf(method, path, query, request, status, response),
		Method:  method, Path: path, Query: query,
		Request: onlyJSON(request), Status: status, Response: onlyJSON(response),
		Time: r.now().UnixMilli(),
	})
}

func onlyJSON(body []byte) json.RawMessage {
	if !json.Valid(body) {
		return nil
	}
	return slices.Clone(body)
}

// writeTo writes the recording without the polls that trim leaves out.
func (r *recording) writeTo(w io.Writer) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	for i, l := range trim(r.lines) {
		l.Seq = i + 1
		if err := out.Encode(l); err != nil {
			return err
		}
	}
	return nil
}

// idleRun is how many polls without news in a row are kept: what the third would show
// the first two have shown.
const idleRun = 2

// trim leaves out polls without news, where more than idleRun follow one another.
func trim(lines []line) []line {
	var kept []line
	run := 0
	for _, l := range lines {
		if l.Kind == "sync" && idle(l.Response) {
			if run++; run > idleRun {
				continue
			}
		} else {
			run = 0
		}
		kept = append(kept, l)
	}
	return kept
}

// idle tells whether a response to a sync has no news: no events of any room, of
// account data, to the device, or of presence.
func idle(response []byte) bool {
	for _, news := range []string{`"events":[{`, `"changed":[`, `"left":[`, `"invite":{"`, `"join":{"`, `"leave":{"`} {
		if bytes.Contains(response, []byte(news)) {
			return false
		}
	}
	return true
}
