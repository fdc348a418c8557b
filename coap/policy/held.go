package policy

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/coapgw/coapgw/coap/txn"
)

const (
	// maxHeld bounds the requests that are held back, of all users; more pass.
	maxHeld = 512
	// tries bounds how often one is sent; the pauses between double from the first one,
	// to the last at most.
	tries      = 3
	firstPause = 20 * time.Second
	maxPause   = 10 * time.Minute
)

// held is a request that was answered and goes on the link later.
type held struct {
	user  txn.Digest
	room  string
	after time.Duration
	// number is the place of the first one among all that were held back.
	number uint64
	// done is closed when it is over.
	done chan struct{}
	// Guarded by Transport.mu:

	// next is what to send, nil when it is being sent and nothing came since; due is when.
	next *later
	due  time.Time
	// failures counts those in a row.
	failures int
	// hurried: what comes while one is being sent goes right after it; forced: during a pause
	// too; void: the user's token has ended.
	hurried, forced, void bool
}

// later is one request.
type later struct {
	call *call
	body []byte
}

// hold keeps a request for later. It fails when too many are.
func (t *Transport) hold(c *call, body []byte, key string, after time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	copied := *c
	copied.Request = c.Clone(t.life)
	copied.Body = nil
	next := &later{&copied, body}
	if h := t.held[key]; h != nil {
		if h.next != nil {
			t.counts.Merged++
		}
		h.next, h.failures = next, 0 // another one, which has not failed
		return true
	}
	if len(t.held) >= maxHeld {
		return false
	}
	t.holds++
	t.held[key] = &held{
		user: c.user, room: c.room(), after: after, number: t.holds, done: make(chan struct{}), next: next, due: time.Now().Add(after),
	}
	if !t.working {
		t.working = true
		t.wg.Go(t.work)
	}
	t.nudge()
	return true
}

// nudge has what is due looked at again. t.mu is held.
func (t *Transport) nudge() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// work sends what is held back when it is due, one after the other, until nothing is
// left.
func (t *Transport) work() {
	for {
		t.mu.Lock()
		key, h := t.first()
		if h == nil {
			t.working = false
			t.mu.Unlock()
			return
		}
		last, wait := t.closed, time.Until(h.due)
		if t.paused && !h.forced && !h.void && !last {
			wait = max(wait, pausedHold) // or until it is over
		}
		if wait > 0 && !last {
			t.mu.Unlock()
			t.await(wait)
			continue
		}
		next := h.next
		h.next, h.hurried, h.forced = nil, false, false
		void := h.void
		t.mu.Unlock()

		pause, again := time.Duration(0), false
		if !void {
			pause, again = t.deliver(next)
		}
		t.mu.Lock()
		if !t.settle(h, next, again && !last, pause) || last {
			delete(t.held, key)
			close(h.done)
		}
		t.mu.Unlock()
	}
}

// first is what is due before all others. t.mu is held.
func (t *Transport) first() (key string, h *held) {
	for k, other := range t.held {
		if t.paused && h != nil && h.forced != other.forced {
			if other.forced {
				key, h = k, other
			}
			continue
		}
		if h == nil || other.due.Before(h.due) || other.due.Equal(h.due) && other.number < h.number {
			key, h = k, other
		}
	}
	return key, h
}

// await returns when something is due, or may be.
func (t *Transport) await(wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.wake:
	case <-t.closing:
	}
}

// settle decides how it goes on after next was sent, or has failed and may be sent again
// after a pause. It reports whether anything is left to send. t.mu is held.
func (t *Transport) settle(h *held, next *later, again bool, pause time.Duration) bool {
	switch {
	case h.void:
		return false
	case again && h.failures+1 < tries:
		pause = max(pause, min(firstPause<<h.failures, maxPause), h.after)
		h.failures++
		if h.next == nil {
			h.next = next
		}
	default:
		if again {
			t.Log.Warn("the homeserver was not told", "policy", next.call.row.Name)
		}
		h.failures, pause = 0, h.after
		if h.hurried {
			pause = 0
		}
	}
	h.due = time.Now().Add(pause)
	return h.next != nil
}

// deliver sends one request. again says that it may be sent once more, after wait.
func (t *Transport) deliver(h *later) (wait time.Duration, again bool) {
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
	now := time.Now()
	for _, h := range t.held {
		if which(h) {
			hurried = append(hurried, h)
			h.due, h.hurried = now, true
		}
	}
	t.nudge()
	return hurried
}

// flush sends what is held back and waits for it, as long as patience goes.
func (t *Transport) flush(ctx context.Context, which func(*held) bool) {
	t.mu.Lock()
	hurried := t.hurry(which)
	for _, h := range hurried {
		h.forced = true
	}
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
func (t *Transport) abandon(user txn.Digest) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, h := range t.hurry(func(h *held) bool { return h.user == user }) {
		h.void = true
	}
}
