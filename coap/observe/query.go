package observe

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/coapgw/coapgw/coap/txn"
)

// question is a GET of /sync as a client asks it.
type question struct {
	// key names what is asked for, and by whom: all but since, timeout and what changes
	// nothing in the answer.
	key string
	// user is whose device asks.
	user txn.Digest
	// since is empty for a first sync.
	since   string
	timeout time.Duration
	// whole: the answer does not go on from since alone (full_state).
	whole bool
	// presence is what the client says of its user.
	presence string
	// token is a hash of the access token.
	token txn.Digest
}

// maxPoll bounds how long a poll is held, whatever the client asks for.
const maxPoll = 10 * time.Minute

// syncPaths are those of the endpoint that can be pushed.
var syncPaths = [...]string{"/_matrix/client/v3/sync", "/_matrix/client/r0/sync"}

// read reads a request, of the user that users names; ok is false for one that is no /sync.
func read(r *http.Request, users func(*http.Request) txn.Digest) (q question, ok bool) {
	if r.Method != http.MethodGet || r.ContentLength > 0 {
		return q, false
	}
	path := ""
	for _, p := range syncPaths {
		if r.URL.EscapedPath() == p {
			path = p
		}
	}
	if path == "" {
		return q, false
	}
	sum := sha256.New()
	part := func(text string) {
		sum.Write([]byte(strconv.Itoa(len(text)) + ":" + text))
	}
	q.user = users(r)
	part(string(q.user[:]))
	part(path)
	q.token = txn.User(r)
	seen := make(map[string]bool)
	for arg := range strings.SplitSeq(r.URL.RawQuery, "&") {
		name, value, _ := strings.Cut(arg, "=")
		text, err := url.QueryUnescape(value)
		if err != nil || seen[name] || strings.ContainsAny(name, "%+") {
			return q, false // let the homeserver say what it thinks of it
		}
		seen[name] = true
		switch name {
		case "since":
			q.since = text
		case "timeout":
			if ms, err := strconv.ParseUint(text, 10, 31); err == nil {
				q.timeout = min(time.Duration(ms)*time.Millisecond, maxPoll)
			}
		case "full_state":
			q.whole = text != "false"
		case "set_presence":
			q.presence = text
		case "_cacheBuster": // of matrix-js-sdk
		default:
			part(arg)
		}
	}
	q.key = hex.EncodeToString(sum.Sum(nil)[:keySize])
	return q, true
}

// keySize is the length of a key, in bytes of a SHA-256.
const keySize = 16

// continuedFrom is r with another since, and a timeout of 0.
func continuedFrom(r *http.Request, since string) *http.Request {
	next := r.Clone(r.Context())
	args, found := []string{}, false
	for arg := range strings.SplitSeq(r.URL.RawQuery, "&") {
		switch name, _, _ := strings.Cut(arg, "="); name {
		case "since":
			found = true
			args = append(args, "since="+url.QueryEscape(since))
		case "timeout":
			args = append(args, "timeout=0")
		case "", "full_state", "_cacheBuster":
		default:
			args = append(args, arg)
		}
	}
	if !found {
		args = append(args, "since="+url.QueryEscape(since))
	}
	next.URL.RawQuery = strings.Join(args, "&")
	next.RequestURI = ""
	return next
}
