package faults

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// says answers with a text and breaks the connection off.
func says(text string) behaviour {
	return func(c *net.TCPConn, _ *http.Request) {
		_, _ = io.WriteString(c, text)
		_ = c.CloseWrite()
		_, _ = io.Copy(io.Discard, c) // until the gateway closes it: a reset could overtake the text
	}
}

// answers is a whole answer.
func answers(status, headers, body string) behaviour {
	return says("HTTP/1.1 " + status + "\r\nConnection: close\r\n" + headers + "\r\n" + body)
}

const (
	head     = "HTTP/1.1 200 OK\r\n"
	json     = "Content-Type: application/json\r\n"
	limited  = `{"errcode":"M_LIMIT_EXCEEDED","error":"slow down","retry_after_ms":2000}`
	unknown  = `{"errcode":"M_UNKNOWN","error":"Internal server error"}`
	noAnswer = `"errcode":"M_UNKNOWN"`
)

// TestFaults has each fault meet a GET and a POST. A fault of the homeserver's own making
// passes as it is; what is no answer is 502, and silence 504.
func TestFaults(t *testing.T) {
	tests := []struct {
		name   string
		does   behaviour
		status int
		body   string // a part of it
		retry  string // Retry-After
	}{
		{"reset before an answer", func(*net.TCPConn, *http.Request) {}, 502, noAnswer, ""},
		{"closed before an answer", says(""), 502, noAnswer, ""},
		{"half a status line", says("HTTP/1.1 20"), 502, noAnswer, ""},
		{"half a header", says(head + "Content-Ty"), 502, noAnswer, ""},
		{"no HTTP", says("SSH-2.0-OpenSSH_9.9\r\n"), 502, noAnswer, ""},
		{"a header without end", says(head + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 400)), 502, noAnswer, ""},
		{"a header of 400 kB", says(head + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 400) + json + "Content-Length: 2\r\n\r\n{}"), 502, noAnswer, ""},
		{"a header of 200 kB", says(head + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 200) + json + "Connection: close\r\nContent-Length: 2\r\n\r\n{}"), 200, "{}", ""},
		{"half a body", says(head + json + "Content-Length: 100\r\n\r\n" + `{"half":`), 502, noAnswer, ""},
		{"half a chunked body", says(head + json + "Transfer-Encoding: chunked\r\n\r\n8\r\n" + `{"half":` + "\r\n"), 502, noAnswer, ""},
		{"half a chunk", says(head + json + "Transfer-Encoding: chunked\r\n\r\nff\r\n" + `{"half":`), 502, noAnswer, ""},
		{"a chunk of nonsense", says(head + json + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"), 502, noAnswer, ""},
		{"two lengths", says(head + json + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}}"), 502, noAnswer, ""},
		{"a length of nonsense", says(head + json + "Content-Length: -1\r\n\r\n{}"), 502, noAnswer, ""},
		{"hangs", func(c *net.TCPConn, _ *http.Request) { _, _ = io.Copy(io.Discard, c) }, 504, noAnswer, ""},
		{"hangs in the header", func(c *net.TCPConn, _ *http.Request) {
			_, _ = io.WriteString(c, head)
			_, _ = io.Copy(io.Discard, c)
		}, 504, noAnswer, ""},
		{"slow, byte by byte", func(c *net.TCPConn, _ *http.Request) {
			for _, b := range []byte(head + json + "Connection: close\r\nContent-Length: 12\r\n\r\n" + `{"slow": 12}`) {
				_, _ = c.Write([]byte{b})
				time.Sleep(time.Millisecond)
			}
			_, _ = io.Copy(io.Discard, c)
		}, 200, `{"slow":12}`, ""},
		{"JSON that is none", answers("200 OK", json, `{"a":`), 200, `{"a":`, ""},
		{"500", answers("500 Internal Server Error", json, unknown), 500, unknown, ""},
		{"500 without a word", answers("500 Internal Server Error", "", ""), 500, "", ""},
		{"502 of a proxy before it", answers("502 Bad Gateway", "Content-Type: text/html\r\n", "<h1>Bad Gateway</h1>"), 502, "<h1>Bad Gateway</h1>", ""},
		{"503 with Retry-After", answers("503 Service Unavailable", json+"Retry-After: 7\r\n", unknown), 503, unknown, "7"},
		{"504 of a proxy before it", answers("504 Gateway Timeout", "", ""), 504, "", ""},
		{"429 with Retry-After", answers("429 Too Many Requests", json+"Retry-After: 2\r\n", limited), 429, limited, "2"},
		{"a status that nobody knows", answers("599 Odd", json, "{}"), 599, "{}", ""},
		{"a redirection to another host", answers("302 Found", "Location: http://192.0.2.1/\r\nContent-Length: 0\r\n", ""), 302, "", ""},
		{"a hundred interim answers", says(strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 100)), 502, noAnswer, ""},
	}
	h := newHomeserver(t)
	patient, impatient := newPair(t, h, 0), newPair(t, h, 200*time.Millisecond)
	for _, tt := range tests {
		pair := patient
		if tt.status == http.StatusGatewayTimeout && tt.body == noAnswer {
			pair = impatient
		}
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			t.Run(tt.name+" "+method, func(t *testing.T) {
				h.behave(tt.does)
				status, header, body := ask(t, pair, method)
				assert.Equal(t, tt.status, status)
				assert.Contains(t, strings.ReplaceAll(body, ": ", ":"), strings.ReplaceAll(tt.body, ": ", ":"))
				assert.Equal(t, tt.retry, header.Get("Retry-After"))
				h.behave(nil)
				status, _, body = ask(t, patient, method)
				assert.Equal(t, http.StatusOK, status, "and all is well after it")
				assert.Equal(t, `{"user_id":"@a:hs"}`, body)
			})
		}
	}
}

