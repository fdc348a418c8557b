package fidelity

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/recorder"
)

// requireAlike sends bytes both ways, and requires that neither end can tell.
func (p *rawPair) requireAlike(t tester, text string, methods ...string) outcome {
	t.Helper()
	direct := p.exchange(t, p.homeserver.dial, text, methods...)
	time.Sleep(200 * time.Millisecond) // no session has more messages a second than it has message IDs for
	through := p.exchange(t, p.connect.dial, text, methods...)
	require.NoError(t, direct.err, "%q", text)
	require.NoError(t, through.err, "%q", text)
	require.Len(t, through.seen, len(direct.seen), "%q answered %q", text, lines(through.got))
	for i, sent := range direct.seen {
		requireSameRequest(t, sent.request(), through.seen[i].request())
	}
	require.Len(t, through.got, len(direct.got))
	for i, sent := range direct.got {
		requireSameResponse(t, sent.response(), through.got[i].response(), direct.seen[i].request())
	}
	return through
}

func lines(ms []rawMessage) (lines []string) {
	for _, m := range ms {
		lines = append(lines, m.line)
	}
	return lines
}

// requestHeaders are what docs/transparency.md says is carried of a request, and
// responseHeaders of a response; fileHeaders only where it is no JSON.
var (
	requestHeaders = []string{
		"Authorization", "Content-Type", "Content-Disposition", "Content-Encoding", "Content-Range", "Cookie",
		"Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Range", "Prefer",
	}
	responseHeaders = []string{
		"Content-Type", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Range", "Allow", "Etag",
		"Last-Modified", "Location", "Retry-After", "Set-Cookie", "Www-Authenticate",
	}
	fileHeaders = []string{"Accept-Ranges", "Cache-Control", "Expires"}
	// own are the headers that each hop sets for itself.
	own = []string{"Accept-Encoding", "Connection", "Content-Length", "Date", "Host", "Transfer-Encoding", "User-Agent", "X-Forwarded-For"}
	// connects are those that connect sets for browsers.
	connects = []string{
		"Access-Control-Allow-Headers", "Access-Control-Allow-Methods", "Access-Control-Allow-Origin", "Access-Control-Expose-Headers",
		"Content-Security-Policy", "Cross-Origin-Resource-Policy", "X-Content-Type-Options",
	}
)

func requireSameRequest(t tester, sent, got recorder.Request) {
	t.Helper()
	about := fmt.Sprintf("%s %q", sent.Method, sent.URI)
	typed := sent
	typed.Header = maybeJSON(sent.Header)
	requireSame(t, recorder.CompareRequests(typed, got, "X-None"), sent)
	want, came := sent.Header.Clone(), got.Header.Clone()
	types := strings.TrimSpace(strings.Join(want["Content-Type"], ", ")) // RFC 9110 §5.2
	want["Content-Type"] = []string{types}
	if types == "" || len(sent.Body) == 0 { // it says nothing
		delete(want, "Content-Type")
	}
	if len(sent.Body) == 0 { // where nobody knew that there would be none
		delete(came, "Content-Type")
	}
	requireHeaders(t, want, came, requestHeaders, own, about)
	requireFile(t, want, sent.Body, got.Body, strings.Contains(sent.URI, "/media/") && strings.Contains(sent.URI, "/upload"), about)
}

func requireSameResponse(t tester, sent, got recorder.Response, req recorder.Request) {
	t.Helper()
	about := fmt.Sprintf("answer %d to %s %q", sent.Status, req.Method, req.URI)
	zipped := sent.Header.Get("Content-Encoding") == "gzip"
	sent = unzipped(t, sent, req)
	if sent.Header.Get("Content-Length") != "" && len(got.Body) > 0 && !zipped {
		require.Equal(t, strconv.Itoa(len(got.Body)), got.Header.Get("Content-Length"), about) // who waits for a file wants to know
	}
	typed := sent
	typed.Header = maybeJSON(sent.Header)
	requireSame(t, recorder.CompareResponses(typed, got, "X-None"), req)
	want, names := sent.Header.Clone(), responseHeaders
	if types := want["Content-Type"]; len(types) > 0 {
		if want["Content-Type"] = []string{strings.TrimSpace(strings.Join(types, ", "))}; want.Get("Content-Type") == "" {
			delete(want, "Content-Type")
		}
		if mediaType, _, err := mime.ParseMediaType(want.Get("Content-Type")); types[0] != "" && (err != nil || mediaType != "application/json") {
			names = append(names[:len(names):len(names)], fileHeaders...)
		}
	}
	if sent.Status == http.StatusNotModified {
		delete(want, "Content-Type") // RFC 9110 §15.4.5: of what the client has already
	}
	if req.Method == http.MethodHead { // it tells the length of what a GET would bring
		names = append(names[:len(names):len(names)], "Content-Length")
	}
	requireHeaders(t, want, got.Header, names, append(own[:len(own):len(own)], connects...), about)
	file := strings.Contains(req.URI, "/media/") && strings.Contains(req.URI, "/download/") && sent.Status < 300
	requireFile(t, want, sent.Body, got.Body, file || sent.Status == http.StatusPartialContent, about)
}

// unzipped is a response as serve takes it, which asks for gzip and undoes it.
func unzipped(t tester, sent recorder.Response, req recorder.Request) recorder.Response {
	t.Helper()
	if sent.Header.Get("Content-Encoding") != "gzip" || len(sent.Body) == 0 || req.Header.Get("Range") != "" {
		return sent
	}
	r, err := gzip.NewReader(bytes.NewReader(sent.Body))
	require.NoError(t, err)
	plain, err := io.ReadAll(r)
	require.NoError(t, err)
	header := sent.Header.Clone()
	header.Del("Content-Encoding")
	return recorder.Response{Status: sent.Status, Header: header, Body: plain}
}

// requireHeaders requires that those named are as they were sent, and that of others there
// are only those that may be added.
func requireHeaders(t tester, sent, got http.Header, named, added []string, about string) {
	t.Helper()
	rest := got.Clone()
	for _, name := range named {
		require.Equal(t, sent[name], got[name], "%s: %s", about, name)
		delete(rest, name)
	}
	for _, name := range added {
		delete(rest, name)
	}
	require.Empty(t, rest, about)
}

// maybeJSON says of content of which nothing is said that it may be JSON.
func maybeJSON(h http.Header) http.Header {
	if h.Get("Content-Type") != "" {
		return h
	}
	return http.Header{"Content-Type": {"application/json"}}
}

// requireFile requires that a file is the same to the byte even where it is JSON.
func requireFile(t tester, header http.Header, sent, got []byte, isFile bool, about string) {
	t.Helper()
	if isFile {
		require.True(t, bytes.Equal(sent, got), "%s, %s: %q became %q", about, header.Get("Content-Type"), sent, got)
	}
}
