package policy

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/txn"
)

// ErrClosed: the Transport was closed.
var ErrClosed = errors.New("policy: transport closed")

// Transport is an http.RoundTripper that carries requests by another one as the table
// says. The exported fields must not change after the first request. Close it before
// Base.
type Transport struct {
	// Base carries the requests, usually a *coap.Transport or what stands in front of it.
	Base http.RoundTripper
	// Profile is the link that Base uses; the zero value means link.Default, on which
	// nothing is held back.
	Profile link.Profile
	// Override is what becomes of the requests of some rows in place of the defaults.
	Override Override
	// Off lets everything pass, and asks the far end for whole answers too.
	Off bool
	// Download and Upload bound files that go over the link, in bytes; 0 means what Limit
	// says for the link, less than 0 no bound.
	Download, Upload int64
	// WholeSync asks the far end not to shorten a first /sync.
	WholeSync bool
	// MaxMedia bounds the files that are kept, in bytes, with 512 bytes for each beside
	// head and content; 0 means 32 MiB, less than 0 none. One file may take a quarter.
	// Other answers take 4 MiB at most.
	MaxMedia int
	// Log receives what a person should know; nil discards it.
	Log *slog.Logger

	once    sync.Once
	actions map[string]Action // by row
	limits  limits
	answers store
	media   store

	// life ends what is sent in the background; closing says that it should be sent now.
	life    context.Context
	end     context.CancelFunc
	closing chan struct{}
	wg      sync.WaitGroup

	// wake says that what is due has changed.
	wake chan struct{}

	mu     sync.Mutex
	closed bool
	users  users
	// held are the requests that are held back, holds counts them, and working says that they
	// are looked after.
	held    map[string]*held
	holds   uint64
	working bool
	paused  bool
	counts  Counts
}

const (
	defaultMaxMedia = 32 << 20
	maxAnswers      = 4 << 20
)

func (t *Transport) init() {
	t.once.Do(func() {
		if t.Profile.AckTimeout == 0 {
			t.Profile = link.Default()
		}
		if t.Log == nil {
			t.Log = slog.New(slog.DiscardHandler)
		}
		tier := TierOf(t.Profile)
		t.actions = make(map[string]Action, len(rows))
		for _, r := range rows {
			t.actions[r.Name] = r.Actions[tier]
			if a, ok := t.Override[r.Name]; ok && r.Takes(a) {
				t.actions[r.Name] = a
			}
		}
		t.limits = t.ownLimits()
		t.answers.max, t.media.max = maxAnswers, t.MaxMedia
		if t.MaxMedia == 0 {
			t.media.max = defaultMaxMedia
		}
		t.held = make(map[string]*held)
		t.closing, t.wake = make(chan struct{}), make(chan struct{}, 1)
		t.life, t.end = context.WithCancel(context.Background())
	})
}

// patience is how long a request that nobody waits for may keep somebody waiting: a
// logout, or the end of a program. It is enough for one exchange on a link without loss.
func (t *Transport) patience() time.Duration {
	const size = 256 // bytes of a message, about
	return 5*time.Second + 2*(t.Profile.Transit(size, true)+t.Profile.Transit(size, false))
}

// Close sends what is held back, waits for that as long as one exchange takes on a link
// without loss, and forgets everything. Requests that come later have ErrClosed.
func (t *Transport) Close() error {
	t.init()
	t.mu.Lock()
	if !t.closed {
		t.closed = true
		close(t.closing)
	}
	t.mu.Unlock()
	done := make(chan struct{})
	go func() {
		t.wg.Wait()
		close(done)
	}()
	timer := time.NewTimer(t.patience())
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
	t.end()
	<-done
	t.answers.clear()
	t.media.clear()
	return nil
}

// RoundTrip implements http.RoundTripper. Errors are those of Base, of reading the
// request's body, or ErrClosed.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.init()
	t.mu.Lock()
	closed := t.closed
	t.mu.Unlock()
	if closed {
		closeBody(r.Body)
		return nil, ErrClosed
	}
	c, ok := read(r)
	if !ok || t.Off {
		return t.Base.RoundTrip(t.prefer(&c))
	}
	if c.row == nil {
		return t.carry(&c)
	}
	switch action := t.action(c.row); action.Verb {
	case Cache:
		return t.recall(&c, action.For)
	case Merge, Drop:
		return t.withhold(&c, action)
	}
	return t.carry(&c)
}

// carry has Base carry a request, and draws from it and its answer what follows for what
// is kept and held back.
func (t *Transport) carry(c *call) (*http.Response, error) {
	if resp := t.tooLarge(c); resp != nil {
		return resp, nil
	}
	if c.ends() != noEnd {
		t.flush(c.Context(), func(h *held) bool { return c.ends() == someEnd || h.user == c.user })
	}
	writes := c.writes()
	if writes {
		t.answers.wrote(c.family)
	}
	resp, err := t.Base.RoundTrip(t.prefer(c))
	if writes { // what was asked for meanwhile may be from before
		t.answers.wrote(c.family)
	}
	status := 0
	if err == nil {
		status = resp.StatusCode
	}
	t.learn(c, status)
	if err == nil {
		resp = t.measured(c, resp)
	}
	return resp, err
}

// learn draws what follows from an answer for its user; status is 0 when there was
// none.
func (t *Transport) learn(c *call, status int) {
	end := c.ends()
	refused := status == http.StatusUnauthorized && c.token
	t.mu.Lock()
	switch {
	case refused, end == ownEnd:
		t.users.doubt(&c.user)
	case end == someEnd:
		t.users.doubt(nil)
	case c.proves(status):
		t.users.prove(c.user, time.Now())
	}
	if status != 0 && c.speaks() {
		// Who answers has read. It goes behind the message, not in front of it.
		t.hurry(func(h *held) bool { return h.user == c.user && h.room == c.room() })
	}
	t.mu.Unlock()
	// A write is also refused for want of a password (CS API, "User-Interactive
	// Authentication API").
	if refused && !c.writes() || end == ownEnd {
		t.answers.forget(c.user)
		t.media.forget(c.user)
		t.abandon(c.user)
	}
}

// trusted reports whether the homeserver has lately taken a user's token.
func (t *Transport) trusted(user txn.Digest) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.users.trusted(user, time.Now())
}

// with returns a copy of a request with a header set.
func with(r *http.Request, name, value string) *http.Request {
	changed := *r
	changed.Header = r.Header.Clone()
	if changed.Header == nil {
		changed.Header = make(http.Header)
	}
	changed.Header.Set(name, value)
	return &changed
}

// has reports whether a header field with elements separated by commas has one
// (RFC 9110 §5.6.1).
func has(h http.Header, name, element string) bool {
	for _, v := range h[name] {
		for e := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(e), element) {
				return true
			}
		}
	}
	return false
}

func closeBody(b io.ReadCloser) {
	if b != nil {
		_ = b.Close()
	}
}
