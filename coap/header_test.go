package coap

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/conformance/golden"
)

// carriedResponse sends a response to a peer of that kind and returns what comes
// out.
func carriedResponse(t testing.TB, m *Mapping, status int, h http.Header, body string, kind PeerKind) *http.Response {
	t.Helper()
	resp, err := m.EncodeResponse(status, h, []byte(body), kind)
	require.NoError(t, err)
	got, err := m.decodeResponse(arrived(resp), httptest.NewRequest("GET", "/", nil), kind)
	require.NoError(t, err)
	return got
}

// arrived is a response as the message layer hands it out: with a body always.
func arrived(resp *endpoint.Response) *endpoint.Response {
	r := *resp
	if r.Body == nil {
		r.Body = bytes.NewReader(nil)
	}
	return &r
}

// carriedRequest sends a request to a peer of that kind and returns what comes out.
func carriedRequest(t testing.TB, m *Mapping, r *http.Request, kind PeerKind) *http.Request {
	t.Helper()
	req, err := m.EncodeRequest(r, kind)
	require.NoError(t, err)
	if req.Body == nil {
		req.Body = bytes.NewReader(nil)
	}
	got, problem := m.decodeRequest(req)
	require.Nil(t, problem)
	return got
}

func TestHeaderTable(t *testing.T) {
	ids, names := map[uint8]bool{}, map[string]bool{}
	for _, row := range headerTable {
		assert.False(t, ids[row.id] || row.id == 0, "id %d", row.id)
		assert.False(t, names[row.name], row.name)
		assert.Equal(t, http.CanonicalHeaderKey(row.name), row.name)
		assert.True(t, row.request || row.answer || row.media, row.name)
		assert.True(t, !row.answer || row.media, "%s: media takes what any answer takes", row.name)
		ids[row.id], names[row.name] = true, true
	}
}

// TestHeaderPage compares docs/transparency.md with the table. UPDATE_GOLDEN=1 writes it.
func TestHeaderPage(t *testing.T) {
	want := "\n| header | requests | answers | answers that are not JSON |\n|---|---|---|---|\n"
	mark := map[bool]string{true: "yes", false: ""}
	rows := slices.Clone(headerTable[:])
	slices.SortFunc(rows, func(a, b headerRow) int { return strings.Compare(a.name, b.name) })
	for _, row := range rows {
		if row.name == "Content-Length" { // each hop has its own; that of a HEAD is carried
			continue
		}
		want += fmt.Sprintf("| `%s` | %s | %s | %s |\n", row.name, mark[row.request], mark[row.answer], mark[row.media])
	}
	want += "\n"
	golden.Of("../docs/transparency.md", "headers of coap").Hold(t, want, golden.Update())
}

// TestRequestHeaders: the allow-list and nothing else.
func TestRequestHeaders(t *testing.T) {
	r := httptest.NewRequest("POST", "/_matrix/media/v3/upload", strings.NewReader("data"))
	r.Header = http.Header{
		"Content-Type":        {"image/png"},
		"Content-Disposition": {`inline; filename="x"`},
		"Authorization":       {"Basic dXNlcjpwYXNz"},
		"Range":               {"bytes=0-9"},
		"If-None-Match":       {`"a"`, `"b"`},
		"User-Agent":          {"x"},
		"Accept-Encoding":     {"gzip"},
		"X-Forwarded-For":     {"10.0.0.1"},
		"Forwarded":           {"for=10.0.0.1"},
		"Connection":          {"close"},
		"Transfer-Encoding":   {"chunked"},
		"Host":                {"evil"},
		"Location":            {"/only/in/responses"},
	}
	got := carriedRequest(t, NewMapping(MappingConfig{}), r, PeerGateway)
	assert.Equal(t, http.Header{
		"Content-Type":        {"image/png"},
		"Content-Disposition": {`inline; filename="x"`},
		"Authorization":       {"Basic dXNlcjpwYXNz"},
		"Range":               {"bytes=0-9"},
		"If-None-Match":       {`"a"`, `"b"`},
	}, got.Header)
}

