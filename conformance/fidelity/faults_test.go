package fidelity

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/conformance/recorder"
)

// The faults of the reference stack, one test each.

// targetsArrive sends each target with and without content.
func targetsArrive(t *testing.T, targets ...string) {
	t.Helper()
	virtually(t, func(t *testing.T) {
		p := newPair(t, func(context.Context, recorder.Request) recorder.Response { return recorder.JSON(200, `{}`) })
		for _, target := range targets {
			p.requireFaithful(t, recorder.Request{Method: "GET", URI: target, Header: bearer("a")})
			p.requireFaithful(t, jsonRequest("PUT", target, `{"a":1}`))
		}
	})
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

func jsonRequest(method, target, body string) recorder.Request {
	h := bearer("a")
	h.Set("Content-Type", "application/json")
	return recorder.Request{Method: method, URI: target, Header: h, Body: []byte(body)}
}

func TestFault_TrailingSlashDropped(t *testing.T) {
	targetsArrive(t, "/_matrix/client/v3/pushrules/", "/_matrix/client/r0/pushrules/", "/_matrix/client/v3/pushrules",
		"/_matrix/client/v3/rooms/%21r%3Aa/state/m.room.topic/", "/_matrix/client/v3/sync/", "/x//", "//")
}

func TestFault_EscapedSlashDecoded(t *testing.T) {
	targetsArrive(t, "/_matrix/client/v3/rooms/%21r%3Aa/state/x/a%2Fb", "/_matrix/client/v3/rooms/%21r%3Aa/state/x/a%252Fb",
		"/_matrix/client/r0/profile/%40a%2Fb%3Ac", "/_matrix/client/v3/rooms/%21r%3Aa/state/x/a%2fb")
}

func TestFault_HashTakenForFragment(t *testing.T) {
	targetsArrive(t, "/_matrix/client/v3/directory/room/%23alias%3Aexample.org", "/_matrix/client/v3/join/%23a%3Ab?via=%23x",
		"/_matrix/client/r0/directory/room/%23a%23%3Ab")
}

func TestFault_PercentDecodedTwice(t *testing.T) {
	targetsArrive(t, "/_matrix/client/v3/rooms/%21r%3Aa/state/x/100%25", "/_matrix/client/v3/x?q=%2525&r=%25", "/%2520")
}

func TestFault_QuestionMarkTakenForQuery(t *testing.T) {
	targetsArrive(t, "/_matrix/client/v3/rooms/%21r%3Aa/state/x/what%3F", "/_matrix/client/v3/x?a=?&b=%3F", "/_matrix/client/v3/sync?")
}

func TestFault_PlusTakenForSpace(t *testing.T) {
	targetsArrive(t, "/_matrix/client/v3/x/1+1/1%2B1/1%201", "/_matrix/client/v3/x?q=1+1", "/_matrix/client/v3/x?q=1%2B1", "/_matrix/client/v3/x?q=1%201")
}

func TestFault_NonASCIISpoiled(t *testing.T) {
	targetsArrive(t, "/_matrix/client/v3/profile/%40j%C3%BCrgen%3Aa", "/_matrix/client/v3/x/%F0%9F%9A%A2?q=%C3%BC", "/_matrix/client/v3/x/%FF")
}

func TestFault_DotSegmentsResolved(t *testing.T) {
	targetsArrive(t, "/_matrix/client/v3/rooms/%21r%3Aa/state/x/.", "/_matrix/client/v3/rooms/%21r%3Aa/state/x/..", "/a/../b", "/a/%2E%2E/b", "/a/./b")
}

func TestFault_EmptySegmentDropped(t *testing.T) {
	targetsArrive(t, "/_matrix/client/v3/rooms//state", "/_matrix//client", "/x?&&a=1&")
}

func TestFault_LongQueryRefused(t *testing.T) {
	targetsArrive(t, "/_matrix/client/v3/sync?filter="+strings.Repeat("x", 300), "/_matrix/client/v3/sync?filter="+strings.Repeat("%7B", 5000/3),
		"/_matrix/client/v3/x?"+strings.Repeat("via=example.org&", 300), "/_matrix/client/v3/rooms/"+strings.Repeat("y", 1000)+"/state")
}

func TestFault_MixedEscapingUnified(t *testing.T) {
	targetsArrive(t, "/_matrix/client/v1/rooms/!r:a/relations/%24id/m.annotation/$type?dir=b", "/_matrix/client/v3/x/%c3%bc/%C3%BC")
}

func TestFault_NonJSONBodyLost(t *testing.T) {
	virtually(t, func(t *testing.T) {
		var next recorder.Response
		p := newPair(t, func(context.Context, recorder.Request) recorder.Response { return next })
		for _, test := range []struct{ contentType, body string }{
			{"image/png", "\x89PNG\r\n\x1a\n\x00\xff"},
			{"text/plain", "hello"},
			{"text/plain; charset=utf-8", "grüße"},
			{"text/plain;charset=utf-8", ""},
			{"application/octet-stream", strings.Repeat("\x00\xff", 50_000)},
			{"application/cbor", "\xa1\x01\x02"},
			{"application/pdf", `{"looks":"like JSON" }`},
			{"multipart/form-data; boundary=x", "--x\r\n\r\na\r\n--x--\r\n"},
			{"application/json", "not JSON"},
			{"application/json", "{\"a\":\xff}"},
			{"application/json; charset=utf-8", `{"a":1}`},
			{"", "\xff\x00"},
		} {
			h := http.Header{}
			if test.contentType != "" {
				h.Set("Content-Type", test.contentType)
			}
			next = recorder.Response{Status: 200, Header: h.Clone(), Body: []byte(test.body)}
			next.Header.Set("Content-Disposition", `attachment; filename="ü.bin"`)
			p.requireFaithful(t, recorder.Request{Method: "POST", URI: "/_matrix/media/v3/upload?filename=a%20b", Header: h, Body: []byte(test.body)})
		}
	})
}

// TestFault_JSONRespelled: numbers, order and odd strings come out as they went in.
func TestFault_JSONRespelled(t *testing.T) {
	virtually(t, func(t *testing.T) {
		var next recorder.Response
		p := newPair(t, func(context.Context, recorder.Request) recorder.Response { return next })
		for _, body := range []string{
			`{}`, `[]`, `null`, `true`, `0`, `""`, `{"":{"":[]}}`,
			`[9007199254740993,-9223372036854775809,123456789012345678901234567890,1.0,1.50,1e2,1E+2,-0,0.1,5e-324,1e400]`,
			`{"b":1,"a":2,"8":3,"type":4}`, `{"a":1,"a":2}`,
			`{"s":"\u0000\u001f\"\\\/ü\ud83d\udea2"}`, `{"lone":"\ud83d","x":1}`,
		} {
			next = recorder.JSON(200, body)
			p.requireFaithful(t, jsonRequest("PUT", "/_matrix/client/v3/rooms/%21r%3Aa/send/m.room.message/1", body))
		}
	})
}

func TestFault_StatusLost(t *testing.T) {
	virtually(t, func(t *testing.T) {
		var next recorder.Response
		p := newPair(t, func(context.Context, recorder.Request) recorder.Response { return next })
		for status := 200; status <= 599; status++ {
			next = recorder.JSON(status, `{"errcode":"M_X"}`)
			if status == http.StatusNoContent || status == http.StatusNotModified {
				next = recorder.Response{Status: status}
			}
			p.requireFaithful(t, recorder.Request{Method: "GET", URI: "/_matrix/client/v3/sync", Header: bearer("a")})
		}
	})
}

func TestFault_HeadersLost(t *testing.T) {
	virtually(t, func(t *testing.T) {
		var next recorder.Response
		p := newPair(t, func(context.Context, recorder.Request) recorder.Response { return next })
		get := recorder.Request{Method: "GET", URI: "/_matrix/media/v3/download/a/b", Header: bearer("a")}
		for _, contentType := range []string{"application/json", "image/png"} {
			for name, value := range map[string]string{
				"Content-Disposition": `attachment; filename*=utf-8''` + strings.Repeat("%C3%BC", 100),
				"Location":            "https://example.org/" + strings.Repeat("x", 500),
				"Etag":                `W/"abc"`,
				"Retry-After":         "Wed, 21 Oct 2015 07:28:00 GMT",
			} {
				next = recorder.Response{Status: 200, Header: http.Header{"Content-Type": {contentType}, name: {value}}, Body: []byte(`{"a":1}`)}
				got := p.requireFaithful(t, get)
				require.Equal(t, value, got.Header.Get(name))
			}
		}
		for _, status := range []int{301, 302, 303, 307, 308} {
			next = recorder.Response{Status: status, Header: http.Header{"Location": {"/else?where=1#x"}}}
			require.Equal(t, "/else?where=1#x", p.requireFaithful(t, get).Header.Get("Location"))
		}
		for _, status := range []int{429, 503, 403} {
			next = recorder.JSON(status, `{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":2000}`)
			next.Header.Set("Retry-After", "2")
			require.Equal(t, "2", p.requireFaithful(t, get).Header.Get("Retry-After"))
		}
	})
}

func TestFault_MethodLost(t *testing.T) {
	virtually(t, func(t *testing.T) {
		p := newPair(t, func(context.Context, recorder.Request) recorder.Response { return recorder.JSON(200, `{"a":1}`) })
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "REPORT"} {
			p.requireFaithful(t, recorder.Request{Method: method, URI: "/_matrix/client/v3/x", Header: bearer("a")})
			if method != "HEAD" {
				p.requireFaithful(t, jsonRequest(method, "/_matrix/client/v3/x", `{"b":2}`))
			}
		}
	})
}

