package dialect

import (
	"strings"

	"github.com/coapgw/coapgw/coap/paths"
)

// RoutePattern returns the path of the row that a request has, such as
// "/_matrix/client/v3/rooms/{roomId}/messages": what stands in braces differs from request
// to request. ok is false where no row fits. There are as many patterns as rows, so that
// they may label metrics.
func RoutePattern(method, escapedPath string) (pattern string, ok bool) {
	segments, _, ok := new(paths.Table).Shorten(escapedPath, false)
	if !ok {
		return "", false
	}
	n, ok := routes.match(method, segments)
	if !ok {
		return "", false
	}
	_, pattern, _ = strings.Cut(routeRows[n], " ")
	return pattern, true
}
