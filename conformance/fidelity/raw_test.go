package fidelity

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/recorder"
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

// noBody reports whether the response with that status line has no body (RFC 9112 §6.3).
func noBody(line string) bool {
	_, rest, _ := strings.Cut(line, " ")
	return strings.HasPrefix(rest, "1") || strings.HasPrefix(rest, "204") || strings.HasPrefix(rest, "304")
}
