package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sameness says which of the requests that are held back take each other's place: what
// comes later says all that the one before said.
type sameness uint8

const (
	// samePath: those with the same path.
	samePath sameness = iota
	// sameReceipt: receipts of a kind in a room, or in a thread of it.
	sameReceipt
	// sameMembers: those with the same path whose bodies have members of the same names.
	sameMembers
)

const (
	// maxHeldBody bounds the bodies that are held back, in bytes; larger ones pass.
	maxHeldBody = 16 << 10
	// maxHeld bounds the requests that are held back, of all users; more pass.
	maxHeld = 512
	// tries bounds how often one is sent, and firstPause is the least time between two.
	tries      = 3
	firstPause = 10 * time.Second
	maxPause   = 10 * time.Minute
)

// held is a request that was answered and goes on the link later.
type held struct {
	user  digest
	room  string
	after time.Duration
	// Guarded by Transport.mu:

	// next is what to send, nil when it is being sent and nothing came since.
	next *held1
	// void: the user's token has ended.
	void bool

	// now has it sent at once; done is closed when it is over.
	now  chan struct{}
	done chan struct{}
}

// held1 is one request.
type held1 struct {
	call *call
	body []byte
}

// withhold answers a request that is merged or dropped, if the homeserver would most
// likely say the same.
func (t *Transport) withhold(c *call, a Action) (*http.Response, error) {
	if !t.trusted(c.user) {
		return t.carry(c)
	}
	body, whole, err := takeBody(c.Request)
	if err != nil {
		return nil, err
	}
	members := map[string]json.RawMessage{}
	ok := whole && (len(bytes.TrimSpace(body)) == 0 || json.Unmarshal(body, &members) == nil && members != nil)
	if ok && a.Verb == Drop || ok && t.hold(c, body, c.sameAs(members), a.For) {
		t.Log.Debug("withheld", "policy", c.row.Name)
		return &http.Response{
			Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{"Content-Type": {"application/json"}},
			Body:   io.NopCloser(strings.NewReader("{}")), ContentLength: 2, Request: c.Request,
		}, nil
	}
	passed := *c
	passed.Request = c.Request.WithContext(c.Context()) // a copy
	if whole {
		passed.Body = io.NopCloser(bytes.NewReader(body))
	} else {
		passed.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(body), c.Body), c.Body}
	}
	return t.carry(&passed)
}

// takeBody reads the body of a request. If it is not whole, the rest is still in it.
func takeBody(r *http.Request) (body []byte, whole bool, err error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, true, nil
	}
	body, err = io.ReadAll(io.LimitReader(r.Body, maxHeldBody+1))
	if err != nil {
		_ = r.Body.Close()
		return nil, false, err
	}
	if len(body) > maxHeldBody {
		return body, false, nil
	}
	return body, true, r.Body.Close()
}

// sameAs names what a request takes the place of; members are those of its body.
func (c *call) sameAs(members map[string]json.RawMessage) string {
	path := slices.Clone(c.path)
	what := ""
	switch c.row.same {
	case sameReceipt:
		path = path[:len(path)-1] // the event
		what = string(members["thread_id"])
	case sameMembers:
		what = strings.Join(slices.Sorted(maps.Keys(members)), "\x00")
	}
	return strings.Join([]string{string(c.user[:]), c.Method, strings.Join(path, "/"), c.URL.RawQuery, what}, "\x00")
}

// hold keeps a request for later. It fails when too many are.
func (t *Transport) hold(c *call, body []byte, key string, after time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	later := *c
	later.Request = c.Clone(t.life)
	later.Body = nil
	next := &held1{&later, body}
	if t.closed {
		return false
	}
	if h := t.held[key]; h != nil {
		h.next = next
		return true
	}
	if len(t.held) >= maxHeld {
		return false
	}
	h := &held{user: c.user, room: c.room(), after: after, next: next, now: make(chan struct{}, 1), done: make(chan struct{})}
	t.held[key] = h
	t.wg.Go(func() { t.send(h, key) })
	return true
}

// send sends what is held back under a key until nothing is left of it.
func (t *Transport) send(h *held, key string) {
	defer close(h.done)
	for pause, failures := h.after, 0; ; {
		last := t.await(h, pause)
		t.mu.Lock()
		next := h.next
		if next == nil || h.void {
			delete(t.held, key)
			t.mu.Unlock()
			return
		}
		h.next = nil
		t.mu.Unlock()

		wait, again := t.deliver(next)
		t.mu.Lock()
		switch {
		case !again:
			failures, pause = 0, h.after
		case last || failures+1 == tries:
			t.Log.Warn("the homeserver was not told", "policy", next.call.row.Name)
			failures, pause = 0, h.after
		default:
			failures++
			pause = max(wait, min(firstPause<<failures, maxPause), h.after)
			if h.next == nil {
				h.next = next
			}
		}
		if h.next == nil || h.void || last {
			delete(t.held, key)
			t.mu.Unlock()
			return
		}
		t.mu.Unlock()
	}
}

// await returns when it is time to send; last says that there will be no other.
func (t *Transport) await(h *held, pause time.Duration) (last bool) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-h.now:
	case <-t.closing:
		return true
	}
	return false
}

// deliver sends one request. again says that it may be sent once more, after wait.
func (t *Transport) deliver(h *held1) (wait time.Duration, again bool) {
	c := *h.call
	c.Request = c.Request.WithContext(t.life) // a copy
	c.Body, c.ContentLength = http.NoBody, 0
	if len(h.body) > 0 {
		c.Body, c.ContentLength = io.NopCloser(bytes.NewReader(h.body)), int64(len(h.body))
	}
	resp, err := t.carry(&c)
	if err != nil {
		return 0, t.life.Err() == nil
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxHeldBody))
	closeBody(resp.Body)
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		seconds, _ := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 31)
		return min(time.Duration(seconds)*second, maxPause), true
	case resp.StatusCode >= http.StatusInternalServerError:
		return 0, true
	case resp.StatusCode >= http.StatusBadRequest:
		t.Log.Warn("the homeserver refused what was held back", "policy", c.row.Name, "status", resp.StatusCode)
	}
	return 0, false
}

// hurry has what is held back sent now. t.mu is held.
func (t *Transport) hurry(which func(*held) bool) (hurried []*held) {
	for _, h := range t.held {
		if !which(h) {
			continue
		}
		hurried = append(hurried, h)
		select {
		case h.now <- struct{}{}:
		default:
		}
	}
	return hurried
}

// flush sends what is held back and waits for it, as long as patience goes.
func (t *Transport) flush(ctx context.Context, which func(*held) bool) {
	t.mu.Lock()
	hurried := t.hurry(which)
	t.mu.Unlock()
	if len(hurried) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, t.patience())
	defer cancel()
	for _, h := range hurried {
		select {
		case <-h.done:
		case <-ctx.Done():
			return
		}
	}
}

// abandon lets go of what is held back for a user whose token has ended.
func (t *Transport) abandon(user digest) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, h := range t.held {
		if h.user == user {
			h.void = true
			select {
			case h.now <- struct{}{}:
			default:
			}
		}
	}
}
