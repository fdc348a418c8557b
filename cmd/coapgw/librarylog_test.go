//go:build unix && !clientonly

package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLibraryLog: what a library quotes is not written, and a line a second is at most.
func TestLibraryLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := log.New(newLibraryLog(slog.New(slog.NewTextHandler(&out, nil))), "", 0)
		for range 3 {
			l.Printf("Unsolicited response received on idle HTTP channel starting with %q; err=%v", "secret", error(nil))
		}
		assert.Equal(t, 1, strings.Count(out.String(), "level=WARN"), out.String())
		assert.Contains(t, out.String(), `text="Unsolicited response received on idle HTTP channel starting with"`)
		assert.NotContains(t, out.String(), "secret")
		time.Sleep(libraryPace)
		out.Reset()
		l.Print("two\nlines `quoted`")
		assert.Contains(t, out.String(), "text=two\n")
	})
}

// TestBodyBehindNoContent: a homeserver sends a body with a 204. It is in no log and on no link, and what
// net/http says of it is in the program's own log.
func TestBodyBehindNoContent(t *testing.T) {
	homeserver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if !assert.NoError(t, err) {
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n{\"room_key\":\"of somebody\"}")
		_ = conn.Close()
	}))
	defer homeserver.Close()
	serve := spawn(t, "serve", "--listen", "127.0.0.1:0", "--homeserver", homeserver.URL, "--plain-insecure", "--log-format", "json")
	r := coapgw(t, "", "request", "GET", "/_matrix/client/v3/account/whoami", "--server", serve.address, "--plain-insecure", "-v")
	require.Equal(t, exitOK, r.code, r.err)
	assert.Contains(t, r.err, "204")
	require.Eventually(t, func() bool { return strings.Contains(serve.log.String(), "a library has something to say") }, patience, 10*time.Millisecond, serve.log)
	for _, text := range []string{serve.log.String(), r.out, r.err} {
		assert.NotContains(t, text, "somebody", fmt.Sprint(text))
	}
	for line := range strings.Lines(serve.log.String()) {
		assert.True(t, strings.HasPrefix(line, "{"), line)
	}
}
