package gateway

import (
	"net/http"
	"strings"
)

// setCORS sets the headers of the Matrix client-server API, "Web Browser Clients",
// with PATCH added for clients that use it. They are the same for every answer,
// so they never travel over the link; neither do preflight requests.
func setCORS(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "X-Requested-With, Content-Type, Authorization")
	h.Set("Access-Control-Expose-Headers", "Content-Disposition, ETag, Location, Retry-After")
}

// mediaPolicy is the Content-Security-Policy that the Matrix client-server API
// recommends for content that users uploaded.
const mediaPolicy = "sandbox; default-src 'none'; script-src 'none'; plugin-types application/pdf; " +
	"style-src 'unsafe-inline'; object-src 'self';"

// setMediaSecurity keeps a browser from running what a user uploaded. Headers
// that came from the homeserver stand.
func setMediaSecurity(h http.Header) {
	for name, value := range map[string]string{
		"Content-Security-Policy":      mediaPolicy,
		"Cross-Origin-Resource-Policy": "cross-origin",
		"X-Content-Type-Options":       "nosniff",
	} {
		if h.Get(name) == "" {
			h.Set(name, value)
		}
	}
}

// isMedia reports whether path downloads from the content repository:
// /_matrix/media/{version}/… or /_matrix/client/{version}/media/…
func isMedia(path string) bool {
	if rest, ok := strings.CutPrefix(path, "/_matrix/client/"); ok {
		_, rest, _ = strings.Cut(rest, "/")
		path = "/_matrix/" + rest
	}
	rest, ok := strings.CutPrefix(path, "/_matrix/media/")
	return ok && (strings.Contains("/"+rest, "/download/") || strings.Contains("/"+rest, "/thumbnail/"))
}
