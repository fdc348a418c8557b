//go:build cgo

package main

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	gw "github.com/coapgw/coapgw/client"
	"github.com/coapgw/coapgw/coap/observe"
)

// event is a coapgw_event.
type event struct {
	kind   kind
	err    *failure // nil for COAPGW_OK
	answer *answer  // nil for none
	next   string
	// Of a room alone.
	skipped, missing int
	cut              bool
}

// observation is what a coapgw_observation stands for: a /sync that is polled again and
// again, or a room. What package client has below pushes it, so that a poll costs nothing.
type observation struct {
	client *client
	handle uint64
	// what is the request of the program, path and query taken apart.
	what  request
	path  string
	query url.Values
	// room is what is told of a room, nil where a /sync is observed.
	room *gw.Stream
	// hear is the program's callback; true ends the observation.
	hear func(event) bool

	life context.Context
	end  context.CancelCauseFunc
	// done is closed when the last callback has returned.
	done chan struct{}
}

const (
	// firstPause and lastPause bound how long it takes to try again.
	firstPause, lastPause = time.Second, 5 * time.Minute
	// pollFor is how long a poll waits. One that is pushed waits here; another asks
	// the homeserver, and costs the link a question each time.
	pollFor = 5 * time.Minute
	// pollTooSoon is how soon a poll does not come back with nothing new, unless
	// something is wrong with it.
	pollTooSoon = time.Second
)

// newObservation checks what is to be observed.
func newObservation(c *client, what request) (*observation, error) {
	if err := what.check(); err != nil {
		return nil, err
	}
	target, err := url.ParseRequestURI(what.path)
	var room *gw.Stream
	switch {
	case err != nil:
		return nil, invalid("the path is not escaped as a path of a URL is")
	case what.method != http.MethodGet || len(what.body) > 0 || !isSync(target.EscapedPath()) && !gw.IsStream(what.path):
		return nil, invalid("only a GET of /sync or of a room can be observed")
	case what.form == formatBytes:
		return nil, invalid("events are in JSON or CBOR")
	case gw.IsStream(what.path):
		if room, err = roomOf(&what); err != nil {
			return nil, err
		}
	}
	what.tag, what.timeout = 0, 0
	o := &observation{client: c, what: what, path: target.EscapedPath(), query: target.Query(), room: room, done: make(chan struct{})}
	if !o.query.Has("timeout") {
		o.query.Set("timeout", strconv.FormatInt(pollFor.Milliseconds(), 10))
	}
	o.life, o.end = context.WithCancelCause(c.life)
	return o, nil
}

// isSync reports whether a path is that of /sync, in any version of the client API.
func isSync(path string) bool {
	version, ok := strings.CutPrefix(path, "/_matrix/client/")
	version, sync := strings.CutSuffix(version, "/sync")
	return ok && sync && version != "" && !strings.Contains(version, "/")
}

// start has o hear until it ends. The client is in use, and stays so until then.
func (o *observation) start() {
	o.client.users.Go(func() {
		defer close(o.done)
		last := o.follow()
		last.kind = kindEnd
		_ = o.deliver(last)
		handles.dropObservation(o.handle)
		o.end(nil)
	})
}

// stop ends o and waits until its last callback has returned.
func (o *observation) stop() {
	o.end(errCanceled)
	<-o.done
}

// follow delivers what is new until something ends it, which it returns.
func (o *observation) follow() (last event) {
	defer func() {
		if panicked := recover(); panicked != nil {
			last = event{err: fault("observation", panicked)}
		}
	}()
	provoke("observation")
	if o.room != nil {
		return o.followRoom()
	}
	pause := firstPause
	for {
		select {
		case <-o.client.woken():
		case <-o.life.Done():
			return event{err: failureOf(context.Cause(o.life))}
		}
		asked := time.Now()
		e := o.poll()
		switch {
		case o.life.Err() != nil:
			return event{err: failureOf(context.Cause(o.life))}
		case e.err != nil && e.err.code == codeSuspended:
			continue
		case e.kind == kindEnd:
			return e
		case e.kind == kindTrouble:
			if o.deliver(e) {
				return event{err: errCanceled}
			}
			o.wait(max(pause/2+rand.N(pause/2), o.comeAgain(e)))
			pause = min(2*pause, lastPause)
			continue
		}
		pause = firstPause
		news := e.next != o.query.Get("since")
		if news && o.deliver(e) {
			return event{err: errCanceled}
		}
		o.query.Set("since", e.next)
		if !news && time.Since(asked) < pollTooSoon {
			o.wait(pollTooSoon)
		}
	}
}

// poll asks once.
func (o *observation) poll() event {
	q := o.what
	q.path = o.path + "?" + o.query.Encode()
	a, err := o.client.exchange(o.life, &q)
	if err != nil {
		return event{kind: kindTrouble, err: failureOf(err)}
	}
	e := event{answer: a}
	switch gist, ok := observe.GistOf(a.body); {
	case a.status != http.StatusOK && passes(a.status):
		e.kind, e.err = kindTrouble, &failure{code: codeBusy, message: "the homeserver answered " + strconv.Itoa(a.status)}
	case a.status != http.StatusOK:
		e.kind, e.err = kindEnd, &failure{code: codeRefused, message: "the homeserver answered " + strconv.Itoa(a.status)}
	case !ok:
		e.kind, e.err = kindTrouble, &failure{code: codeBody, message: "the answer is none to a /sync"}
	default:
		e.kind, e.next = kindData, gist.NextBatch
	}
	return e
}

// passes reports whether a status is worth another try.
func passes(status int) bool {
	return status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
}

// comeAgain is how long a homeserver wants to be left alone, 0 if it does not say.
func (o *observation) comeAgain(e event) time.Duration {
	if e.answer == nil {
		return 0
	}
	if seconds, err := strconv.ParseUint(e.answer.header.Get("Retry-After"), 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	var limited struct {
		RetryAfter int32 `json:"retry_after_ms"`
	}
	if json.Unmarshal(e.answer.body, &limited) != nil {
		return 0
	}
	return time.Duration(limited.RetryAfter) * time.Millisecond
}

// wait waits, unless the observation ends.
func (o *observation) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-o.life.Done():
	}
}

// deliver hands an event to the program, in its format; true ends the observation.
func (o *observation) deliver(e event) (over bool) {
	if e.answer != nil {
		a := *e.answer
		form, body, err := o.what.form.answered(a.contentType, a.body)
		if err != nil {
			e.err, e.answer = failureOf(err), nil
			if e.kind != kindEnd {
				e.kind = kindTrouble
			}
		} else {
			a.form, a.body = form, body
			e.answer = &a
		}
	}
	return o.hear(e)
}
