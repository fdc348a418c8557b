package main

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/cborcodec/coder/train"
	"github.com/coapgw/coapgw/cborcodec/dialect"
	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/internal/measure"
)

// message is what goes into the coder for one message: what the receiver knows before it,
// and the message.
type message struct{ prelude, payload []byte }

// tableSize is how many entries the tables of identifiers have.
const tableSize = 1024

// capture makes the messages of sessions as wire version 2 sends them.
type capture struct{ format *wire2.Format }

// newCapture needs no model that is trained, so that a first one can be.
func newCapture() (*capture, error) {
	packed, err := train.Train(nil)
	if err != nil {
		return nil, err
	}
	model, err := coder.Load(packed)
	if err != nil {
		return nil, err
	}
	return &capture{wire2.NewFormat(model, 1)}, nil
}

// session is both ends of a session on a link that loses nothing.
type session struct {
	client *wire2.Client
	server *wire2.Server
	now    time.Time
	// push says that the server sends what is new without being asked.
	push bool
	// call and exchange are those of the request that observes /sync; next is the token
	// where its observation stands.
	call     *wire2.Call
	exchange *wire2.Exchange
	next     string
}

// session begins a session with a home server. Each message that is sent goes to all.
func (c *capture) session(home string, push bool, all *[]message) *session {
	terms := wire2.Terms{Home: home, Size: tableSize, Tap: func(prelude, payload []byte) {
		if len(payload) > 0 {
			*all = append(*all, message{bytes.Clone(prelude), bytes.Clone(payload)})
		}
	}}
	return &session{
		client: c.format.NewClient(terms), server: c.format.NewServer(terms, 0),
		now: time.Unix(1700000000, 0), push: push,
	}
}

// add sends a request and its response, or what is new.
func (s *session) add(e measure.Entry) error {
	s.now = s.now.Add(time.Second)
	var body []byte
	if isJSON(e.ResponseType) {
		body = e.Response
	}
	since, isSync := sinceOf(e.Target)
	if s.push && isSync && since == s.next && since != "" && s.call != nil && e.Status == 200 {
		s.next = nextBatch(e.Response)
		return s.notify(body, e.Status, since)
	}
	r := dialect.Request{Method: e.Method, Target: e.Target, Body: e.Request, Opaque: len(e.Request) > 0 && !isJSON(e.RequestType)}
	payload, exchange, err := s.client.Request(nil, &r, s.now)
	if err != nil {
		return fmt.Errorf("%s %s: %w", e.Method, e.Target, err)
	}
	call := s.server.Admit(0)
	got := dialect.Request{Opaque: r.Opaque}
	if err := call.Request(&got, payload); err != nil {
		return fmt.Errorf("%s %s: read: %w", e.Method, e.Target, err)
	}
	if payload, err = call.Response(nil, body, e.Status); err != nil {
		return fmt.Errorf("%s %s: response: %w", e.Method, e.Target, err)
	}
	if _, _, err := exchange.Response(nil, payload, e.Status); err != nil {
		return fmt.Errorf("%s %s: read response: %w", e.Method, e.Target, err)
	}
	if isSync && e.Status == 200 {
		s.call, s.exchange, s.next = call, exchange, nextBatch(e.Response)
	}
	return nil
}

// notify sends what is new as a notification.
func (s *session) notify(body []byte, status int, since string) error {
	payload, n, err := s.call.Notification(nil, body, status, since)
	if err != nil {
		return fmt.Errorf("notification: %w", err)
	}
	if _, _, err := s.exchange.Response(nil, payload, status); err != nil {
		return fmt.Errorf("read notification: %w", err)
	}
	n.Done(true)
	return nil
}

func isJSON(contentType string) bool { return strings.Contains(contentType, "json") }

// sinceOf returns the sync token of a request for /sync.
func sinceOf(target string) (since string, isSync bool) {
	path, query, _ := strings.Cut(target, "?")
	if !strings.HasSuffix(path, "/sync") || !strings.Contains(path, "/v3/") && !strings.Contains(path, "/r0/") {
		return "", false
	}
	values, err := url.ParseQuery(query)
	return values.Get("since"), err == nil
}

// nextBatch returns the sync token in the answer of /sync.
func nextBatch(body []byte) string {
	_, rest, _ := bytes.Cut(body, []byte(`"next_batch":"`))
	token, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(token)
}
