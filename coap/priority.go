package coap

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/coapgw/coapgw/coap/endpoint"
)

// priorityRow says before what else a kind of request goes on the link.
type priorityRow struct {
	// method is empty for all.
	method string
	// path is in segments: * stands for one, and ... at the end for all that follow.
	path     string
	priority endpoint.Priority
}

// priorityRows are the requests that the rule for their method does not fit, see
// priorityOf; the first row that matches counts. What a person sees happen comes
// before what keeps them up to date, and that before what nobody waits for.
var priorityRows = [...]priorityRow{
	// Room keys and whom to encrypt for: without them a message cannot be read.
	{http.MethodPost, "/_matrix/client/*/keys/query", endpoint.PriorityInteractive},
	{http.MethodPost, "/_matrix/client/*/keys/claim", endpoint.PriorityInteractive},
	{http.MethodPut, "/_matrix/client/*/sendToDevice/...", endpoint.PriorityInteractive},

	// Nobody looks at it, or soon enough.
	{http.MethodPut, "/_matrix/client/*/rooms/*/typing/*", endpoint.PriorityNormal},
	{http.MethodPost, "/_matrix/client/*/rooms/*/receipt/...", endpoint.PriorityNormal},
	{http.MethodPost, "/_matrix/client/*/rooms/*/read_markers", endpoint.PriorityNormal},
	{http.MethodPut, "/_matrix/client/*/presence/...", endpoint.PriorityNormal},
	{http.MethodPut, "/_matrix/client/*/user/...", endpoint.PriorityNormal},  // account data
	{http.MethodPost, "/_matrix/client/*/user/...", endpoint.PriorityNormal}, // filters
	{http.MethodPost, "/_matrix/client/*/keys/...", endpoint.PriorityNormal},

	// Long, and waited for by nobody in particular.
	{"", "/_matrix/media/...", endpoint.PriorityBulk},
	{"", "/_matrix/client/*/media/...", endpoint.PriorityBulk},
	{"", "/_matrix/client/*/room_keys/...", endpoint.PriorityBulk},
	{http.MethodGet, "/_matrix/client/*/rooms/*/messages", endpoint.PriorityBulk},
	{http.MethodGet, "/_matrix/client/*/rooms/*/members", endpoint.PriorityBulk},
	{http.MethodGet, "/_matrix/client/*/rooms/*/context/*", endpoint.PriorityBulk},
	{http.MethodGet, "/_matrix/client/*/rooms/*/state", endpoint.PriorityBulk},
	{http.MethodPost, "/_matrix/client/*/search", endpoint.PriorityBulk},
	{http.MethodPost, "/_matrix/client/*/user_directory/...", endpoint.PriorityNormal},
	{"", "/_matrix/client/*/publicRooms", endpoint.PriorityBulk},
}

// priorityOf is the priority of a request: that of its row, or else interactive when
// it changes something, and normal when it reads. A /sync that goes on from an
// earlier one is normal; a first one is bulk.
func priorityOf(method string, u *url.URL) endpoint.Priority {
	path := u.EscapedPath()
	for i := range priorityRows {
		row := &priorityRows[i]
		if (row.method == "" || row.method == method) && matchPath(row.path, path) {
			return row.priority
		}
	}
	switch method {
	case http.MethodGet, http.MethodHead, "":
		if matchPath("/_matrix/client/*/sync", path) && u.Query().Get("since") == "" {
			return endpoint.PriorityBulk
		}
		return endpoint.PriorityNormal
	}
	return endpoint.PriorityInteractive
}

// matchPath reports whether a path has the form of a row.
func matchPath(row, path string) bool {
	for row != "" {
		if row == "/..." {
			return path != ""
		}
		var want, segment string
		want, row = nextSegment(row)
		segment, path = nextSegment(path)
		if segment == "" || want != "*" && want != segment {
			return false
		}
	}
	return path == ""
}

// nextSegment splits off the first segment of a path, without its slash.
func nextSegment(path string) (segment, rest string) {
	path, ok := strings.CutPrefix(path, "/")
	if !ok {
		return "", ""
	}
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}
