package profiles

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/inprocess"
)

const (
	v3 = "/_matrix/client/v3"
	// silence is how long a session rests before it is resumed.
	silence = 10 * time.Minute
	// patience is when a request counts as hanging: an error that comes later is
	// none. impatience is how long a caller waits who does not know of the link.
	patience   = 24 * time.Hour
	impatience = 15 * time.Second
	// pauseBetween is how long a client waits before it asks again.
	pauseBetween = 5 * time.Second
	// announced is what the far gateway adds to an answer, to /versions.
	announced = `,"org.matrix.msc3079.low_bandwidth":true`
)

// Ways in which a step of a session fails without an answer that says so.
var (
	errHangs    = errors.New("no answer while the caller waited")
	errCutShort = errors.New("the answer was cut short")
	errChanged  = errors.New("changed on the way")
)

// refusedError is an answer other than 200. It is what a caller may get from a
// link that does not bear a request: with a Matrix error code.
type refusedError struct {
	status int
	answer string
}

func (e *refusedError) Error() string { return fmt.Sprintf("%d %s", e.status, e.answer) }

// stepError is what ended a session.
type stepError struct {
	step string
	err  error
}

func (e *stepError) Error() string { return e.step + ": " + e.err.Error() }
func (e *stepError) Unwrap() error { return e.err }

// session is what a person does, step by step.
type session struct {
	w           *world
	token, room string
	sent        []string // texts that were acknowledged
	failed      string   // the last text, if it was not
	alice       string   // token of alice ashore
	patience    time.Duration
	// again: what may be asked twice is asked until there is an answer of the homeserver.
	again bool

	connected, sends, total time.Duration
}

// newSession makes a room in which bob has written ten messages to alice.
func (w *world) newSession() *session {
	register := func(name string) (token string) {
		answer := w.homeserver.ashore("POST", v3+"/register", "", `{"username":"`+name+`","password":"secret","auth":{"type":"m.login.dummy"}}`)
		return w.field(answer, "access_token")
	}
	s := &session{w: w, alice: register("alice"), patience: patience}
	bob := register("bob")
	s.room = w.field(w.homeserver.ashore("POST", v3+"/createRoom", bob, `{"preset":"public_chat"}`), "room_id")
	w.field(w.homeserver.ashore("POST", v3+"/join/"+s.room, s.alice, "{}"), "room_id")
	for n := range 10 {
		w.field(w.homeserver.ashore("PUT", s.message(fmt.Sprint("b", n)), bob, text(fmt.Sprint("message ", n, " from ashore"))), "event_id")
	}
	return s
}

// field reads a string of an object that the homeserver made.
func (w *world) field(object, name string) string {
	s, err := field(object, name)
	require.NoError(w.T, err)
	return s
}

func field(object, name string) (string, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal([]byte(object), &m); err != nil {
		return "", err
	}
	var s string
	err := json.Unmarshal(m[name], &s)
	return s, err
}

// connect is the first contact, and logs in.
func (s *session) connect() error {
	if _, err := s.do("connect", "GET", "/_matrix/client/versions", ""); err != nil {
		return err
	}
	s.connected = s.total
	answer, err := s.do("login", "POST", v3+"/login", `{"type":"m.login.password","identifier":{"type":"m.id.user","user":"alice"},"password":"secret"}`)
	if err != nil {
		return err
	}
	s.token, err = field(answer, "access_token")
	return err
}

// send sends the n-th text message.
func (s *session) send(step string, n int) error {
	message := fmt.Sprint("message ", n, " from aboard")
	s.failed = message
	if _, err := s.do(step, "PUT", s.message(fmt.Sprint("a", n)), text(message)); err != nil {
		return err
	}
	s.sent, s.failed = append(s.sent, message), ""
	return nil
}

