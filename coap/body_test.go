package coap

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/endpoint"
)

// TestRequestBodies: what travels for a body, and what comes out.
func TestRequestBodies(t *testing.T) {
	m := NewMapping(MappingConfig{MaxJSON: 1 << 10})
	large := `{"a":"` + strings.Repeat("x", 2<<10) + `"}`
	for _, test := range []struct {
		name              string
		contentType, body string // "-" means no Content-Type
		format            int    // -1: no Content-Format
		arrived           string
		typeArrived       string // "-" means none
	}{
		{"JSON", "application/json", `{"body":"hi"}`, 60, `{"body":"hi"}`, "application/json"},
		{"JSON with white space", "application/json", "{ \"a\" : 1 }\n", 60, `{"a":1}`, "application/json"},
		{"JSON with a charset", "application/json; charset=utf-8", `{}`, 60, `{}`, "application/json; charset=utf-8"},
		{"JSON without a type", "-", `{"a":1}`, 60, `{"a":1}`, "-"},
		{"JSON, empty type", "", `{"a":1}`, 60, `{"a":1}`, "-"},
		{"JSON scalar", "application/json", `null`, 60, `null`, "application/json"},
		{"numbers", "application/json", `[1,1.0,1e2,-0,12345678901234567890123]`, 60, `[1,1.0,1e2,-0,12345678901234567890123]`, "application/json"},
		{"says JSON and is not", "application/json", `{"a":`, 50, `{"a":`, "application/json"},
		{"says JSON and is text", "application/json", "\x00\xff", 50, "\x00\xff", "application/json"},
		{"says JSON and is two", "application/json", "{}{}", 50, "{}{}", "application/json"},
		{"too large to convert", "application/json", large, 50, large, "application/json"},
		{"no type and no JSON", "-", "hello", -1, "hello", "-"},
		{"text", "text/plain", "hello", 42, "hello", "text/plain"},
		{"text, UTF-8", "text/plain;charset=utf-8", "hello", 0, "hello", "text/plain;charset=utf-8"},
		{"PNG", "image/png", "\x89PNG", 23, "\x89PNG", "image/png"},
		{"octets", "application/octet-stream", "\x00", 42, "\x00", "application/octet-stream"},
		{"form", "application/x-www-form-urlencoded", "a=b", 42, "a=b", "application/x-www-form-urlencoded"},
		{"the client's own CBOR", "application/cbor", "\xa0", 42, "\xa0", "application/cbor"},
		{"JSON as octets", "application/octet-stream", `{"a": 1}`, 42, `{"a": 1}`, "application/octet-stream"},
		{"empty", "-", "", -1, "", "-"},
		{"a type without content", "application/json", "", -1, "", "-"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRequest(t, "POST", "/x", test.body)
			if test.contentType != "-" {
				r.Header["Content-Type"] = []string{test.contentType}
			}
			req, err := m.EncodeRequest(r, PeerGateway)
			require.NoError(t, err)
			format, has := req.Options.GetUint(endpoint.ContentFormat)
			if assert.Equal(t, test.format >= 0, has) && has {
				assert.EqualValues(t, test.format, format)
			}
			got, problem := m.decodeRequest(req)
			require.Nil(t, problem)
			data, err := io.ReadAll(got.Body)
			require.NoError(t, err)
			assert.Equal(t, test.arrived, string(data))
			assert.EqualValues(t, len(data), got.ContentLength)
			if types := got.Header["Content-Type"]; test.typeArrived == "-" {
				assert.Empty(t, types)
			} else {
				assert.Equal(t, []string{test.typeArrived}, types)
			}
		})
	}
}

// TestResponseTypeWithoutContent: the answer to a HEAD says of which type the
// content would be; no response invents one.
func TestResponseTypeWithoutContent(t *testing.T) {
	m := NewMapping(MappingConfig{})
	for _, contentType := range []string{"application/json", "application/json; charset=utf-8", "image/png", "video/mp4", ""} {
		a := answer{status: 200, header: map[string][]string{"Content-Length": {"7"}}, body: strings.NewReader("content"), size: 7}
		if contentType != "" {
			a.header.Set("Content-Type", contentType)
		}
		resp, err := m.encodeResponse(a, audience{gateway: true, head: true})
		require.NoError(t, err)
		assert.Nil(t, resp.Body)
		got, err := m.decodeResponse(arrived(resp), httptest.NewRequest("HEAD", "/", nil), PeerGateway)
		require.NoError(t, err)
		assert.Equal(t, contentType, got.Header.Get("Content-Type"))
		assert.EqualValues(t, 7, got.ContentLength)
	}
}

