package gateway

import (
	"net/http"
	"slices"
	"strings"
)

// origins are the pages that may use a Connect, as "https://app.example"; none means all of
// them: an access token is what counts, and is in no cookie.
type origins []string

// allows reports whether a request may be served: it comes from a page that is listed, or
// no browser says that it comes from another page.
func (o origins) allows(r *http.Request) bool {
	from := r.Header.Get("Origin")
	return len(o) == 0 || from == "" || slices.Contains(o, from) || r.Header.Get("Sec-Fetch-Site") == "same-origin"
}

// set sets the headers of the Matrix client-server API, "Web Browser Clients", with PATCH
// added for clients that use it. They are the same for every answer to an origin, so they
// never travel over the link; neither do preflight requests. Credentials in the sense of
// CORS, which are cookies, are never permitted, whatever the homeserver says.
func (o origins) set(h http.Header, r *http.Request) {
	allowed := "*"
	if len(o) > 0 {
		h.Add("Vary", "Origin")
		if allowed = r.Header.Get("Origin"); !slices.Contains(o, allowed) {
			allowed = o[0] // someone else's: the browser keeps the answer from the page
		}
	}
	h.Set("Access-Control-Allow-Origin", allowed)
	h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "X-Requested-With, Content-Type, Authorization")
	h.Set("Access-Control-Expose-Headers", "Content-Disposition, ETag, Location, Retry-After")
	h.Del("Access-Control-Allow-Credentials")
	h.Del("Access-Control-Allow-Private-Network")
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
