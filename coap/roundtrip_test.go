package coap

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coapgw/coapgw/coap/link"
)

// genPath draws an escaped path, more or less odd.
func genPath() *rapid.Generator[string] {
	segment := rapid.OneOf(
		rapid.SampledFrom([]string{"", ".", "..", "_matrix", "client", "v3", "r0", "rooms", "sync", "state", "send", "%21r%3Aa", "!r:a", "$id", "%24id", "9", "7"}),
		rapid.StringMatching(`([a-zA-Z0-9._~!$&'()*+,;=:@-]|%[0-9A-F]{2}){0,12}`),
		rapid.StringMatching(`([a-z]|%[0-9a-fA-F]{2}){250,300}`),
	)
	return rapid.Custom(func(t *rapid.T) string {
		path := rapid.SampledFrom([]string{"", "/_matrix/client/v3", "/_matrix/client/r0", "/_matrix/client/v3/rooms/%21r%3Aa"}).Draw(t, "prefix")
		for _, s := range rapid.SliceOfN(segment, 1, 6).Draw(t, "segments") {
			path += "/" + s
		}
		return path
	})
}

// genQuery draws a raw query with its "?", or nothing.
func genQuery() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"", "?", "?a=b&c=d", "?since=s1_2_3&timeout=30000", "?a+b", "?&=&"}),
		rapid.StringMatching(`\?([a-zA-Z0-9._~!$'()*+,;=:@/?&-]|%[0-9A-Fa-f]{2}){0,40}`),
		rapid.StringMatching(`\?filter=([a-z]|%[0-9A-F]{2}){200,400}`),
	)
}

// genBody draws a Content-Type, "-" for none, and a body that comes out as it went
// in: JSON is already without white space.
func genBody() *rapid.Generator[[2]string] {
	return rapid.Custom(func(t *rapid.T) [2]string {
		contentType := rapid.SampledFrom([]string{
			"-", "application/json", "application/json; charset=utf-8", "text/plain", "text/plain;charset=utf-8",
			"image/png", "application/octet-stream", "application/cbor", "video/mp4; a=\"b\"",
		}).Draw(t, "type")
		body := rapid.OneOf(
			rapid.Just(""),
			rapid.SampledFrom([]string{`{}`, `null`, `{"a":[1,2.50,1e3,"x\n"],"":{}}`, `"ü"`, `{"msgtype":"m.text","body":"hi"}`, `{"a":`, "\xff\x00"}),
			rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 100).Filter(withoutSpace), func(b []byte) string { return string(b) }),
		).Draw(t, "body")
		return [2]string{contentType, body}
	})
}

// withoutSpace reports whether b is no JSON, or JSON without white space around its tokens.
func withoutSpace(b []byte) bool {
	var compact bytes.Buffer
	return json.Compact(&compact, b) != nil || compact.Len() == len(b)
}

var fieldValue = rapid.StringMatching(`[!-~]([ -~\t]{0,180}[!-~])?`)

func newMappings() []*Mapping {
	small := link.Default()
	small.MTU = 200
	return []*Mapping{NewMapping(MappingConfig{}), NewMapping(MappingConfig{Profile: small})}
}

// TestRequestRoundTrip: decode(encode(r)) is r, towards a coapgw.
func TestRequestRoundTrip(t *testing.T) {
	mappings := newMappings()
	rapid.Check(t, func(t *rapid.T) {
		method := rapid.SampledFrom([]string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "REPORT", "M-SEARCH"}).Draw(t, "method")
		line := genPath().Draw(t, "path") + genQuery().Draw(t, "query")
		u, err := url.ParseRequestURI(line)
		require.NoError(t, err)
		content := genBody().Draw(t, "content")
		r := &http.Request{Method: method, URL: u, Header: http.Header{}, Body: http.NoBody}
		if content[1] != "" {
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader([]byte(content[1]))), int64(len(content[1]))
			if rapid.Bool().Draw(t, "length unknown") {
				r.ContentLength = -1
			}
		}
		want := http.Header{}
		for _, row := range headerTable {
			if row.request && row.name != "Content-Type" && rapid.IntRange(0, 9).Draw(t, row.name) == 0 {
				want[row.name] = rapid.SliceOfN(fieldValue, 1, 2).Draw(t, row.name)
			}
		}
		r.Header = want.Clone()
		if content[0] != "-" {
			r.Header.Set("Content-Type", content[0])
			if content[1] != "" {
				want.Set("Content-Type", content[0])
			}
		}
		if token, _ := accessToken(want); token != "" {
			want.Del("Authorization")
		}
		m := mappings[rapid.IntRange(0, 1).Draw(t, "mapping")]
		req, err := m.EncodeRequest(r, PeerGateway)
		require.NoError(t, err)
		require.LessOrEqual(t, req.Options.EncodedSize(), m.maxHead+8+16, "half of a datagram, and the method")
		got, problem := m.decodeRequest(req)
		require.Nil(t, problem)
		require.Equal(t, method, got.Method)
		require.Equal(t, targetOf(u).String(), got.RequestURI)
		require.Equal(t, u.EscapedPath(), got.URL.EscapedPath())
		require.Equal(t, u.RawQuery, got.URL.RawQuery)
		require.Equal(t, want, got.Header)
		data, err := io.ReadAll(got.Body)
		require.NoError(t, err)
		require.Equal(t, content[1], string(data))
	})
}

// TestResponseRoundTrip: decode(encode(r)) is r, from a coapgw.
func TestResponseRoundTrip(t *testing.T) {
	mappings := newMappings()
	rapid.Check(t, func(t *rapid.T) {
		status := rapid.IntRange(200, 999).Draw(t, "status")
		content := genBody().Draw(t, "content")
		if !hasContent(status) {
			content[1] = ""
		}
		media := content[0] != "-" && !isJSON(content[0])
		want := http.Header{}
		for _, row := range headerTable {
			if row.name == "Content-Type" || row.name == "Content-Length" || !row.media || !media && !row.answer {
				continue
			}
			if rapid.IntRange(0, 9).Draw(t, row.name) == 0 {
				want[row.name] = rapid.SliceOfN(fieldValue, 1, 2).Draw(t, row.name)
			}
		}
		if rapid.IntRange(0, 3).Draw(t, "retry") == 0 {
			want.Set("Retry-After", strconv.Itoa(rapid.IntRange(0, 100_000).Draw(t, "seconds")))
		}
		if content[0] != "-" {
			want.Set("Content-Type", content[0])
		}
		m := mappings[rapid.IntRange(0, 1).Draw(t, "mapping")]
		resp, err := m.EncodeResponse(status, want.Clone(), []byte(content[1]), PeerGateway)
		require.NoError(t, err)
		got, err := m.decodeResponse(arrived(resp), httptest.NewRequest("GET", "/", nil), PeerGateway)
		require.NoError(t, err)
		require.Equal(t, status, got.StatusCode)
		require.Equal(t, want, got.Header)
		data, err := io.ReadAll(got.Body)
		require.NoError(t, err)
		require.Equal(t, content[1], string(data))
	})
}