// TestUnreadableBody: a client whose body breaks off is not sent in part.
func TestUnreadableBody(t *testing.T) {
	m := NewMapping(MappingConfig{})
	broken := errors.New("broken")
	r := httptest.NewRequest("PUT", "/x", io.MultiReader(strings.NewReader(`{"a":1}`), iotest.ErrReader(broken)))
	r.Header.Set("Content-Type", "application/json")
	_, err := m.EncodeRequest(r, PeerGateway)
	assert.ErrorIs(t, err, broken)
}

// TestHostileBodies: a body with no JSON form is answered 400, from a server 502.
func TestHostileBodies(t *testing.T) {
	m := NewMapping(MappingConfig{MaxJSON: 1 << 10})
	for name, body := range map[string]string{
		"truncated":  "\xa1\x61",
		"break":      "\xff",
		"trailing":   "\xa0\xa0",
		"bytes":      "\x41\xff",
		"deep":       strings.Repeat("\x81", 1000) + "\x00",
		"too large":  "\x79\xff\xff" + strings.Repeat("x", 65535),
		"long claim": "\x7b\xff\xff\xff\xff\xff\xff\xff\xff",
	} {
		opts := endpoint.Options(nil).AddString(endpoint.URIPath, "x").AddUint(endpoint.ContentFormat, formatCBOR)
		_, problem := m.decodeRequest(&endpoint.Request{Code: endpoint.PUT, Options: opts, Body: strings.NewReader(body), Size: int64(len(body))})
		require.NotNil(t, problem, name)
		assert.Contains(t, []int{400, 413}, problem.Status, name)
		assert.Contains(t, []string{"M_NOT_JSON", "M_TOO_LARGE"}, problem.ErrCode, name)

		_, err := m.decodeResponse(&endpoint.Response{Code: endpoint.Content, Options: opts, Body: strings.NewReader(body), Size: -1}, httptest.NewRequest("GET", "/", nil), PeerGateway)
		var own *Error
		require.ErrorAs(t, err, &own, name)
		assert.Equal(t, 502, own.Status, name)
	}
	// Whoever says nothing of its format, or an unknown one, is passed on.
	for format, want := range map[uint32]string{0: "text/plain;charset=utf-8", 50: "application/json", 9999: "application/octet-stream"} {
		req, problem := m.decodeRequest(&endpoint.Request{
			Code: endpoint.PUT, Options: endpoint.Options(nil).AddUint(endpoint.ContentFormat, format), Body: strings.NewReader("\xff"), Size: 1,
		})
		require.Nil(t, problem)
		assert.Equal(t, want, req.Header.Get("Content-Type"))
	}
}

// TestBodiesAreClosed: whoever closes a response, or gets one without content,
// lets go of the transfer behind it.
func TestBodiesAreClosed(t *testing.T) {
	m := NewMapping(MappingConfig{})
	for name, test := range map[string]struct {
		format uint32
		body   string
	}{
		"JSON":       {formatCBOR, "\xa0"},
		"octets":     {formatOctets, "\xff"},
		"no content": {formatOctets, ""},
	} {
		body := &closable{Reader: strings.NewReader(test.body)}
		got, err := m.decodeResponse(&endpoint.Response{
			Code: endpoint.Content, Options: endpoint.Options(nil).AddUint(endpoint.ContentFormat, test.format),
			Body: body, Size: int64(len(test.body)),
		}, httptest.NewRequest("GET", "/", nil), PeerGateway)
		require.NoError(t, err)
		require.NoError(t, got.Body.Close())
		assert.True(t, body.closed, name)
	}
}

