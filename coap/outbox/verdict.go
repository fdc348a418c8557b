package outbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/answers"
	"github.com/coapgw/coapgw/coap/endpoint"
)

// verdict is how a try ended.
type verdict struct {
	what    ending
	outcome outcome
	// after is how long the homeserver wants to be left alone; 0 if it did not say.
	after time.Duration
}

// ending says what a try means for the request, and for others.
type ending uint8

const (
	// answered: by the homeserver, and it would not say anything else later.
	answered ending = iota
	// refused: Base cannot carry such a request.
	refused
	// tokenEnded: the access token is worth nothing.
	tokenEnded
	// limited: the user sends too much (429).
	limited
	// retry: something behind the link does not work at the moment, or the link has too
	// much to do.
	retry
	// fault: the homeserver or our store fails, perhaps at this request alone.
	fault
	// linkAway: nothing came back over the link.
	linkAway
	// closing: the Transport is being closed.
	closing
)

const (
	// maxFaults bounds how often a request is tried again at which the homeserver fails
	// with 500: it may do so each time, and others of the room wait.
	maxFaults = 8
	// maxAnswer bounds the body of an answer, in bytes.
	maxAnswer = 256 << 10
	// maxRetryAfter bounds how long a homeserver may silence a user.
	maxRetryAfter = 24 * time.Hour
	// refusalAge is how long a refusal waits for its client.
	refusalAge = 24 * time.Hour
)

// definite reports whether an answer would be the same later: neither the link nor the load
// of a server has a part in it.
func definite(status int) bool { return ruling(status) == answered }

// ruling is what a status means.
func ruling(status int) ending {
	switch status {
	case http.StatusUnauthorized:
		return tokenEnded
	case http.StatusTooManyRequests:
		return limited
	case http.StatusRequestTimeout, http.StatusTooEarly,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return retry
	}
	switch {
	case status >= 520: // of proxies that have no code of their own for what ails them
		return retry
	case status >= http.StatusInternalServerError:
		return fault
	}
	return answered
}

// try sends a request once.
func (t *Transport) try(it *item) verdict {
	r, err := t.read(it)
	if err != nil {
		t.Log.Error("a message that waits cannot be read", "error", err)
		return verdict{what: fault, outcome: outcome{err: internal("the gateway cannot read its store of messages", err)}}
	}
	resp, err := t.Base.RoundTrip(r)
	var a answers.Answer
	if err == nil {
		a, err = whole(resp)
	}
	if err != nil {
		return t.failure(err)
	}
	return verdict{what: ruling(a.Status), outcome: outcome{answer: a}, after: retryAfter(resp.Header, a.Body)}
}

// read makes the request of an item again.
func (t *Transport) read(it *item) (*http.Request, error) {
	value, err := t.Store.Load(storeKey(it.number))
	if err != nil {
		return nil, err
	}
	l, err := decodeLetter(value)
	if err != nil {
		return nil, err
	}
	return l.request(t.life)
}

// failure is what an error of Base means.
func (t *Transport) failure(err error) verdict {
	v := verdict{what: linkAway, outcome: outcome{err: err}}
	var own *coap.Error
	switch {
	case t.life.Err() != nil:
		v.what = closing
	case errors.Is(err, endpoint.ErrBusy), errors.Is(err, endpoint.ErrForgotten), errors.Is(err, endpoint.ErrChallenged), errors.Is(err, errTooLong):
		v.what = retry
	case errors.As(err, &own) && own.Status < http.StatusInternalServerError:
		v.what = refused
	}
	return v
}

var errTooLong = fmt.Errorf("outbox: an answer of more than %d bytes", maxAnswer)

// whole takes an answer to its end.
func whole(resp *http.Response) (answers.Answer, error) {
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = errTooLong
	}
	return answers.Answer{Status: resp.StatusCode, ContentType: resp.Header.Get("Content-Type"), Body: body}, err
}

// retryAfter is how long a server wants to be left alone: by its header, in seconds or as
// a date (RFC 9110 §10.2.3), or by retry_after_ms in an error of Matrix.
func retryAfter(h http.Header, body []byte) (d time.Duration) {
	text := h.Get("Retry-After")
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		d = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		d = time.Until(at)
	}
	var problem struct {
		Milliseconds float64 `json:"retry_after_ms"`
	}
	if json.Unmarshal(body, &problem) == nil && problem.Milliseconds > 0 {
		d = max(d, time.Duration(min(problem.Milliseconds, float64(maxRetryAfter.Milliseconds())))*time.Millisecond)
	}
	return min(max(d, 0), maxRetryAfter)
}