// TestBearerIsNoHeader: an access token travels as option 256 or as a slot where the other
// end makes the same header of it. Any other header goes as it is.
func TestBearerIsNoHeader(t *testing.T) {
	for _, test := range []struct {
		lines         []string
		token, loose  string
		travelsInFull bool
	}{
		{lines: []string{"Bearer secret"}, token: "secret"},
		{lines: []string{"Bearer a b"}, token: "a b"},
		{lines: []string{"bearer secret"}, loose: "secret", travelsInFull: true},
		{lines: []string{"BEARER  secret"}, loose: "secret", travelsInFull: true},
		{lines: []string{"Bearer  secret"}, loose: "secret", travelsInFull: true},
		{lines: []string{"Bearer Bearer secret"}, loose: "Bearer secret", travelsInFull: true},
		{lines: []string{"Bearer secret", "Bearer other"}, loose: "secret", travelsInFull: true},
		{lines: []string{"Bearer"}, travelsInFull: true},
		{lines: []string{"Bearer "}, travelsInFull: true},
		{lines: []string{"Bearers x"}, travelsInFull: true},
		{lines: []string{"Basic x"}, travelsInFull: true},
		{},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		for _, line := range test.lines {
			r.Header.Add("Authorization", line)
		}
		token, loose := accessToken(r.Header)
		assert.Equal(t, test.token, token, test.lines)
		assert.Equal(t, test.loose, loose, test.lines)
		var want []string
		if test.travelsInFull {
			want = test.lines
		}
		assert.Equal(t, want, carriedRequest(t, NewMapping(MappingConfig{}), r, PeerGateway).Header["Authorization"], test.lines)
	}
}

func TestResponseHeaders(t *testing.T) {
	m := NewMapping(MappingConfig{})
	all := http.Header{
		"Content-Disposition": {`attachment; filename="a b.png"`},
		"Etag":                {`W/"1"`},
		"Location":            {"https://example.org/a?b#c"},
		"Retry-After":         {"Wed, 21 Oct 2015 07:28:00 GMT"},
		"Set-Cookie":          {"a=1", "b=2"},
		"Cache-Control":       {"public"},
		"Date":                {"now"},
		"Server":              {"x"},
		"Connection":          {"close"},
	}
	t.Run("media", func(t *testing.T) {
		h := all.Clone()
		h.Set("Content-Type", "image/png")
		got := carriedResponse(t, m, 200, h, "data", PeerGateway).Header
		for _, name := range []string{"Date", "Server", "Connection"} {
			h.Del(name)
		}
		assert.Equal(t, h, got)
	})
	t.Run("JSON", func(t *testing.T) {
		h := all.Clone()
		h.Set("Content-Type", "application/json")
		got := carriedResponse(t, m, 200, h, "{}", PeerGateway).Header
		for _, name := range []string{"Date", "Server", "Connection", "Cache-Control"} {
			h.Del(name)
		}
		assert.Equal(t, h, got)
	})
	t.Run("foreign", func(t *testing.T) {
		h := all.Clone()
		h.Set("Content-Type", "image/png")
		assert.Equal(t, http.Header{"Content-Type": {"image/png"}}, carriedResponse(t, m, 200, h, "data", PeerForeign).Header)
	})
}

// TestRetryAfter: seconds travel as Max-Age where that means the same, to any peer.
func TestRetryAfter(t *testing.T) {
	m := NewMapping(MappingConfig{})
	for _, test := range []struct {
		status           int
		value            string
		gateway, foreign string
		maxAge           bool
	}{
		{429, "0", "0", "0", true},
		{429, "2", "2", "2", true},
		{503, "4294967295", "4294967295", "4294967295", true},
		{503, "4294967296", "4294967296", "", false},
		{429, "02", "02", "", false},
		{429, "-1", "-1", "", false},
		{429, "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:00 GMT", "", false},
		{403, "2", "2", "", false},
		{429, "", "", "", false},
	} {
		h := http.Header{}
		if test.value != "" {
			h.Set("Retry-After", test.value)
		}
		for kind, want := range map[PeerKind]string{PeerGateway: test.gateway, PeerForeign: test.foreign} {
			resp, err := m.EncodeResponse(test.status, h, []byte("{}"), kind)
			require.NoError(t, err)
			assert.Equal(t, test.maxAge, resp.Options.Has(endpoint.MaxAge), "%d %s", test.status, test.value)
			got := carriedResponse(t, m, test.status, h, "{}", kind)
			assert.Equal(t, want, strings.Join(got.Header["Retry-After"], ","), "%d %s to %d", test.status, test.value, kind)
			assert.Equal(t, test.status, got.StatusCode)
		}
	}
	// Max-Age of any other response is about caching.
	got, err := m.decodeResponse(&endpoint.Response{
		Code: endpoint.Content, Options: endpoint.Options(nil).AddUint(endpoint.MaxAge, 60),
	}, httptest.NewRequest("GET", "/", nil), PeerForeign)
	require.NoError(t, err)
	assert.Empty(t, got.Header)
}

