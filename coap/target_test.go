package coap

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
)

// newRequest is a request as an HTTP server would hand it on.
func newRequest(t testing.TB, method, target, body string) *http.Request {
	t.Helper()
	u, err := url.ParseRequestURI(target)
	require.NoError(t, err)
	if path := WrittenPath(u); path != u.EscapedPath() { // as connect sends it on
		u.Opaque = path
	}
	r := &http.Request{Method: method, URL: u, RequestURI: target, Header: http.Header{}, Body: http.NoBody}
	if body != "" {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	}
	return r
}

const room = "/_matrix/client/v3/rooms/%21r%3Aexample.org"

// trapTargets are request targets that careless gateways change.
func trapTargets() map[string]string {
	return map[string]string{
		"root":                        "/",
		"escaped slash":               room + "/state/m.room.member/a%2Fb",
		"escaped percent":             room + "/state/x/100%25",
		"escaped escape":              room + "/state/x/%252F",
		"escaped hash":                "/_matrix/client/v3/directory/room/%23alias%3Aexample.org",
		"escaped question mark":       room + "/state/x/what%3F",
		"plus":                        room + "/state/x/1+1",
		"escaped plus":                room + "/state/x/1%2B1",
		"escaped space":               room + "/state/x/a%20b",
		"non-ASCII":                   "/_matrix/client/v3/profile/%40j%C3%BCrgen%3Aexample.org",
		"emoji":                       room + "/state/x/%F0%9F%9A%A2",
		"lower-case escapes":          room + "/state/x/%c3%bc%2f",
		"not UTF-8":                   room + "/state/x/%FF%FE",
		"NUL":                         room + "/state/x/%00",
		"empty segment":               room + "/state//x",
		"empty state key":             room + "/state/m.room.topic/",
		"trailing slash":              "/_matrix/client/v3/pushrules/",
		"two trailing slashes":        "/_matrix/client/v3/pushrules//",
		"no path but slashes":         "//",
		"authority look-alike":        "//evil.example/_matrix/client/versions",
		"dot segment":                 room + "/state/./x",
		"dot-dot segment":             room + "/state/../x",
		"escaped dot-dot":             room + "/state/%2E%2E/x",
		"dot state key":               room + "/state/m.room.member/.",
		"dots in a name":              room + "/state/m.room.member/...",
		"enum look-alike":             "/9/x/y",
		"enum look-alike alone":       "/7",
		"bare question mark":          "/_matrix/client/v3/sync?",
		"query":                       "/_matrix/client/v3/sync?since=s1_2&timeout=30000",
		"empty value":                 "/_matrix/client/v3/sync?since=&timeout=0",
		"no value":                    "/_matrix/client/v3/sync?full_state",
		"empty arguments":             "/_matrix/client/v3/sync?&&a=1&",
		"repeated key":                "/_matrix/client/v3/x?via=a&via=b&via=a",
		"equals in a value":           "/_matrix/client/v3/x?a=b=c",
		"escaped equals in a key":     "/_matrix/client/v3/x?a%3Db=c",
		"escaped ampersand":           "/_matrix/client/v3/x?a=b%26c=d",
		"plus in a query":             "/_matrix/client/v3/x?q=a+b",
		"escaped plus in a query":     "/_matrix/client/v3/x?q=a%2Bb",
		"hash in a query":             "/_matrix/client/v3/x?q=a%23b",
		"raw hash in a query":         "/_matrix/client/v3/x?q=a#b",
		"JSON in a query":             "/_matrix/client/v3/sync?filter=%7B%22room%22%3A%7B%22timeline%22%3A%7B%22limit%22%3A10%7D%7D%7D",
		"raw JSON in a query":         `/_matrix/client/v3/sync?filter={"room":{"timeline":{"limit":10}}}`,
		"question mark in a query":    "/_matrix/client/v3/x?a=?&b=/",
		"broken escape in a query":    "/_matrix/client/v3/x?a=%zz&b=%",
		"raw non-ASCII in a query":    "/_matrix/client/v3/x?a=\u00fc",
		"raw Latin-1 in a query":      "/_matrix/client/v3/x?a=\xfc",
		"255 bytes of segment":        room + "/state/x/" + strings.Repeat("y", 255),
		"300 bytes of segment":        room + "/state/x/" + strings.Repeat("y", 300),
		"255 bytes of argument":       "/_matrix/client/v3/sync?since=" + strings.Repeat("y", 249),
		"300 bytes of argument":       "/_matrix/client/v3/sync?since=" + strings.Repeat("y", 300),
		"5 kB of query":               "/_matrix/client/v3/sync?filter=" + strings.Repeat("y", 5000),
		"5 kB of short arguments":     "/_matrix/client/v3/x?" + strings.Repeat("via=example.org&", 320) + "x=1",
		"5 kB of path":                "/_matrix/client" + strings.Repeat("/segment", 640),
		"two kinds of escaping":       "/_matrix/client/v1/rooms/!r:example.org/relations/%24id/m.annotation/$type?dir=b",
		"two kinds, second parameter": room + "/relations/%24id/m.annotation/$type",
		"matrix parameters":           "/_matrix/client/v3/x;a=1,2/y",
		"brackets":                    "/_matrix/client/v3/x/[::1]",
		"raw caret and bar":           room + "/state/x/a^b|c",
		"caret, raw and escaped":      room + "/state/x/^%5E",
		"what a URL has no place for": room + "/state/x/\"<>\\{}`#",
		"raw non-ASCII":               room + "/state/x/\u00fc",
		"raw Latin-1":                 room + "/state/x/\xfc",
		"access token in the query":   "/_matrix/client/r0/sync?access_token=abc",
	}
}

