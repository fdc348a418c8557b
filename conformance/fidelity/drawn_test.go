package fidelity

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strings"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func oneOf(t *rapid.T, label string, of ...string) string {
	return rapid.SampledFrom(of).Draw(t, label)
}

// odd are pieces of a path or a query that somebody on the way might want to tidy up.
var odd = []string{
	"^", "|", "[", "]", "\\", "\"", "<", ">", "{", "}", "`", "'", "~", "+", ";", "=", "@", ":", "!", "$", "*", "(", ")", ",", "#",
	"%20", "%2F", "%2f", "%5E", "%5e", "%7C", "%25", "%2B", "%23", "%3F", "%26", "%3D", "%ff", "%FF", "%C3%BC", "%c3%bc", "%2Ex", "%7e",
	"\xc3\xbc", "\xff", "\x80", "\xf0\x9f\x9a\xa2", "a", "b", "1", "-", "_", ".x", "room:example.org",
}

func pieces(t *rapid.T, label string, also ...string) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(append(odd[:len(odd):len(odd)], also...)), 0, 6).Draw(t, label), "")
}

// genTarget is a target below one of the trees that serve passes on. With number in it no
// other request is the same.
func genTarget(t *rapid.T, number string) string {
	path := oneOf(t, "tree", "/_matrix/client/v3/rooms/", "/_matrix/client/r0/rooms/", "/_matrix/client/v3/", "/_matrix/client/unstable/org.x/",
		"/_matrix/media/v3/upload/", "/_matrix/client/v1/media/download/", "/_matrix/client/v3/profile/", "/.well-known/matrix/x/",
		"/_matrix/client/v3/rooms/!r:x/send/m.room.message/", "/_matrix/client/r0/user/@a:x/account_data/")
	path += number
	for range rapid.IntRange(0, 4).Draw(t, "segments") {
		path += "/" + pieces(t, "segment")
	}
	path += oneOf(t, "end", "", "", "", "/", "//", "/.", "/./", "/%2E", "/x/..", "/"+strings.Repeat("y", 300), strings.Repeat("/z", 80))
	switch rapid.IntRange(0, 3).Draw(t, "query") {
	case 0:
		path += "?" + pieces(t, "query", "?", "/", "&", "%zz", "%")
	case 1:
		path += "?a=1&a=2&" + pieces(t, "query", "?", "/", "&", "%zz", "%") + "&since=" + oneOf(t, "since", "s1_2", "1+1", "1%2B1", strings.Repeat("%7B", 200))
	}
	return path
}

func genRequest(t *rapid.T, method, number string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: localhost\r\n", method, genTarget(t, number))
	for _, line := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
		"Authorization: Bearer tokA", "Authorization: Bearer tokA", "Authorization: bearer tokB", "Authorization: BEARER tokB", "Authorization: Bearer  tokB",
		"Authorization: Bearer", "Authorization: Bearer a b", "Authorization: Bearer Bearer tokA", "Authorization: Bearer \xc3\xbc", "Authorization: Basic dTpw",
		`Authorization: X-Matrix origin="a.example",destination="b.example",key="ed25519:1",sig="` + strings.Repeat("s", 90) + `"`,
		"Cookie: a=b; c=d", "Cookie: e=" + strings.Repeat("f", 150), "If-None-Match: \"x\", W/\"y\"", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT",
		"Range: bytes=0-3", "Prefer: respond-async", "Content-Language: de", "X-Custom: z", "Origin: https://app.example", "Accept: text/html",
		"Accept-Encoding: br", "User-Agent: odd", "X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1", "Connection: keep-alive, x-custom", "Upgrade: websocket",
		"Authorization:", "Range:", "Cookie:", "Content-Type: text/plain", "content-type: application/json", "If-Match: *", "If-Range: \"x\"", "Content-Range: bytes 0-1/2", "Authorization: " + strings.Repeat("x", 400),
		"TE: trailers", "Cache-Control: no-cache", "Content-Disposition: attachment; filename=\"\xc3\xbc\"",
	}), 0, 5, func(line string) string { return line }).Draw(t, "headers") {
		b.WriteString(line + "\r\n")
	}
	var body string
	if method != http.MethodHead && rapid.IntRange(0, 4).Draw(t, "with content") > 0 {
		var lines []string
		lines, body = genContent(t)
		for _, line := range lines {
			b.WriteString(line + "\r\n")
		}
		if body != "" && rapid.IntRange(0, 9).Draw(t, "expects") == 0 {
			b.WriteString("Expect: 100-continue\r\n")
		}
	}
	switch {
	case body == "" && (method == http.MethodGet || method == http.MethodHead):
		b.WriteString("\r\n")
	case rapid.IntRange(0, 3).Draw(t, "chunked") == 0:
		b.WriteString("Transfer-Encoding: chunked\r\n\r\n" + chunked(body))
	default:
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	}
	return b.String()
}