// TestLengthOfAnother: what a peer that is no gateway says of a body in blocks is an estimate (RFC 7959
// §4), and no Content-Length.
func TestLengthOfAnother(t *testing.T) {
	m := NewMapping(MappingConfig{})
	blocks := func() io.Reader { return &closable{Reader: strings.NewReader("\xa0")} }
	for _, test := range []struct {
		name   string
		kind   PeerKind
		format uint32
		body   io.Reader
		length int64
		silent bool
	}{
		{"blocks", PeerForeign, formatOctets, blocks(), 1, true},
		{"blocks of who is not known", PeerUnknown, formatOctets, blocks(), 1, true},
		{"blocks of a gateway", PeerGateway, formatOctets, blocks(), 1, false},
		{"one message", PeerForeign, formatOctets, bytes.NewReader([]byte("\xa0")), 1, false},
		{"CBOR in blocks", PeerForeign, formatCBOR, blocks(), int64(len("{}")), false},
	} {
		got, err := m.decodeResponse(&endpoint.Response{
			Code: endpoint.Content, Options: endpoint.Options(nil).AddUint(endpoint.ContentFormat, test.format), Body: test.body, Size: 1,
		}, httptest.NewRequest("GET", "/", nil), test.kind)
		require.NoError(t, err)
		assert.Equal(t, test.length, got.ContentLength, test.name)
		_, silent := got.Header["Content-Length"]
		assert.Equal(t, test.silent, silent, test.name)
	}
}

// TestReadUpTo: a body of exactly the limit is whole, one byte more is not.
func TestReadUpTo(t *testing.T) {
	for _, n := range []int{0, 1, 9, 10, 11, 1000} {
		for _, size := range []int64{int64(n), -1} {
			text := strings.Repeat("x", n)
			data, rest, err := readUpTo(strings.NewReader(text), size, 10)
			require.NoError(t, err)
			if n <= 10 {
				assert.Nil(t, rest)
				assert.Equal(t, text, string(data))
				continue
			}
			require.NotNil(t, rest)
			all, err := io.ReadAll(rest)
			require.NoError(t, err)
			assert.True(t, bytes.Equal([]byte(text), all))
		}
	}
}

// TestReadHint: a claim about a size buys no memory.
func TestReadHint(t *testing.T) {
	assert.EqualValues(t, bytes.MinRead, readHint(-1))
	assert.EqualValues(t, 100+bytes.MinRead, readHint(100))
	assert.EqualValues(t, 64<<10, readHint(1<<40))
}

// TestFiles: what the content repository keeps is a file to the byte, JSON too, and so is a part
// of anything. All other JSON crosses without its white space.
func TestFiles(t *testing.T) {
	m := NewMapping(MappingConfig{})
	const spaced, compact = "{ \"a\": 1.0 }\n", `{"a":1.0}`
	for _, contentType := range []string{"application/json", "application/json; charset=utf-8", ""} {
		header := http.Header{}
		if contentType != "" {
			header.Set("Content-Type", contentType)
		}
		for path, want := range map[string]string{
			"/_matrix/media/v3/upload": spaced, "/_matrix/media/v3/upload/a/b": spaced, "/_matrix/client/v1/media/upload": spaced,
			"/_matrix/client/v3/createRoom": compact, "/_matrix/client/v3/upload": compact, "/_matrix/media/v3/create": compact,
		} {
			r := httptest.NewRequest("POST", path, strings.NewReader(spaced))
			r.Header = header.Clone()
			got := carriedRequest(t, m, r, PeerGateway)
			body, err := io.ReadAll(got.Body)
			require.NoError(t, err)
			assert.Equal(t, want, string(body), path)
			assert.Equal(t, contentType, got.Header.Get("Content-Type"))
		}
		for _, test := range []struct {
			status   int
			download bool
			want     string
		}{{200, true, spaced}, {206, false, spaced}, {200, false, compact}, {404, true, compact}} {
			resp, err := m.encodeResponse(answer{status: test.status, header: header, body: strings.NewReader(spaced), size: int64(len(spaced))}, audience{gateway: true, download: test.download})
			require.NoError(t, err)
			got, err := m.decodeResponse(arrived(resp), httptest.NewRequest("GET", "/", nil), PeerGateway)
			require.NoError(t, err)
			body, err := io.ReadAll(got.Body)
			require.NoError(t, err)
			assert.Equal(t, test.want, string(body), test)
			assert.Equal(t, contentType, got.Header.Get("Content-Type"))
		}
	}
	r := httptest.NewRequest("POST", "/_matrix/media/v3/upload", strings.NewReader(compact))
	r.Header.Set("Content-Type", "application/json")
	req, err := m.EncodeRequest(r, PeerGateway)
	require.NoError(t, err)
	format, _ := req.Options.GetUint(endpoint.ContentFormat)
	assert.EqualValues(t, formatCBOR, format, "what comes out as it was is converted")
}
