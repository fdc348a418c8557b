package gateway

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/policy"
)

// SlowLinks is what a Serve does for peers behind slow links, by the link that each of
// them goes by (package policy). A peer that wants it otherwise says so with its request.
// The zero value does all but Thumbnails.
type SlowLinks struct {
	// WholeSync leaves first /syncs as the client's filter has them.
	WholeSync bool
	// AnySize lets downloads of any size cross.
	AnySize bool
	// Thumbnails answers the download of an image that is too large with a thumbnail of
	// it.
	Thumbnails bool
}

// slowLinks goes between the proxy and the homeserver.
type slowLinks struct {
	base http.RoundTripper
	// does is nil where everything crosses as it is.
	does    *SlowLinks
	filters filters
}

// RoundTrip implements http.RoundTripper.
func (s *slowLinks) RoundTrip(r *http.Request) (*http.Response, error) {
	if len(r.Header["Prefer"]) == 0 && s.does == nil {
		return s.base.RoundTrip(r)
	}
	wants := policy.Preferences{}
	if len(r.Header["Prefer"]) > 0 {
		r = r.Clone(r.Context())
		wants = policy.ReadPreferences(r.Header)
	}
	peer, ok := coap.PeerFrom(r.Context())
	if !ok || s.does == nil || r.Method != http.MethodGet {
		return s.base.RoundTrip(r)
	}
	_, path := split(r)
	switch {
	case policy.IsSync(path) && !s.does.WholeSync && !wants.WholeSync:
		return s.base.RoundTrip(s.shorten(r, peer))
	case policy.IsMedia(path):
		limit := policy.Limit(peer.Link, false)
		switch {
		case wants.HasDownload:
			limit = wants.Download
		case s.does.AnySize:
			limit = 0
		}
		return s.download(r, peer, limit)
	}
	return s.base.RoundTrip(r)
}

// split separates the path of the homeserver's base URL from that of the API.
func split(r *http.Request) (base, path string) {
	path = r.URL.EscapedPath()
	if i := strings.Index(path, "/_matrix/"); i > 0 {
		return path[:i], path[i:]
	}
	return "", path
}

// download refuses a file that is larger than limit, before any of it goes on the
// link; 0 refuses none.
func (s *slowLinks) download(r *http.Request, peer coap.Peer, limit int64) (*http.Response, error) {
	resp, err := s.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if limit == 0 || resp.StatusCode != http.StatusOK || resp.ContentLength <= limit {
		return fromOffset(r, resp)
	}
	_ = resp.Body.Close()
	if s.does.Thumbnails && strings.HasPrefix(resp.Header.Get("Content-Type"), "image/") {
		if small := s.thumbnail(r, limit); small != nil {
			return small, nil
		}
	}
	problem := policy.TooLarge(peer.Link, resp.ContentLength, limit)
	body := string(problem.Body())
	return &http.Response{
		Status: strconv.Itoa(problem.Status) + " " + http.StatusText(problem.Status), StatusCode: problem.Status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}, nil
}

// fromOffset makes of a whole file the part that was asked for, where the homeserver
// knows no ranges (RFC 9110 §14.2): so a file that broke off need not cross twice.
func fromOffset(r *http.Request, resp *http.Response) (*http.Response, error) {
	text, open := strings.CutSuffix(r.Header.Get("Range"), "-")
	text, inBytes := strings.CutPrefix(text, "bytes=")
	offset, err := strconv.ParseInt(text, 10, 64)
	if !open || !inBytes || err != nil || offset <= 0 || offset >= resp.ContentLength ||
		resp.StatusCode != http.StatusOK || len(r.Header["If-Range"]) > 0 || resp.Header.Get("Content-Encoding") != "" {
		return resp, nil
	}
	if _, err := io.CopyN(io.Discard, resp.Body, offset); err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	total := resp.ContentLength
	resp.ContentLength -= offset
	resp.StatusCode, resp.Status = http.StatusPartialContent, "206 Partial Content"
	resp.Header.Set("Content-Length", strconv.FormatInt(resp.ContentLength, 10))
	resp.Header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", offset, total-1, total))
	return resp, nil
}

// thumbnail is a small form of an image that does not pass, nil where there is none.
// Nobody may keep it for the image.
func (s *slowLinks) thumbnail(r *http.Request, limit int64) *http.Response {
	base, path := split(r)
	before, name, ok := strings.Cut(path, "/download/")
	if !ok {
		return nil
	}
	if parts := strings.Split(name, "/"); len(parts) > 2 { // the file's name
		name = strings.Join(parts[:2], "/")
	}
	query := "width=320&height=240&method=scale"
	if r.URL.RawQuery != "" {
		query = r.URL.RawQuery + "&" + query
	}
	small, err := s.ask(r.Context(), r, base+before+"/thumbnail/"+name, query)
	if err != nil {
		return nil
	}
	if small.StatusCode != http.StatusOK || small.ContentLength < 0 || small.ContentLength > limit {
		_ = small.Body.Close()
		return nil
	}
	small.Header.Set("Cache-Control", "no-store")
	return small
}

// ask sends a GET of our own for the user of a request, to where that goes: a path that begins
// with "//" names no host here, as it would in a reference (RFC 3986 §4.2).
func (s *slowLinks) ask(ctx context.Context, r *http.Request, escapedPath, query string) (*http.Response, error) {
	path, err := url.PathUnescape(escapedPath)
	if err != nil {
		return nil, err
	}
	u := *r.URL
	u.Path, u.RawPath, u.RawQuery, u.ForceQuery = path, escapedPath, query, false
	own := (&http.Request{
		Method: http.MethodGet, URL: &u, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: make(http.Header),
	}).WithContext(ctx)
	for _, name := range []string{"Authorization", "X-Forwarded-For"} {
		if v := r.Header[name]; len(v) > 0 {
			own.Header[name] = v
		}
	}
	return s.base.RoundTrip(own)
}

// lookupTimeout bounds the wait for a filter at the homeserver.
const lookupTimeout = 10 * time.Second