// TestDownloadBreaksOff: what streams is not passed off as whole when it breaks off.
func TestDownloadBreaksOff(t *testing.T) {
	h := newHomeserver(t)
	pair := newPair(t, h, 0)
	h.behave(says(head + "Content-Type: image/png\r\nContent-Length: 300000\r\n\r\n" + strings.Repeat("x", 150_000)))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://link/_matrix/client/v1/media/download/a/b", nil)
	require.NoError(t, err)
	res, err := pair.RoundTrip(r)
	require.NoError(t, err)
	text, err := io.ReadAll(res.Body)
	assert.True(t, err != nil || res.StatusCode != http.StatusOK, "%d bytes", len(text))
	_ = res.Body.Close()
	h.behave(nil)
	status, _, _ := ask(t, pair, http.MethodGet)
	assert.Equal(t, http.StatusOK, status)
}

// TestRestarts stops the homeserver, in the middle of requests and of connections that
// were kept, and starts it again.
func TestRestarts(t *testing.T) {
	h := newHomeserver(t)
	pair := newPair(t, h, 0)
	for range 5 {
		status, _, _ := ask(t, pair, http.MethodGet)
		require.Equal(t, http.StatusOK, status)
		entered := make(chan struct{})
		h.behave(func(c *net.TCPConn, _ *http.Request) {
			close(entered)
			_, _ = io.Copy(io.Discard, c)
		})
		interrupted := make(chan int, 1)
		go func() {
			status, _, _ := ask(t, pair, http.MethodPost)
			interrupted <- status
		}()
		<-entered
		h.behave(nil)
		h.stop()
		assert.Equal(t, http.StatusBadGateway, <-interrupted)
		status, _, body := ask(t, pair, http.MethodGet)
		assert.Equal(t, http.StatusBadGateway, status)
		assert.Contains(t, body, "the homeserver cannot be reached")
		h.start()
		for _, method := range []string{http.MethodPost, http.MethodGet} {
			status, _, _ = ask(t, pair, method)
			assert.Equal(t, http.StatusOK, status, "the first request after the restart is served")
		}
	}
}

// ask makes a request and returns what came of it.
func ask(t *testing.T, pair http.RoundTripper, method string) (int, http.Header, string) {
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader(`{"a":1}`)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, "http://link/_matrix/client/v3/account/whoami", body)
	if !assert.NoError(t, err) {
		return 0, nil, ""
	}
	res, err := pair.RoundTrip(r)
	if !assert.NoError(t, err) {
		return 0, nil, ""
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	assert.NoError(t, err)
	return res.StatusCode, res.Header, string(text)
}
