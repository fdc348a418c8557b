package join

import (
	"net/http"
	"strings"
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
		if isTransaction(r.URL.EscapedPath()) {
			return transaction
		}
	}
	return apart
}

// clientAPI returns the segments after /_matrix/client/{version}, or after
// /_matrix/client/unstable/{feature}.
func clientAPI(path string) []string {
	rest, ok := strings.CutPrefix(path, "/_matrix/client/")
	if !ok {
		return nil
	}
	segments := strings.Split(rest, "/")
	if segments[0] == "unstable" && len(segments) > 1 && strings.Contains(segments[1], ".") {
		return segments[2:]
	}
	return segments[1:]
}

// isTransaction reports whether a PUT to an escaped path bears a transaction id: an
// event, a redaction or messages to devices (CS API, "Transaction identifiers").
func isTransaction(escaped string) bool {
	s := clientAPI(escaped)
	switch len(s) {
	case 3: // sendToDevice/{eventType}/{txnId}
		return s[0] == "sendToDevice" && s[2] != ""
	case 5: // rooms/{roomId}/send/{eventType}/{txnId}, rooms/{roomId}/redact/{eventId}/{txnId}
		return s[0] == "rooms" && (s[2] == "send" || s[2] == "redact") && s[4] != ""
	}
	return false
}

// isSync reports whether a path is that of /sync.
func isSync(path string) bool {
	s := clientAPI(path)
	return len(s) == 1 && s[0] == "sync"
}

// isMedia reports whether a path downloads from the content repository.
func isMedia(path string) bool {
	s := clientAPI(path)
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
	s := clientAPI(r.URL.Path)
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