// TestFault_MalformedRequestCrashes: what cannot be understood is answered, and the
// next request is served.
func TestFault_MalformedRequestCrashes(t *testing.T) {
	virtually(t, func(t *testing.T) {
		p := newPair(t, func(context.Context, recorder.Request) recorder.Response { return recorder.JSON(200, `{}`) })
		for _, target := range []string{"/%00", "/%FF%FE", "/9", "/9/x", "/~/~/~", "/_matrix/client/v3/x?%zz&%", "/" + strings.Repeat("/", 500)} {
			p.requireFaithful(t, recorder.Request{Method: "GET", URI: target, Header: bearer("a")})
		}
		for _, body := range []string{`{`, `}`, `"`, "\x00", "\xff", `{"a":tru`, strings.Repeat("[", 20_000), `{"a":1}{"b":2}`, `[1,]`, `{"\ud800":1}`} {
			p.requireFaithful(t, jsonRequest("POST", "/_matrix/client/v3/createRoom", body))
		}
		// Longer than any server takes: refused here, in Matrix's own words.
		got, seen := p.exchange(t, recorder.Request{Method: "GET", URI: "/x?" + strings.Repeat("y", 70_000), Header: bearer("a")})
		assert.Empty(t, seen)
		assert.Equal(t, http.StatusRequestURITooLong, got.Status)
		assert.Contains(t, string(got.Body), "M_TOO_LARGE")
		p.requireFaithful(t, recorder.Request{Method: "GET", URI: "/_matrix/client/versions"})
	})
}

