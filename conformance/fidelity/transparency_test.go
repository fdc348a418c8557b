package fidelity

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/recorder"
)

// rawRequest is the bytes of a request without content.
func rawRequest(method, target string, lines ...string) string {
	return method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n" + strings.Join(append(lines, "", ""), "\r\n")
}

func rawPut(target, body string, lines ...string) string {
	return rawRequest("PUT", target, append(lines, fmt.Sprintf("Content-Length: %d", len(body)))...) + body
}

func rawResponse(status, body string, lines ...string) rawAnswer {
	head := "HTTP/1.1 " + status + "\r\n"
	return rawAnswer{head: head + strings.Join(append(lines, fmt.Sprintf("Content-Length: %d", len(body)), "", ""), "\r\n"), body: body}
}

// TestAlike: what pairs have got wrong, or others would, case by case. TestDifferential finds
// such things, and these stay found.
func TestAlike(t *testing.T) {
	const room = "/_matrix/client/v3/rooms/!r:example.org/state/m.x/"
	json := rawResponse("200 OK", "{}", "Content-Type: application/json")
	for _, test := range []struct {
		name, text string
		methods    string // one request of each
		answer     rawAnswer
	}{
		{"raw caret and bar in a path", rawRequest("GET", room+"a^b|c?d^e|f"), "GET", json},
		{"what a URL has no place for", rawRequest("GET", room+"\"<>\\{}`#[]?\"<>\\{}`#[]"), "GET", json},
		{"raw bytes in a path", rawPut(room+"\xc3\xbc/\xff?\xff", `{"a":1}`, "Content-Type: application/json"), "PUT", json},
		{"bearer", rawRequest("GET", room, "Authorization: bearer tok"), "GET", json},
		{"two spaces", rawRequest("GET", room, "Authorization: Bearer  tok"), "GET", json},
		{"two credentials", rawRequest("GET", room, "Authorization: Bearer a", "Authorization: Bearer b"), "GET", json},
		{"token of 3 kB", rawPut(room, `{"a":1}`, "Content-Type: application/json", "Authorization: Bearer "+strings.Repeat("t", 3000)), "PUT", json},
		{"signed as a server", rawRequest("GET", room, `Authorization: X-Matrix origin="a",destination="b",key="ed25519:1",sig="`+strings.Repeat("s", 86)+`"`), "GET", json},
		{"error page without a type", rawRequest("GET", room), "GET", rawResponse("502 Bad Gateway", "<html>\n")},
		{"text that looks like another type", rawRequest("GET", room), "GET", rawResponse("200 OK", "GIF89a", "Content-Type: application/json")},
		{"JSON without a type", rawRequest("GET", room), "GET", rawResponse("200 OK", `{"a":1}`)},
		{"JSON file, up", rawRequest("POST", "/_matrix/media/v3/upload", "Content-Type: application/json", "Content-Length: 12") + "{ \"a\": 1.0 }", "POST", json},
		{"JSON file, down", rawRequest("GET", "/_matrix/client/v1/media/download/a/b"), "GET", rawResponse("200 OK", "{ \"a\":\n 1.0 }\n", "Content-Type: application/json")},
		{"long file, down", rawRequest("GET", "/_matrix/client/v1/media/download/a/b"), "GET", rawResponse("200 OK", strings.Repeat("\x00", 100_000), "Content-Type: image/png")},
		{"long JSON", rawRequest("GET", room), "GET", rawResponse("200 OK", `{"a":"`+strings.Repeat("b", 10_000)+`"}`, "Content-Type: application/json")},
		{"part of JSON", rawRequest("GET", room, "Range: bytes=8-10"), "GET", rawResponse("206 Partial Content", " 1 ", "Content-Type: application/json", "Content-Range: bytes 8-10/20")},
		{"two times to wait", rawRequest("GET", room), "GET", rawResponse("429 Too Many Requests", `{"errcode":"M_LIMIT_EXCEEDED"}`, "Content-Type: application/json", "Retry-After: 2", "Retry-After: 3")},
		{"expected", rawPut(room, `{"a":1}`, "Expect: 100-continue", "Content-Type: application/json"), "PUT", json},
		{"websocket that nobody speaks", rawRequest("GET", room, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"), "GET", json},
		{"protocol of another alphabet", rawRequest("GET", room, "Connection: Upgrade", "Upgrade: \xc3\xbc"), "GET", json},
		{"condition that is not carried", rawPut(room, `{"a":1}`, "Content-Type: application/json", "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT"), "PUT", json},
		{"pipelined", rawRequest("GET", room+"1") + rawPut(room+"2", `{"b":2}`, "Content-Type: application/json") + rawRequest("HEAD", room+"3") + rawRequest("GET", room+"4"), "GET PUT HEAD GET", json},
	} {
		t.Run(test.name, func(t *testing.T) {
			virtually(t, func(t *testing.T) {
				p := newRawPair(t)
				p.homeserver.answers[""] = test.answer
				methods := strings.Fields(test.methods)
				for range 2 { // as the first request of a session, and on one that is agreed
					o := p.requireAlike(t, test.text, methods...)
					require.Len(t, o.got, len(methods))
					require.Len(t, o.seen, len(methods))
					if strings.Contains(test.text, "/media/download/") {
						break // it is kept on this side
					}
				}
			})
		})
	}
}

// TestAnsweredHere: what does not reach the homeserver, by docs/transparency.md, is told in
// the words of Matrix where net/http lets it come so far.
func TestAnsweredHere(t *testing.T) {
	const path = "/_matrix/client/v3/x"
	virtually(t, func(t *testing.T) {
		p := newRawPair(t)
		for _, test := range []struct {
			name, text string
			status     int
			errcode    string
		}{
			{"preflight", rawRequest("OPTIONS", path, "Origin: https://app.example", "Access-Control-Request-Method: PUT"), 204, ""},
			{"OPTIONS", rawRequest("OPTIONS", path), 204, ""},
			{"lower case", rawRequest("get", path), 405, "M_UNRECOGNIZED"},
			{"TRACE", rawRequest("TRACE", path), 405, "M_UNRECOGNIZED"},
			{"CONNECT", rawRequest("CONNECT", "localhost:8008"), 405, "M_UNRECOGNIZED"},
			{"method of 17 letters", rawRequest("ABCDEFGHIJKLMNOPQ", path), 405, "M_UNRECOGNIZED"},
			{"no path", rawRequest("GET", "*"), 400, "M_UNRECOGNIZED"},
			{"federation", rawRequest("GET", "/_matrix/federation/v1/version"), 404, "M_UNRECOGNIZED"},
			{"out of the tree", rawRequest("GET", `/_matrix/client/v3/..\..\..\_synapse/admin`), 404, "M_UNRECOGNIZED"},
			{"NUL", rawRequest("GET", path+"%00"), 404, "M_UNRECOGNIZED"},
			{"target of 66 kB", rawRequest("GET", path+strings.Repeat("y", 66_000)), 414, "M_TOO_LARGE"},
			{"body above the limit", rawRequest("PUT", path, "Content-Length: 100000000"), 413, "M_TOO_LARGE"},
			{"broken chunk", rawRequest("PUT", path, "Transfer-Encoding: chunked", "Content-Type: application/json") + "2\r\n{}\r\nzz\r\n", 400, "M_UNKNOWN"},
			{"broken chunk of a file", rawRequest("POST", "/_matrix/media/v3/upload", "Transfer-Encoding: chunked", "Content-Type: image/png") + "2\r\n{}\r\nzz\r\n", 400, "M_UNKNOWN"},
			{"another name", strings.Replace(rawRequest("GET", path), "localhost", "evil.example", 1), 421, "M_FORBIDDEN"},
			{"head of 80 kB", rawRequest("GET", path+strings.Repeat("y", 80_000)), 431, "-"},
			{"broken escape", rawRequest("GET", path+"%zz"), 400, "-"},
			{"space in the target", rawRequest("GET", path+" y"), 400, "-"},
			{"expectation of another kind", rawPut(path, "{}", "Expect: x"), 417, "-"},
			{"transfer coding of another kind", rawRequest("PUT", path, "Transfer-Encoding: gzip"), 501, "-"},
		} {
			method, _, _ := strings.Cut(test.text, " ")
			o := p.exchange(t, p.connect.dial, test.text, method)
			require.NoError(t, o.err, test.name)
			got := o.got[0].response()
			assert.Equal(t, test.status, got.Status, test.name)
			assert.Zero(t, len(o.seen), test.name)
			switch test.errcode {
			case "":
				assert.Equal(t, "*", got.Header.Get("Access-Control-Allow-Origin"), test.name)
			case "-":
			default:
				assert.Equal(t, "application/json", got.Header.Get("Content-Type"), test.name)
				assert.Contains(t, string(got.Body), `{"errcode":"`+test.errcode+`","error":"`, test.name)
			}
		}
	})
}

// TestNoHomeserver: answers that are none of HTTP are 502 in the words of Matrix.
func TestNoHomeserver(t *testing.T) {
	virtually(t, func(t *testing.T) {
		p := newRawPair(t)
		for name, a := range map[string]rawAnswer{
			"nonsense":               {head: "nonsense\r\n\r\n", ends: true},
			"nothing":                {ends: true},
			"half an answer":         {head: "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n", body: "{}", ends: true},
			"no status":              rawResponse("099 Odd", "{}"),
			"a protocol of its own":  {head: "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"},
			"heads above all bounds": rawResponse("200 OK", "{}", "Set-Cookie: "+strings.Repeat("x", 100_000)),
		} {
			p.homeserver.answers[""] = a
			o := p.exchange(t, p.connect.dial, rawRequest("POST", "/_matrix/client/v3/x", "Connection: Upgrade", "Upgrade: websocket", "Content-Length: 0"), "POST")
			require.NoError(t, o.err, name)
			got := o.got[0].response()
			assert.Equal(t, http.StatusBadGateway, got.Status, name)
			assert.Contains(t, string(got.Body), `"errcode":"M_UNKNOWN"`, name)
		}
		p.homeserver.answers[""] = rawAnswer{head: "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n", body: "{}"}
		o := p.exchange(t, p.connect.dial, rawRequest("GET", "/_matrix/client/v3/x"), "GET")
		require.NoError(t, o.err)
		assert.Zero(t, o.before, "what comes before the answer does not cross the link")
		requireSameResponse(t, recorder.JSON(200, "{}"), o.got[0].response(), o.seen[0].request())
	})
}