// TestWrittenPath: the bytes of the path, unless they are of another path or could not stand in
// a request line.
func TestWrittenPath(t *testing.T) {
	for _, test := range []struct{ path, raw, want string }{
		{"/a", "", "/a"},
		{"/a^b c", "", "/a%5Eb%20c"},
		{"/a^b", "/a^b", "/a^b"},
		{"/a^b/c", "/a^b%2Fc", "/a^b%2Fc"},
		{"/a/\xff", "/a/\xff", "/a/\xff"},
		{"/other", "/a^b", "/other"},
		{"/a^b c", "/a^b c", "/a%5Eb%20c"},
		{"/a^b\x7f", "/a^b\x7f", "/a%5Eb%7F"},
		{"/a^b?c", "/a^b?c", "/a%5Eb%3Fc"},
		{"/a^b\n", "/a^b\n", "/a%5Eb%0A"},
	} {
		assert.Equal(t, test.want, WrittenPath(&url.URL{Path: test.path, RawPath: test.raw}))
	}
}

// TestTargetOf: the path of a program's request is escaped, as net/http does, unless it is Opaque.
func TestTargetOf(t *testing.T) {
	for raw, want := range map[string]string{
		"http://x/a^b?c^d": "/a%5Eb?c^d", "http://x/\u00fc": "/%C3%BC", "http://x/a%2Fb": "/a%2Fb", "http://x": "/", "http://x?a": "/?a",
	} {
		u, err := url.Parse(raw)
		require.NoError(t, err)
		assert.Equal(t, want, targetOf(u).String())
	}
	assert.Equal(t, "/a^b?c", targetOf(&url.URL{Path: "/a^b", Opaque: "/a^b", RawQuery: "c"}).String())
	assert.Equal(t, "/a%5Eb", targetOf(&url.URL{Path: "/a^b", Opaque: "//x/a^b"}).String())
}