// TestFault_BrokenAnswerTakenForWhole: a homeserver that breaks off in the middle
// of its answer is not taken for one that finished.
func TestFault_BrokenAnswerTakenForWhole(t *testing.T) {
	virtually(t, func(t *testing.T) {
		large := bytes.Repeat([]byte("x"), 100_000)
		for name, h := range map[string]http.Handler{
			"at once": http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }),
			"JSON": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write([]byte(`{"half":`))
				panic(http.ErrAbortHandler)
			}),
			"media": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "image/png")
				_, _ = w.Write(large)
				panic(errors.New("a fault of the handler"))
			}),
		} {
			transport := newTransport(t, h)
			got, err := recorder.Do(t.Context(), transport, "http://localhost", recorder.Request{Method: "GET", URI: "/x"})
			if name == "media" { // its status had gone out already
				assert.Error(t, err, "%d bytes taken for all", len(got.Body))
				continue
			}
			require.NoError(t, err, name)
			assert.Equal(t, http.StatusBadGateway, got.Status, name)
		}
	})
}

// TestFault_BigMediaSpoiled: 10 MB both ways, byte for byte.
func TestFault_BigMediaSpoiled(t *testing.T) {
	virtually(t, func(t *testing.T) {
		media := make([]byte, 10<<20)
		for i := range media {
			media[i] = byte(i * 7 >> 3)
		}
		resp := recorder.Response{Status: 200, Header: http.Header{
			"Content-Type": {"video/mp4"}, "Content-Disposition": {`inline; filename="film.mp4"`},
		}, Body: media}
		p := newPair(t, func(context.Context, recorder.Request) recorder.Response { return resp })
		h := bearer("a")
		h.Set("Content-Type", "video/mp4")
		p.requireFaithful(t, recorder.Request{Method: "POST", URI: "/_matrix/media/v3/upload?filename=film.mp4", Header: h, Body: media})
	})
}

// TestErrorsAreMatrixErrors: what connect itself answers has an errcode.
func TestErrorsAreMatrixErrors(t *testing.T) {
	for _, test := range []struct {
		err    error
		status int
	}{
		{errors.New("no route"), 502},
		{context.DeadlineExceeded, 504},
		{&coap.Error{Status: 502, ErrCode: "M_UNKNOWN", Message: "x"}, 502},
	} {
		virtually(t, func(t *testing.T) {
			p := &pair{client: connectTo(t, func() error { return test.err }), homeserver: recorder.New(nil)}
			got, _ := p.exchange(t, recorder.Request{Method: "GET", URI: "/_matrix/client/versions"})
			assert.Equal(t, test.status, got.Status)
			assert.Contains(t, string(got.Body), `"errcode":"M_UNKNOWN"`, fmt.Sprint(test.err))
		})
	}
}