// TestSmuggledHeader: what a peer sends never ends a header line early, names a
// header that is not in the table, or goes the wrong way.
func TestSmuggledHeader(t *testing.T) {
	row := func(name string) byte {
		row, ok := headerByName(name)
		require.True(t, ok)
		return row.id
	}
	opts := endpoint.Options(nil).
		AddString(endpoint.URIPath, "x").
		Add(OptionHeader, nil).
		Add(OptionHeader, []byte{0, 'x'}).
		Add(OptionHeader, []byte{255, 'x'}).
		Add(OptionHeader, append([]byte{row("Range")}, "bytes=0-9\r\nX-Evil: 1"...)).
		Add(OptionHeader, append([]byte{row("If-Match")}, "a\x00b"...)).
		Add(OptionHeader, append([]byte{row("If-Range")}, "a\x7f"...)).
		Add(OptionHeader, append([]byte{row("Cookie")}, "a\nb"...)).
		Add(OptionHeader, append([]byte{row("Location")}, "/x"...)).
		Add(OptionHeader, append([]byte{row("If-None-Match")}, "a\tb \xfc"...))
	m := NewMapping(MappingConfig{})
	req, problem := m.decodeRequest(&endpoint.Request{Code: endpoint.GET, Options: opts})
	require.Nil(t, problem)
	assert.Equal(t, http.Header{"If-None-Match": {"a\tb \xfc"}}, req.Header)

	resp, err := m.decodeResponse(&endpoint.Response{Code: endpoint.Content, Options: opts}, httptest.NewRequest("GET", "/", nil), PeerGateway)
	require.NoError(t, err)
	assert.Equal(t, http.Header{"Location": {"/x"}}, resp.Header)

	resp, err = m.decodeResponse(&endpoint.Response{Code: endpoint.Content, Options: opts}, httptest.NewRequest("GET", "/", nil), PeerForeign)
	require.NoError(t, err)
	assert.Empty(t, resp.Header, "a foreign peer has no headers to say")
}

// TestLongHeaders: what does not fit options goes into the envelope, and comes out
// the same.
func TestLongHeaders(t *testing.T) {
	m := NewMapping(MappingConfig{})
	many := make([]string, 20)
	for i := range many {
		many[i] = fmt.Sprintf("c%02d=%s", i, strings.Repeat("x", 100))
	}
	for name, h := range map[string]http.Header{
		"128 bytes":       {"Content-Disposition": {strings.Repeat("x", 128)}},
		"129 bytes":       {"Content-Disposition": {strings.Repeat("x", 129)}},
		"5 kB":            {"Content-Disposition": {strings.Repeat("x", 5000)}, "Etag": {`"short"`}},
		"many":            {"Set-Cookie": many},
		"long, no UTF-8":  {"Content-Disposition": {"attachment; filename=" + strings.Repeat("\xfc", 200)}},
		"short, no UTF-8": {"Content-Disposition": {"attachment; filename=\xfc"}},
	} {
		t.Run(name, func(t *testing.T) {
			h.Set("Content-Type", "video/mp4")
			resp, err := m.EncodeResponse(200, h, []byte("data"), PeerGateway)
			require.NoError(t, err)
			assert.LessOrEqual(t, resp.Options.EncodedSize(), m.maxHead+8, "options stay within half of a datagram")
			got := carriedResponse(t, m, 200, h, "data", PeerGateway)
			body, err := io.ReadAll(got.Body)
			require.NoError(t, err)
			assert.Equal(t, "data", string(body))
			for name := range h {
				assert.Equal(t, h[name], got.Header[name], name)
			}

			r := httptest.NewRequest("POST", "/x", strings.NewReader("data"))
			r.Header = http.Header{"Content-Disposition": h["Content-Disposition"], "Cookie": h["Set-Cookie"]}
			req := carriedRequest(t, m, r, PeerGateway)
			body, err = io.ReadAll(req.Body)
			require.NoError(t, err)
			assert.Equal(t, "data", string(body))
			assert.Equal(t, r.Header["Content-Disposition"], req.Header["Content-Disposition"])
			assert.Equal(t, r.Header["Cookie"], req.Header["Cookie"])
		})
	}
}