// chunked writes a body in chunks (RFC 9112 §7.1).
func chunked(body string) string {
	var b strings.Builder
	for len(body) > 0 {
		n := min(len(body), 1000)
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	return b.String() + "0\r\n\r\n"
}

// genContent draws a body and the lines that describe it, which need not be true.
func genContent(t *rapid.T) (lines []string, body string) {
	switch rapid.IntRange(0, 5).Draw(t, "kind of content") {
	case 0:
		body = oneOf(t, "content", "", "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--\r\n", "a=1&b=%20+", "<html><body>\n502</body></html>\n",
			"\x89PNG\r\n\x1a\n\x00\xff", "hello\n", "\xff\xfe", strings.Repeat("\x00\x01\x02", 5000), " ", "\r\n")
	case 1:
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		_, err := w.Write([]byte(genJSON(t, 2)))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		lines, body = append(lines, "Content-Encoding: gzip"), z.String()
	case 2:
		body = oneOf(t, "no JSON", "{", `{"a":NaN}`, `{"a":1}}`, `{'a':1}`, "{\"a\":\"\xff\"}", "\xef\xbb\xbf{\"a\":1}", `[1,]`, `{"a":01}`, "nul", `"\x41"`, `{"a":1}{}`, "{\"a\":\"\n\"}", "[+1]", "[.5]",
			strings.Repeat("[", 200)+strings.Repeat("]", 200))
	default:
		space := oneOf(t, "space", "", "", " ", "\n", "\r\n\t ")
		body = space + genJSON(t, 3) + space
	}
	switch rapid.IntRange(0, 3).Draw(t, "type") {
	case 0:
	case 1:
		lines = append(lines, "Content-Type: "+oneOf(t, "content type", "application/json; charset=utf-8", "Application/JSON", "application/json;charset=UTF-8", "text/plain", "text/plain;charset=utf-8",
			"application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "image/png", "application/cbor", "application/octet-stream", "text/html", "", "nonsense", "application/json, text/plain"))
	default:
		lines = append(lines, "Content-Type: application/json")
	}
	return lines, body
}

// genJSON draws a JSON text as no program would write it.
func genJSON(t *rapid.T, depth int) string {
	kind := rapid.IntRange(0, 7).Draw(t, "kind")
	if depth == 0 {
		kind %= 4
	}
	switch kind {
	case 0, 1:
		return oneOf(t, "literal", "0", "-0", "-0.0", "1", "1.0", "1.50", "1e2", "1E+2", "1e400", "-1e-400", "9007199254740993", "-9223372036854775809", "18446744073709551616",
			"123456789012345678901234567890", "0.1", "0.1000000000000000055511151231257827", "5e-324", "1e21", "100000000000000000000000", "true", "false", "null")
	case 2, 3:
		return genString(t)
	case 4, 5:
		var items []string
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			items = append(items, genJSON(t, depth-1))
		}
		return "[" + strings.Join(items, oneOf(t, "comma", ",", ", ", " ,\n")) + "]"
	}
	var members []string
	for range rapid.IntRange(0, 4).Draw(t, "members") {
		name := oneOf(t, "name", `"a"`, `"a"`, `"type"`, `"content"`, `"body"`, `"8"`, `""`, `"event_id"`, `"errcode"`, `"retry_after_ms"`, `"org.x/y~"`, `"\u0061"`, `"timeout"`, `"sender"`, `"next_batch"`)
		members = append(members, name+oneOf(t, "colon", ":", ": ", "\t:\n")+genJSON(t, depth-1))
	}
	return "{" + strings.Join(members, oneOf(t, "comma", ",", ", ")) + "}"
}

func genString(t *rapid.T) string {
	return `"` + strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{
		"a", "m.room.message", "@alice:example.org", "!room:example.org", "$event", "mxc://example.org/AbC", "M_FORBIDDEN", `\u0041`, `\n`, `\/`, "/", `\"`, `\\`, `\u0000`, `\u001F`, `\u001f`, "ü", "🚢",
		`\ud83d\udea2`, `\ud83d`, `\udea2`, `\ud83dx`, `\uFFFF`, "\u2028", "\x7f", "=", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "example.org", " ", "0", "1795328703965",
	}), 0, 4).Draw(t, "string"), "") + `"`
}

