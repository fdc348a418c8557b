package fidelity

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/join"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/policy"
	"github.com/coapgw/coapgw/conformance/recorder"
	"github.com/coapgw/coapgw/internal/gateway"
)

// A test below the level of net/http: bytes go into a socket, to a homeserver that takes
// anything, and the same bytes into a connect in front of a serve in front of it.

// tester is a *testing.T or a *rapid.T.
type tester interface {
	require.TestingT
	Helper()
}

// rawMessage is a message of HTTP/1.1 (RFC 9112 §2.1) taken apart and not judged.
type rawMessage struct {
	line   string
	header http.Header
	body   []byte
}

// readMessage reads a message. untilEnd: without a length the body ends with the
// connection, as that of a response does (RFC 9112 §6.3).
func readMessage(r *bufio.Reader, bodyless func(line string) bool, untilEnd bool) (m rawMessage, err error) {
	if m.line, err = readLine(r); err != nil {
		return m, err
	}
	m.header = http.Header{}
	for {
		line, err := readLine(r)
		if err != nil {
			return m, err
		}
		if line == "" {
			break
		}
		name, value, _ := strings.Cut(line, ":")
		name = textproto.CanonicalMIMEHeaderKey(name)
		m.header[name] = append(m.header[name], strings.Trim(value, " \t"))
	}
	length := m.header.Get("Content-Length")
	switch {
	case bodyless(m.line):
	case m.header.Get("Transfer-Encoding") == "chunked":
		if m.body, err = io.ReadAll(httputil.NewChunkedReader(r)); err == nil {
			_, err = readLine(r) // no trailers
		}
	case length != "":
		n, failed := strconv.Atoi(length)
		if failed != nil {
			return m, failed
		}
		m.body = make([]byte, n)
		_, err = io.ReadFull(r, m.body)
	case untilEnd:
		m.body, err = io.ReadAll(r)
	}
	return m, err
}

func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	return strings.TrimRight(line, "\r\n"), err
}

// request reads the message as a request.
func (m rawMessage) request() recorder.Request {
	method, rest, _ := strings.Cut(m.line, " ")
	return recorder.Request{Method: method, URI: strings.TrimSuffix(rest, " HTTP/1.1"), Header: m.header, Body: m.body}
}

// response reads the message as a response; its status is 0 when it is none.
func (m rawMessage) response() recorder.Response {
	_, rest, _ := strings.Cut(m.line, " ")
	status, _, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(status)
	if err != nil {
		n = 0
	}
	return recorder.Response{Status: n, Header: m.header, Body: m.body}
}

// rawAnswer is what the homeserver answers: a head with its empty line, and a body, which
// it leaves out where it must.
type rawAnswer struct {
	head, body string
	// ends: the connection ends with the answer.
	ends bool
}

// rawHomeserver answers each request by the number that is in its target, as n5n.
type rawHomeserver struct {
	*pipes
	mu      sync.Mutex
	answers map[string]rawAnswer
	seen    []rawMessage
}

var numbered = regexp.MustCompile(`n[0-9]+n`)

func (h *rawHomeserver) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		m, err := readMessage(r, func(string) bool { return false }, false)
		if err != nil {
			return
		}
		h.mu.Lock()
		h.seen = append(h.seen, m)
		a, ok := h.answers[numbered.FindString(m.line)]
		h.mu.Unlock()
		if !ok {
			a = rawAnswer{head: "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n", body: "{}"}
		}
		text := a.head
		if !strings.HasPrefix(m.line, "HEAD ") {
			text += a.body
		}
		if _, err := io.WriteString(conn, text); err != nil || a.ends {
			return
		}
	}
}

func (h *rawHomeserver) take() []rawMessage {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := h.seen
	h.seen = nil
	return seen
}

// pipes are connections within the program.
type pipes struct {
	onceListener
	in chan net.Conn
}

