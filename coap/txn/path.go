package txn

import (
	"net/http"
	"net/url"
	"strings"
)

// Transaction is what a request with a transaction id changes.
type Transaction struct {
	// Room is the room, without escapes; empty for messages to devices.
	Room string
	// ToDevice: the request sends messages to devices, room keys for instance.
	ToDevice bool
}

// Of returns the transaction of a request: a PUT of an event, a redaction or messages to
// devices (CS API, "Transaction identifiers"). A homeserver executes it once and answers
// it alike each time; ok is false for any other request.
func Of(r *http.Request) (t Transaction, ok bool) {
	if r.Method != http.MethodPut {
		return t, false
	}
	s := Segments(r.URL.EscapedPath())
	switch len(s) {
	case 3: // sendToDevice/{eventType}/{txnId}
		return Transaction{ToDevice: true}, s[0] == "sendToDevice" && s[2] != ""
	case 5: // rooms/{roomId}/send/{eventType}/{txnId}, rooms/{roomId}/redact/{eventId}/{txnId}
		ok = s[0] == "rooms" && (s[2] == "send" || s[2] == "redact") && s[4] != ""
		room, err := url.PathUnescape(s[1])
		if err != nil {
			room = s[1]
		}
		return Transaction{Room: room}, ok
	}
	return t, false
}

// Segments returns the segments of a path after /_matrix/client/{version}, or after
// /_matrix/client/unstable/{feature}; none for a path elsewhere.
func Segments(path string) []string {
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

// LogsOut reports whether a request ends the access token that it bears, when it is
// answered 2xx.
func LogsOut(r *http.Request) bool {
	s := Segments(r.URL.Path)
	return r.Method == http.MethodPost && len(s) > 0 && s[0] == "logout"
}
