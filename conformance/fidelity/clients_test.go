package fidelity

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/recorder"
)

// client is how one recorded client writes its requests.
type client struct {
	file    string
	segment func(string) string // escapes a path segment
	value   func(string) string // escapes a value in a query
	// always are headers of each request.
	always http.Header
	// idleType: requests without content say Content-Type too.
	idleType bool
	// queryToken: the access token is an argument of the query.
	queryToken bool
}

func clients() []client {
	browser := http.Header{
		"Accept": {"*/*"}, "Accept-Encoding": {"gzip, deflate, br"}, "Accept-Language": {"de"},
		"Origin": {"http://localhost:8080"}, "Referer": {"http://localhost:8080/"}, "User-Agent": {"Mozilla/5.0"},
	}
	node := http.Header{"Accept": {"application/json"}, "Accept-Encoding": {"gzip"}, "Sec-Fetch-Mode": {"cors"}, "User-Agent": {"node"}}
	return []client{
		{file: "cinny-4.2.2-chromium.txt", segment: component, value: form, always: browser},
		{file: "hydrogen-sdk-0.3.1.txt", segment: component, value: component, always: browser},
		{file: "matrix-bot-sdk-0.7.txt", segment: component, value: component, always: http.Header{"Connection": {"close"}}},
		{file: "matrix-js-sdk-43.txt", segment: component, value: form, always: node},
		{file: "matrix-nio-0.20.1.txt", segment: yarl, value: form, always: http.Header{"Accept": {"*/*"}}, idleType: true, queryToken: true},
		{file: "mautrix-go.txt", segment: url.PathEscape, value: url.QueryEscape, always: http.Header{"Accept-Encoding": {"gzip"}, "User-Agent": {"mautrix-go"}}},
	}
}