func newPipes() *pipes {
	in := make(chan net.Conn)
	return &pipes{onceListener{conns: in, done: make(chan struct{})}, in}
}

func (p *pipes) dial() (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.in <- far:
		return near, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

// rawPair is a homeserver that can be reached directly and through a whole pair, with what
// connect and serve have in front of them when nothing is configured.
type rawPair struct {
	homeserver *rawHomeserver
	connect    *pipes
}

func newRawPair(t *testing.T) *rawPair {
	t.Helper()
	return newRawPairOver(t, link.Default())
}

func newRawPairOver(t *testing.T, profile link.Profile) *rawPair {
	t.Helper()
	p := &rawPair{homeserver: &rawHomeserver{pipes: newPipes(), answers: map[string]rawAnswer{}}, connect: newPipes()}
	var running sync.WaitGroup
	running.Go(func() {
		var conns []net.Conn
		for {
			conn, err := p.homeserver.Accept()
			if err != nil {
				break
			}
			conns = append(conns, conn)
			running.Go(func() { p.homeserver.serve(conn) })
		}
		for _, c := range conns {
			_ = c.Close()
		}
	})
	home := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return p.homeserver.dial() }}
	serve := gateway.NewServe(gateway.ServeOptions{
		Homeserver: &url.URL{Scheme: "http", Host: "homeserver"}, Transport: home, SlowLinks: &gateway.SlowLinks{},
	})
	guard := gateway.NewGuard(serve, gateway.GuardOptions{Limits: gateway.Limits{Rate: -1, Bytes: -1, TotalRate: -1}})
	joined := &join.Transport{Base: newTransportOver(t, profile, guard), Profile: profile}
	carried := &policy.Transport{Base: joined}
	connect := gateway.NewConnect(gateway.ConnectOptions{Transport: carried, MaxBody: 64 << 20})
	ctx, stop := context.WithCancel(context.Background())
	running.Go(func() { assert.NoError(t, gateway.RunWeb(ctx, connect, 0, nil, p.connect)) })
	t.Cleanup(func() {
		stop()
		assert.NoError(t, carried.Close())
		assert.NoError(t, joined.Close())
		home.CloseIdleConnections()
		assert.NoError(t, p.homeserver.Close())
		assert.NoError(t, p.connect.Close())
		running.Wait()
	})
	return p
}

// outcome is what a client gets for bytes that it sends, and the homeserver of them.
type outcome struct {
	got  []rawMessage // final responses
	seen []rawMessage
	// before are the informational responses in front of them.
	before int
	err    error // of the first response that did not come
}

// exchange sends the bytes of requests on a connection of their own, all at once, and reads
// a response for each method.
func (p *rawPair) exchange(t tester, dial func() (net.Conn, error), text string, methods ...string) (o outcome) {
	t.Helper()
	conn, err := dial()
	require.NoError(t, err)
	var writing sync.WaitGroup
	writing.Go(func() { _, _ = io.WriteString(conn, text) }) // who answers early does not read all
	defer writing.Wait()
	defer conn.Close()
	r := bufio.NewReader(conn)
	for _, method := range methods {
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Hour)))
		for {
			m, err := readMessage(r, func(line string) bool { return method == "HEAD" || noBody(line) }, true)
			if err != nil {
				o.err = fmt.Errorf("%s: %w", method, err)
				break
			}
			if status := m.response().Status; status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
				o.before++
				continue
			}
			o.got = append(o.got, m)
			break
		}
		if o.err != nil {
			break
		}
	}
	o.seen = p.homeserver.take()
	return o
}

// noBody reports whether the response with that status line has no body (RFC 9112 §6.3).
func noBody(line string) bool {
	_, rest, _ := strings.Cut(line, " ")
	return strings.HasPrefix(rest, "1") || strings.HasPrefix(rest, "204") || strings.HasPrefix(rest, "304")
}

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
	sent = unzipped(t, sent, req)
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