// TestTargetTraps: between two coapgw the request line arrives to the byte,
// whatever stands in it, with and without content.
func TestTargetTraps(t *testing.T) {
	m := NewMapping(MappingConfig{})
	for name, line := range trapTargets() {
		t.Run(name, func(t *testing.T) {
			for _, body := range []string{"", `{"a":1}`, "\x00raw"} {
				for _, method := range []string{"GET", "PUT", "POST", "DELETE", "PATCH", "HEAD"} {
					r := newRequest(t, method, line, body)
					want := line
					got := carriedRequest(t, m, r, PeerGateway)
					require.Equal(t, want, got.RequestURI)
					require.Equal(t, method, got.Method)
					require.Equal(t, r.URL.EscapedPath(), got.URL.EscapedPath())
					require.Equal(t, r.URL.Path, got.URL.Path)
					require.Equal(t, r.URL.RawQuery, got.URL.RawQuery)
					require.Equal(t, r.URL.ForceQuery, got.URL.ForceQuery)
					data, err := io.ReadAll(got.Body)
					require.NoError(t, err)
					require.Equal(t, body, string(data))
				}
			}
		})
	}
}

// TestTargetOptionsAreSmall: long targets leave room for a block in the datagram,
// and enum paths are short.
func TestTargetOptionsAreSmall(t *testing.T) {
	m := NewMapping(MappingConfig{})
	for name, line := range trapTargets() {
		req, err := m.EncodeRequest(newRequest(t, "GET", line, ""), PeerGateway)
		require.NoError(t, err)
		assert.LessOrEqual(t, req.Options.EncodedSize(), m.maxHead+8, name)
	}
	for line, want := range map[string]int{
		"/_matrix/client/v3/sync":                    1,
		"/_matrix/client/r0/sync":                    1,
		"/_matrix/client/versions":                   1,
		room + "/send/m.room.message/m1":             4,
		"/_matrix/client/v3/user/%40a%3Ab/filter/63": 3,
	} {
		req, err := m.EncodeRequest(newRequest(t, "GET", line, ""), PeerGateway)
		require.NoError(t, err)
		assert.Len(t, req.Options.GetAll(endpoint.URIPath), want, line)
	}
}

// TestTargetToForeign: a foreign peer gets the same path and query by meaning, or
// nothing at all.
func TestTargetToForeign(t *testing.T) {
	refused := map[string]bool{
		"dot segment": true, "dot-dot segment": true, "escaped dot-dot": true, "dot state key": true,
		"not UTF-8": true, "raw Latin-1": true, "enum look-alike": true, "enum look-alike alone": true,
		"escaped equals in a key": true, "broken escape in a query": true, "raw Latin-1 in a query": true,
		"300 bytes of segment": true, "300 bytes of argument": true, "5 kB of query": true,
		"5 kB of short arguments": true, "5 kB of path": true,
	}
	m := NewMapping(MappingConfig{})
	for name, line := range trapTargets() {
		t.Run(name, func(t *testing.T) {
			r := newRequest(t, "PUT", line, "{}")
			req, err := m.EncodeRequest(r, PeerForeign)
			if refused[name] {
				var problem *Error
				require.ErrorAs(t, err, &problem)
				assert.Equal(t, 400, problem.Status)
				assert.Equal(t, "M_UNRECOGNIZED", problem.ErrCode)
				return
			}
			require.NoError(t, err)
			for _, o := range req.Options {
				require.Contains(t, []endpoint.OptionNumber{endpoint.URIPath, endpoint.URIQuery, endpoint.ContentFormat}, o.Number)
				require.LessOrEqual(t, len(o.Value), maxOptionValue)
			}
			got, problem := m.decodeRequest(req)
			require.Nil(t, problem)
			assert.Equal(t, r.URL.Path, got.URL.Path)
			// Not by what comes out: RFC 7252 §6.5 leaves a plus sign as it is, which
			// forms then read as a space.
			var args []string
			for _, v := range req.Options.GetAll(endpoint.URIQuery) {
				args = append(args, string(v))
			}
			assert.Equal(t, arguments(t, r.URL.RawQuery), args)
		})
	}
}

