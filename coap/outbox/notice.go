package outbox

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/coapgw/coapgw/coap/answers"
)

// Bounds of the time after which clients are told to come again. Some follow it to the
// letter, and whoever waits for a message to go out looks at the screen meanwhile.
const (
	leastPatience = 5 * time.Second
	mostPatience  = time.Minute
)

// patience is when a client does well to come again whose request is not tried before
// retryAt. t.mu is held.
func (t *Transport) patience(retryAt time.Time) time.Duration {
	if t.way.away {
		retryAt = later(retryAt, t.way.probeAt)
	}
	return min(max(time.Until(retryAt), leastPatience), mostPatience)
}

// comeAgain is the answer to r that asks its client to repeat it after a while. 503 is
// what clients repeat by themselves; the code is the one with which they heed
// retry_after_ms.
func comeAgain(r *http.Request, message string, after time.Duration) *http.Response {
	a := notice(http.StatusServiceUnavailable, problem{
		Code: "M_LIMIT_EXCEEDED", Message: message, RetryAfter: after.Milliseconds(),
	})
	resp := a.Response(r)
	resp.Header.Set("Retry-After", strconv.FormatInt(int64((after+time.Second-1)/time.Second), 10))
	return resp
}

// loggedOut is the answer to what is still queued when its access token was given back: a
// homeserver would say the same.
func loggedOut() answers.Answer {
	return notice(http.StatusUnauthorized, problem{Code: "M_UNKNOWN_TOKEN", Message: "the access token was logged out"})
}

// problem is an error of Matrix.
type problem struct {
	Code    string `json:"errcode"`
	Message string `json:"error"`
	// RetryAfter is in milliseconds; 0 leaves it out.
	RetryAfter int64 `json:"retry_after_ms,omitempty"`
}

func notice(status int, p problem) answers.Answer {
	body, err := json.Marshal(p)
	if err != nil { // two strings and a number always marshal
		panic(err)
	}
	return answers.Answer{Status: status, ContentType: "application/json", Body: body}
}