// live goes through the whole session. lazy adds the initial sync of an account
// with six rooms.
func (s *session) live(lazy bool) error {
	if err := s.connect(); err != nil {
		return err
	}
	begun := s.total
	for n := range 10 {
		if err := s.send("send", n); err != nil {
			return err
		}
	}
	s.sends = s.total - begun
	answer, err := s.do("sync", "GET", v3+"/sync?filter="+url.QueryEscape(`{"room":{"timeline":{"limit":20}}}`)+"&timeout=0", "")
	if err != nil {
		return err
	}
	since, err := field(answer, "next_batch")
	if err != nil {
		return err
	}
	if _, err := s.do("history", "GET", v3+"/rooms/"+s.room+"/messages?dir=b&limit=20", ""); err != nil {
		return err
	}
	time.Sleep(silence) // virtual
	if err := s.send("resume", 10); err != nil {
		return err
	}
	if _, err := s.do("sync after silence", "GET", v3+"/sync?since="+since+"&timeout=0", ""); err != nil {
		return err
	}
	if lazy {
		_, err = s.do("lazy sync", "GET", lazySync, "")
	}
	return err
}

// do sends a request over the link. It fails unless request and answer crossed it
// unchanged.
func (s *session) do(step, method, target, body string) (answer string, err error) {
	begun := time.Now()
	status, answer, err := s.request(method, target, body)
	for s.again && method != "POST" && (errors.Is(err, errHangs) || status >= http.StatusInternalServerError) && time.Since(begun) < patience {
		time.Sleep(pauseBetween) // virtual
		status, answer, err = s.request(method, target, body)
	}
	s.total += time.Since(begun)
	if err == nil && status != http.StatusOK {
		err = &refusedError{status, answer}
	}
	if err == nil {
		want := s.w.homeserver.lastExchange()
		got := exchange{method: method, target: target, body: body, answer: strings.Replace(answer, announced, "", 1)}
		if s.token != "" {
			got.authorization = "Bearer " + s.token
		}
		if got != want {
			err = fmt.Errorf("%w: %s", errChanged, difference(got, want))
		}
	}
	if err != nil {
		return "", &stepError{step, err}
	}
	return answer, nil
}

// difference is where two exchanges begin to differ.
func difference(got, want exchange) string {
	a, b := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want)
	at := 0
	for at < len(a) && at < len(b) && a[at] == b[at] {
		at++
	}
	from := max(at-20, 0)
	return fmt.Sprintf("%.60q, at the homeserver %.60q", a[from:], b[from:])
}

func (s *session) request(method, target, body string) (status int, answer string, err error) {
	// With a server in the context the proxy tells of answers that it had to cut
	// short, in the manner of net/http.
	ctx := context.WithValue(s.w.T.Context(), http.ServerContextKey, &http.Server{})
	wait := s.patience
	if s.again && method == "POST" { // cannot be asked again
		wait = patience
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	w := httptest.NewRecorder()
	defer func() {
		switch cause := recover(); {
		case cause != nil && cause != http.ErrAbortHandler:
			panic(cause)
		case ctx.Err() != nil:
			err = errHangs
		case cause != nil:
			err = errCutShort
		}
	}()
	s.w.Connect.ServeHTTP(w, inprocess.NewRequest(ctx, method, target, s.token, body))
	return w.Code, w.Body.String(), nil
}

// stored are alice's messages as the homeserver has them.
func (s *session) stored() (texts []string) {
	var page struct {
		Chunk []struct {
			Sender  string
			Content struct{ Body string }
		}
	}
	answer := s.w.homeserver.ashore("GET", v3+"/rooms/"+s.room+"/messages?dir=f&limit=100", s.alice, "")
	require.NoError(s.w.T, json.Unmarshal([]byte(answer), &page))
	for _, e := range page.Chunk {
		if e.Sender == "@alice:ship.example" && e.Content.Body != "" {
			texts = append(texts, e.Content.Body)
		}
	}
	return texts
}

// intact tells whether each message that was acknowledged is stored once and in
// order. The one whose sender was told of a failure may be there too.
func (s *session) intact() bool {
	stored := s.stored()
	return slices.Equal(stored, s.sent) || s.failed != "" && slices.Equal(stored, append(slices.Clone(s.sent), s.failed))
}

func (s *session) message(txn string) string {
	return v3 + "/rooms/" + s.room + "/send/m.room.message/" + txn
}

func text(body string) string { return fmt.Sprintf(`{"msgtype":"m.text","body":%q}`, body) }
