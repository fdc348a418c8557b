package join

import (
	"net/http"
	"strings"

	"github.com/coapgw/coapgw/coap/txn"
)

// kind says with what a request may share an answer.
type kind uint8

const (
	// apart: with no other request.
	apart kind = iota
	// reading: with the same GET, until the user writes something.
	reading
	// lasting: with the same GET. The answer is not wrong after a write: it is the
	// next piece of a stream, or content that never changes.
	lasting
	// transaction: with the same PUT, which a homeserver executes once.
	transaction
)

// kindOf tells by method and path.
func kindOf(r *http.Request) kind {
	switch r.Method {
	case http.MethodGet, "":
		switch {
		case r.Body != nil && r.Body != http.NoBody, r.Header.Get("Upgrade") != "":
			return apart
		case isSync(r.URL.Path), isMedia(r.URL.Path):
			return lasting
		}
		return reading
	case http.MethodPut:
		if _, ok := txn.Of(r); ok {
			return transaction
		}
	}
	return apart
}

// isSync reports whether a path is that of /sync.
func isSync(path string) bool {
	s := txn.Segments(path)
	return len(s) == 1 && s[0] == "sync"
}

// isMedia reports whether a path downloads from the content repository.
func isMedia(path string) bool {
	s := txn.Segments(path)
	if rest, ok := strings.CutPrefix(path, "/_matrix/media/"); ok {
		s = strings.Split(rest, "/")
		s[0] = "media" // instead of the version
	}
	return len(s) >= 4 && s[0] == "media" && (s[1] == "download" || s[1] == "thumbnail")
}

// writes reports whether a method may change what later requests read (RFC 9110
// §9.2.1).
func writes(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, "":
		return false
	}
	return true
}

// endsSessions reports whether a request may end access tokens, its own or others of
// which nothing here tells whose they are.
func endsSessions(r *http.Request) bool {
	s := txn.Segments(r.URL.Path)
	if len(s) == 0 || !writes(r.Method) {
		return false
	}
	switch s[0] {
	case "logout", "delete_devices":
		return true
	case "account":
		return len(s) == 2 && (s[1] == "password" || s[1] == "deactivate")
	case "devices":
		return r.Method == http.MethodDelete
	}
	return false
}

// keepable reports whether an answer holds for a retry too. 401, 429 and 5xx hold
// only for now.
func keepable(status int) bool {
	return status != http.StatusUnauthorized && status != http.StatusTooManyRequests &&
		status < http.StatusInternalServerError
}