func genAnswer(t *rapid.T) rawAnswer {
	status := oneOf(t, "status", "200 OK", "200 OK", "200 OK", "200 OK", "201 Created", "202 Accepted", "204 No Content", "205 Reset Content", "206 Partial Content", "301 Moved", "302 Found",
		"304 Not Modified", "308 Permanent Redirect", "400 Bad Request", "401 Unauthorized", "403 Forbidden", "404 Not Found", "405 Method Not Allowed", "409 Conflict", "410 Gone", "413 Too Large", "418 Teapot",
		"429 Too Many Requests", "451 X", "500 Internal", "501 N", "502 Bad Gateway", "503 Unavailable", "504 Timeout", "520 Odd", "599 Odd")
	var head strings.Builder
	head.WriteString("HTTP/1.1 " + status + "\r\n")
	for _, line := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
		"Retry-After: 2", "Retry-After: 0", "Retry-After: 007", "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT", "Location: https://example.org/a?b#c", "Location: /x^|y", "ETag: W/\"1\"", "Set-Cookie: a=1", "Set-Cookie: b=2",
		"WWW-Authenticate: Bearer realm=\"x\"", "Content-Disposition: attachment; filename*=utf-8''" + strings.Repeat("%C3%BC", 60), "Content-Disposition: inline; filename=\"\xfc\"", "Cache-Control: no-store",
		"Content-Range: bytes 0-3/10", "Accept-Ranges: bytes", "Content-Language: de", "Allow: GET, PUT", "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "Expires: 0", "Server: odd", "X-Custom: z",
		"Access-Control-Allow-Origin: https://app.example", "Access-Control-Allow-Credentials: true", "X-Content-Type-Options: nosniff", "Vary: Origin", "Content-Encoding: br", "Location:", "Etag: \"\"", "Set-Cookie: " + strings.Repeat("c", 300), "Content-Type: text/html", "Trailer: X-T",
	}), 0, 4, func(line string) string { return line }).Draw(t, "headers") {
		head.WriteString(line + "\r\n")
	}
	a := rawAnswer{}
	if !noBody("HTTP/1.1 " + status) {
		var lines []string
		lines, a.body = genContent(t)
		for _, line := range lines {
			head.WriteString(line + "\r\n")
		}
		switch rapid.IntRange(0, 4).Draw(t, "framing") {
		case 0:
			head.WriteString("Transfer-Encoding: chunked\r\n")
			a.body = chunked(a.body)
		case 1:
			head.WriteString("Connection: close\r\n")
			a.ends = true
		default:
			fmt.Fprintf(&head, "Content-Length: %d\r\n", len(a.body))
		}
	}
	a.head = head.String() + "\r\n"
	return a
}