// escape escapes all bytes of s but those of keep and RFC 3986's unreserved ones.
func escape(s, keep string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c < 0x80 && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._"+keep, c) >= 0) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// component is JavaScript's encodeURIComponent.
func component(s string) string { return escape(s, "~!'()*") }

// form is JavaScript's URLSearchParams.
func form(s string) string { return strings.ReplaceAll(escape(s, "* "), " ", "+") }

// yarl is what matrix-nio's HTTP client makes of quoted segments.
func yarl(s string) string { return escape(s, "~!$&'()*,;=:@") }

// parameters stand in for what a shape leaves open.
func parameters() map[string]string {
	return map[string]string{
		"userId": "@jörg+1:example.org", "roomId": "!a(b):example.org", "eventId": "$x/y+z=", "txn": "m1.5/2",
		"alias": "#a b:example.org", "roomIdOrAlias": "#100%?:example.org", "server": "example.org:8448", "mediaId": "AbC-_",
		"filter": `{"room":{"timeline":{"limit":10}}}`, "since": "s1_2~3.4", "url": "https://example.org/a?b=c&d=e#f", "filename": "a b+c/ü.png",
		"via": "example.org", "from": "t1-2_3", "at": "s3_4", "_cacheBuster": "1795328703965",
	}
}

// shape is a line of a client's file.
type shape struct {
	method, path string
	query        []string
	statuses     []int
	reqSizes     []int
	resSizes     []int
}

var (
	shapeLine   = regexp.MustCompile(`^ *\d+ ([A-Z]+) +(\S+) +q=(\S+) +st=\{([^}]*)\} req=(\d+)-(\d+) res=(\d+)-(\d+)$`)
	placeholder = regexp.MustCompile(`\{(type=)?([^}]+)\}`)
	statusOf    = regexp.MustCompile(`(\d{3}):`)
)

func readShapes(t testing.TB, file string) (shapes []shape) {
	t.Helper()
	f, err := os.Open(filepath.Join(testdata, "clients", file))
	require.NoError(t, err)
	defer f.Close()
	number := func(s string) int {
		n, err := strconv.Atoi(s)
		require.NoError(t, err)
		return n
	}
	for scanner := bufio.NewScanner(f); scanner.Scan(); {
		m := shapeLine.FindStringSubmatch(scanner.Text())
		if m == nil {
			continue // the summary of headers
		}
		s := shape{method: m[1], path: m[2], reqSizes: []int{number(m[5]), number(m[6])}, resSizes: []int{number(m[7]), number(m[8])}}
		if m[3] != "-" {
			s.query = strings.Split(m[3], ",")
		}
		for _, st := range statusOf.FindAllStringSubmatch(m[4], -1) {
			s.statuses = append(s.statuses, number(st[1]))
		}
		require.NotEmpty(t, s.statuses, scanner.Text())
		shapes = append(shapes, s)
	}
	return shapes
}

// target fills in a shape as the client writes it. A recorded "$eventType" and its
// like stand for themselves: the client escapes one parameter and not the other.
func (c client) target(s shape) string {
	values := parameters()
	path := placeholder.ReplaceAllStringFunc(s.path, func(p string) string {
		m := placeholder.FindStringSubmatch(p)
		value, ok := values[m[2]]
		if !ok {
			value = m[2] // an event type or the like
		}
		return c.segment(value)
	})
	args := make([]string, len(s.query))
	for i, key := range s.query {
		value, ok := values[key]
		if !ok {
			value = "30000"
		}
		args[i] = key + "=" + c.value(value)
	}
	if len(args) == 0 {
		return path
	}
	return path + "?" + strings.Join(args, "&")
}

// body makes a body of about that size.
func body(size int, media bool) []byte {
	switch {
	case size == 0:
		return nil
	case media:
		return bytes.Repeat([]byte("\x89\x00\xff\n"), size/4+1)[:size]
	case size < 12:
		return []byte("{}")
	}
	return []byte(`{"body":"` + strings.Repeat("x", size-11) + `"}`)
}

// TestClients sends what real clients send, as they write it: each method and path,
// the smallest and the largest body, each status.
func TestClients(t *testing.T) {
	for _, c := range clients() {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			shapes := readShapes(t, c.file)
			require.Greater(t, len(shapes), 10)
			virtually(t, func(t *testing.T) {
				var next recorder.Response
				p := newPair(t, func(context.Context, recorder.Request) recorder.Response { return next })
				for _, s := range shapes {
					if s.method == http.MethodOptions {
						got, seen := p.exchange(t, recorder.Request{Method: s.method, URI: c.target(s), Header: c.always})
						require.Empty(t, seen, "a preflight does not cross the link")
						require.Equal(t, http.StatusNoContent, got.Status)
						require.Equal(t, "*", got.Header.Get("Access-Control-Allow-Origin"))
						continue
					}
					for i := range s.reqSizes {
						for _, status := range s.statuses {
							next = c.response(s, status, s.resSizes[i])
							p.requireFaithful(t, c.request(s, s.reqSizes[i]))
						}
					}
				}
			})
		})
	}
}

func (c client) request(s shape, size int) recorder.Request {
	media := strings.HasSuffix(s.path, "/upload") && strings.Contains(s.path, "/media/")
	req := recorder.Request{Method: s.method, URI: c.target(s), Header: c.always.Clone(), Body: body(size, media)}
	if len(req.Body) > 0 || c.idleType {
		req.Header.Set("Content-Type", "application/json")
		if media {
			req.Header.Set("Content-Type", "image/png")
		}
	}
	if !c.queryToken && !strings.HasSuffix(s.path, "/login") && !strings.HasSuffix(s.path, "/versions") {
		req.Header.Set("Authorization", "Bearer secret")
	}
	return req
}

func (c client) response(s shape, status, size int) recorder.Response {
	media := strings.Contains(s.path, "/download/") || strings.Contains(s.path, "/thumbnail/")
	resp := recorder.Response{Status: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: body(size, media)}
	if media {
		resp.Header = http.Header{"Content-Type": {"image/jpeg"}, "Content-Disposition": {`inline; filename="a b.jpg"`}, "Etag": {`"x"`}}
	}
	return resp
}
