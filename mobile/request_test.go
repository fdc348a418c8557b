package mobile

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var seen *http.Request
		var body []byte
		w.front = func(rw http.ResponseWriter, r *http.Request) bool {
			seen = r
			body, _ = io.ReadAll(r.Body)
			rw.Header().Set("Content-Type", "text/plain")
			rw.Header().Set("ETag", `"e"`)
			rw.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(rw, "short and stout")
			return true
		}
		g := w.gateway("")
		r := NewRequest("PUT", "/_matrix/client/v3/x%2Fy?q=1")
		r.SetToken("syt_token")
		r.SetBody([]byte(`{"a":1}`))
		r.SetHeader("If-Match", `"f"`)
		resp, err := g.Request(r)
		require.NoError(t, err)
		assert.EqualValues(t, http.StatusTeapot, resp.Status)
		assert.Equal(t, "text/plain", resp.ContentType)
		assert.Equal(t, "short and stout", string(resp.Body()))
		assert.Equal(t, `"e"`, resp.Header("etag"))
		assert.Empty(t, resp.Header("none"))
		assert.Equal(t, "/_matrix/client/v3/x%2Fy?q=1", seen.URL.RequestURI())
		assert.Equal(t, "Bearer syt_token", seen.Header.Get("Authorization"))
		assert.Equal(t, "application/json", seen.Header.Get("Content-Type"))
		assert.JSONEq(t, `{"a":1}`, string(body))

		_, err = g.Request(nil)
		assert.ErrorContains(t, err, ErrorRequest+": ")
		for _, r := range []*Request{{}, NewRequest("GET", "versions"), NewRequest("GET", "/%zz"), NewRequest("G T", "/")} {
			_, err := g.Request(r)
			assert.ErrorContains(t, err, ErrorRequest+": ")
		}
		assert.EqualValues(t, 0, g.Status().UnderWay)
		assert.NotZero(t, g.Status().HeardMillis)
	})
}

func TestRequestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.front = func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }
		g := w.gateway("")
		late := NewRequest("GET", "/_matrix/client/versions")
		late.TimeoutMillis = 3000
		began := time.Now()
		_, err := g.Request(late)
		assert.ErrorContains(t, err, ErrorTimeout+": ")
		assert.Equal(t, 3*time.Second, time.Since(began))

		r := NewRequest("GET", "/_matrix/client/versions")
		ended := begin(g, r)
		r.Cancel()
		assert.ErrorContains(t, (<-ended).err, ErrorCancelled+": ")
		_, err = g.Request(r)
		assert.ErrorContains(t, err, ErrorCancelled+": ", "and before it began")
	})
}

func TestOpenRefuses(t *testing.T) {
	_, err := Open("coapgw:1:nonsense", nil)
	assert.ErrorContains(t, err, ErrorPairing+": ")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for name, change := range map[string]func(*Config){
			"link":       func(c *Config) { c.Link = "carrier pigeon" },
			"port":       func(c *Config) { c.Port = 65536 },
			"body":       func(c *Config) { c.MaxBody = -1 },
			"level":      func(c *Config) { c.LogLevel = "loud" },
			"secret":     func(c *Config) { c.SetSecret("short") },
			"characters": func(c *Config) { c.SetSecret("sixteen/and/more/") },
			"key":        func(c *Config) { c.StateDir = t.TempDir(); c.SetStateKey([]byte("short")) },
			"no dir":     func(c *Config) { c.SetStateKey(make([]byte, 32)) },
		} {
			c := w.config("")
			change(c)
			_, err := Open(w.line, c)
			assert.ErrorContains(t, err, ErrorConfig+": ", name)
		}
	})
}

// TestStateDir: one at a time, under the app's own key, and Forget begins anew.
func TestStateDir(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		dir := t.TempDir() + "/made"
		open := func(key byte) (*Gateway, error) {
			c := w.config(dir)
			c.SetStateKey([]byte(strings.Repeat(string(rune(key)), 32)))
			return Open(w.line, c)
		}
		g, err := open('a')
		require.NoError(t, err)
		_, err = open('a')
		assert.ErrorContains(t, err, ErrorState+": another process uses it")
		assert.EqualValues(t, http.StatusOK, ask(t, g, "GET", "login", "", nil, nil))
		require.NoError(t, g.Suspend(0))

		other, err := open('a')
		require.NoError(t, err, "while the first one sleeps")
		assert.ErrorContains(t, g.Resume(), ErrorState+": ")
		assert.Equal(t, StateSuspended, g.Status().State)
		require.NoError(t, other.Close())
		require.NoError(t, g.Resume())
		assert.EqualValues(t, http.StatusOK, ask(t, g, "GET", "login", "", nil, nil))
		require.NoError(t, g.Close())

		_, err = open('b')
		assert.ErrorContains(t, err, ErrorState+": ")
		require.NoError(t, Forget(dir))
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, left)
		require.NoError(t, Forget(dir))
		shaken := w.handshakes.Load()
		g, err = open('b')
		require.NoError(t, err)
		assert.EqualValues(t, http.StatusOK, ask(t, g, "GET", "login", "", nil, nil))
		assert.Greater(t, w.handshakes.Load(), shaken)
		require.NoError(t, g.Close())
	})
}
