package policy

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/coapgw/coapgw/coap/txn"
)

// segments splits an escaped path.
func segments(path string) []string {
	return strings.Split(strings.TrimPrefix(path, "/"), "/")
}

// matches reports whether the segments of a path have the form of a pattern.
func matches(pattern string, path []string) bool {
	for _, want := range segments(pattern) {
		if want == "..." {
			return true
		}
		if len(path) == 0 || path[0] == "" || want != "*" && want != path[0] {
			return false
		}
		path = path[1:]
	}
	return len(path) == 0
}

func matchesAny(patterns []string, path []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, path) })
}

// call is a request with what the table needs to know of it.
type call struct {
	*http.Request
	user  txn.Digest
	token bool // it bears one
	path  []string
	row   *Row // nil for none
	// family is the part of the API that it reads or writes.
	family string
}

// read takes a request apart. ok is false for one of which it does not say for sure
// whose it is: it goes as it comes.
func read(r *http.Request) (c call, ok bool) {
	c = call{Request: r, path: segments(r.URL.EscapedPath())}
	if c.user, c.token, ok = userOf(r); !ok {
		return c, false
	}
	c.family = family(c.path)
	if matchesAny(neverRows[:], c.path) {
		return c, true
	}
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	for i := range rows {
		if rows[i].Method == method && matchesAny(rows[i].Paths, c.path) {
			c.row = &rows[i]
			break
		}
	}
	return c, true
}

// userOf names the user of a request by its access token, which stands in a header or
// in the query (CS API, "Using access tokens"). ok is false when there are several, when
// not all readers of queries find the same, and with credentials of another kind.
func userOf(r *http.Request) (user txn.Digest, token, ok bool) {
	credentials := r.Header["Authorization"]
	inQuery, plain := txn.QueryTokens(r.URL.RawQuery)
	switch {
	case !plain, len(r.Header["Cookie"]) > 0, len(credentials)+len(inQuery) > 1:
		return txn.Digest{}, false, false
	case len(inQuery) == 1:
		return txn.Token(inQuery[0]), true, true
	case len(credentials) == 0:
		return txn.Digest{}, false, true
	}
	scheme, value, found := strings.Cut(credentials[0], " ")
	value = strings.TrimLeft(value, " ")
	if !found || !strings.EqualFold(scheme, "Bearer") || value == "" {
		return txn.Digest{}, false, false
	}
	return txn.Token(value), true, true
}

// api returns the segments behind the version, or behind the name of an unstable feature.
func api(path []string) []string {
	switch {
	case len(path) < 3 || path[0] != "_matrix":
		return nil
	case path[1] == "media": // the older form of client/v1/media
		return append([]string{"media"}, path[3:]...)
	case path[1] != "client":
		return nil
	case path[2] == "unstable" && len(path) > 3 && strings.Contains(path[3], "."):
		return path[4:]
	}
	return path[3:]
}

// family is the first segment of the API, or of what has no version the last one.
func family(path []string) string {
	if s := api(path); len(s) > 0 {
		return s[0]
	}
	return path[len(path)-1]
}

// room is the room that a request is about, empty for none.
func (c *call) room() string {
	if s := api(c.path); len(s) > 1 && s[0] == "rooms" {
		return s[1]
	}
	return ""
}

// writes reports whether a request may change what later ones read.
func (c *call) writes() bool {
	switch c.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, "":
		return false
	}
	return true
}

// speaks reports whether a request puts a message into a room.
func (c *call) speaks() bool {
	s := api(c.path)
	return c.Method == http.MethodPut && len(s) == 5 && s[0] == "rooms" && s[2] == "send"
}

// sessionEnd says whose access tokens a request may end.
type sessionEnd uint8

const (
	noEnd   sessionEnd = iota
	ownEnd             // that of the request
	someEnd            // others, of which nothing here says whose they are
)

func (c *call) ends() sessionEnd {
	s := api(c.path)
	if len(s) == 0 || !c.writes() {
		return noEnd
	}
	switch {
	case s[0] == "logout" && len(s) == 1:
		return ownEnd
	case s[0] == "logout", s[0] == "delete_devices", s[0] == "devices" && c.Method == http.MethodDelete,
		s[0] == "account" && len(s) == 2 && (s[1] == "password" || s[1] == "deactivate"):
		return someEnd
	}
	return noEnd
}

// provenBy are the parts of the API that no homeserver answers without a good token.
var provenBy = []string{
	"sync", "rooms", "user", "keys", "sendToDevice", "joined_rooms", "devices", "pushrules", "capabilities",
	"createRoom", "join", "presence", "room_keys", "voip",
}

// proves reports whether an answer shows that the homeserver takes the user's token.
func (c *call) proves(status int) bool {
	s := api(c.path)
	whoami := len(s) == 2 && s[0] == "account" && s[1] == "whoami"
	return status >= 200 && status < 300 && c.path[0] == "_matrix" && len(s) > 0 && (whoami || slices.Contains(provenBy, s[0]))
}

// notAsked are parameters that change nothing in an answer: the token, which the user
// stands for, and what some clients add to get past the caches of browsers.
var notAsked = []string{"access_token", "_cacheBuster"}

// key names what is asked among all answers.
func (c *call) key() string {
	var query []string
	for arg := range strings.SplitSeq(c.URL.RawQuery, "&") {
		name, _, _ := strings.Cut(arg, "=")
		if plain, err := url.QueryUnescape(name); err == nil && slices.Contains(notAsked, plain) {
			continue
		}
		query = append(query, arg)
	}
	return string(c.user[:]) + c.URL.EscapedPath() + "?" + strings.Join(query, "&")
}