// arguments are the decoded arguments of a query in order.
func arguments(t testing.TB, query string) (args []string) {
	if query == "" {
		return nil
	}
	for arg := range strings.SplitSeq(query, "&") {
		raw, err := url.QueryUnescape(arg)
		require.NoError(t, err)
		args = append(args, raw)
	}
	return args
}

// TestFoldV3: a /v3/ path goes to a foreign peer as an enum only where its
// homeserver is known to treat it alike.
func TestFoldV3(t *testing.T) {
	line := "/_matrix/client/v3/sync"
	for fold, want := range map[bool]int{false: 4, true: 1} {
		m := NewMapping(MappingConfig{FoldV3: fold})
		req, err := m.EncodeRequest(newRequest(t, "GET", line, ""), PeerForeign)
		require.NoError(t, err)
		assert.Len(t, req.Options.GetAll(endpoint.URIPath), want)
		// Nobody is told of a fold before it is known that the peer understands it.
		req, err = m.EncodeRequest(newRequest(t, "GET", line, ""), PeerUnknown)
		require.NoError(t, err)
		assert.Len(t, req.Options.GetAll(endpoint.URIPath), 4)
	}
}

// TestHostileTargets: a peer cannot have a malformed request line made.
func TestHostileTargets(t *testing.T) {
	m := NewMapping(MappingConfig{})
	for _, line := range []string{
		"*", "x", "http://evil.example/", "?a=b", "/a b", "/a?b c", "/a HTTP/1.1\r\nX: y\r\n\r\n", "/\x00", "/\x7f", "/%zz", "/a\tb",
	} {
		head, err := appendEnvelope([]string{line})
		require.NoError(t, err)
		_, problem := m.decodeRequest(&endpoint.Request{
			Code: endpoint.FETCH, Options: endpoint.Options(nil).Add(OptionEnvelope, nil),
			Body: bytes.NewReader(head), Size: int64(len(head)),
		})
		require.NotNil(t, problem, "%q", line)
		assert.Equal(t, 400, problem.Status)
	}
	for _, segments := range [][]string{{"."}, {".."}, {"_matrix", ".."}, {"\xff"}, {"9"}, {"9", "a", "b", "c", "d", "e"}} {
		var opts endpoint.Options
		for _, s := range segments {
			opts = opts.AddString(endpoint.URIPath, s)
		}
		_, problem := m.decodeRequest(&endpoint.Request{Code: endpoint.GET, Options: opts})
		require.NotNil(t, problem, "%q", segments)
		assert.Contains(t, []int{400, 404}, problem.Status)
	}
	// A form of a later version is read as none: the option is elective.
	for _, form := range [][]byte{{0xff}, {1, 2}, {}} {
		req, problem := m.decodeRequest(&endpoint.Request{
			Code: endpoint.GET, Options: endpoint.Options(nil).AddString(endpoint.URIPath, "x y").Add(OptionForm, form),
		})
		if len(form) > 0 {
			require.Nil(t, problem, "%x", form)
			assert.Equal(t, "/x%20y", req.RequestURI)
		}
	}
}

// TestHeadFitsItsDirection: a message may use the larger datagram of its direction.
func TestHeadFitsItsDirection(t *testing.T) {
	p, ok := link.ByName("iridium-sbd")
	require.True(t, ok)
	for side, datagram := range map[endpoint.Side]int{
		endpoint.SideUnknown: p.MTU, endpoint.SideConstrained: p.MTUUp, endpoint.SideFar: p.MTU,
	} {
		want := (datagram - recordOverhead) / 2
		assert.Equal(t, want, NewMapping(MappingConfig{Profile: p, Side: side}).maxHead)
		assert.Equal(t, want, NewMapping(MappingConfig{Side: side}).over(p).maxHead)
	}
}
