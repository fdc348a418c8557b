package mobile

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/fakehs"
)

// onLoopback serves a homeserver over UDP, and returns a gateway towards it.
func onLoopback(t *testing.T, change func(*Config)) *Gateway {
	t.Helper()
	pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	hs := fakehs.New(fakehs.Config{ServerName: "ship.example", BaseURL: "https://ship.example"})
	line := runServe(t, pc, pc.LocalAddr().String(), hs)
	c := NewConfig()
	if change != nil {
		change(c)
	}
	g, err := Open(line, c)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, g.Close()) })
	return g
}

// get makes a request to the local endpoint, and returns its answer with the body read. change
// may be nil.
func get(t *testing.T, target string, change func(*http.Request)) (*http.Response, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	require.NoError(t, err)
	if change != nil {
		change(r)
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(b)
}

const versions = "/_matrix/client/versions"

func TestLocalEndpoint(t *testing.T) {
	g := onLoopback(t, nil)
	base, err := g.Start()
	require.NoError(t, err)
	again, err := g.Start()
	require.NoError(t, err)
	assert.Equal(t, base, again)
	u, err := url.Parse(base)
	require.NoError(t, err)
	assert.Equal(t, "127.0.0.1", u.Hostname())
	assert.Len(t, strings.TrimPrefix(u.Path, "/"), 22, "128 random bits")

	resp, body := get(t, base+versions, nil)
	assert.Equal(t, http.StatusOK, resp.StatusCode, body)
	assert.Contains(t, body, "org.matrix.msc3079.low_bandwidth")
	assert.Equal(t, "*", resp.Header.Get("Access-Control-Allow-Origin"), "a page in a web view may ask")

	// What is escaped stays so.
	resp, _ = get(t, base+"/_matrix/client/v3/profile/@a%2Fb:ship.example", nil)
	assert.Equal(t, http.StatusNotFound, resp.StatusCode)
	assert.Equal(t, "application/json", resp.Header.Get("Content-Type"))

	// Discovery keeps the SDK here.
	_, body = get(t, base+"/.well-known/matrix/client", nil)
	var found map[string]map[string]string
	require.NoError(t, json.Unmarshal([]byte(body), &found), body)
	assert.Equal(t, base, found["m.homeserver"]["base_url"])

	// Without the secret there is nothing, not even for a page that asks whether it may.
	for _, path := range []string{versions, "/", u.Path + "x" + versions, u.Path[:len(u.Path)-1] + versions, "/" + versions} {
		resp, _ = get(t, "http://"+u.Host+path, nil)
		assert.Equal(t, http.StatusNotFound, resp.StatusCode, path)
		assert.Empty(t, resp.Header.Get("Access-Control-Allow-Origin"), path)
		resp, _ = get(t, "http://"+u.Host+path, func(r *http.Request) { r.Method = http.MethodOptions })
		assert.Equal(t, http.StatusNotFound, resp.StatusCode, path)
	}
	// A page whose name was made to lead here, and which somehow has the secret.
	resp, _ = get(t, base+versions, func(r *http.Request) { r.Host = "evil.example" })
	assert.Equal(t, http.StatusMisdirectedRequest, resp.StatusCode)

	g.Stop()
	g.Stop()
	_, err = net.Dial("tcp", u.Host)
	assert.Error(t, err)
	other, err := g.Start()
	require.NoError(t, err)
	assert.NotEqual(t, u.Path, strings.TrimPrefix(other, "http://"), "another secret")
	resp, _ = get(t, other+versions, nil)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
}

func TestLocalEndpointAsConfigured(t *testing.T) {
	free, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	port := free.Addr().(*net.TCPAddr).Port
	g := onLoopback(t, func(c *Config) {
		c.Port = int64(port)
		c.SetSecret("a_Secret-of-16ch")
	})
	_, err = g.Start()
	assert.ErrorContains(t, err, ErrorListen+": ")
	require.NoError(t, free.Close())
	base, err := g.Start()
	require.NoError(t, err)
	assert.Equal(t, "http://"+free.Addr().String()+"/a_Secret-of-16ch", base)
}

// TestLocalEndpointSleeps: an SDK that asks while the gateway sleeps is told so, on the same
// port as before and after; where the system takes sockets away, the port is free meanwhile.
func TestLocalEndpointSleeps(t *testing.T) {
	for _, drops := range []bool{false, true} {
		g := onLoopback(t, func(c *Config) { c.dropsListener = drops })
		base, err := g.Start()
		require.NoError(t, err)
		host := strings.Split(base, "/")[2]
		resp, _ := get(t, base+versions, nil)
		require.Equal(t, http.StatusOK, resp.StatusCode)
		for range 2 {
			require.NoError(t, g.Suspend(0))
			taken, err := net.Listen("tcp4", host)
			if drops {
				require.NoError(t, err)
				require.NoError(t, taken.Close())
			} else {
				require.Error(t, err, "nobody else may get what an SDK tells here")
				resp, body := get(t, base+versions, nil)
				assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
				assert.Contains(t, body, "sleeps")
				assert.True(t, resp.Close)
			}
			require.NoError(t, g.Resume())
			resp, _ := get(t, base+versions, nil)
			assert.Equal(t, http.StatusOK, resp.StatusCode)
		}
		assert.EqualValues(t, 1, g.Status().Handshakes)
		require.NoError(t, g.Suspend(0))
		require.NoError(t, g.Close())
		_, err = net.Dial("tcp", host)
		assert.Error(t, err)
	}
}

// TestPortTakenMeanwhile: the gateway is awake, and says that it is not where it was.
func TestPortTakenMeanwhile(t *testing.T) {
	g := onLoopback(t, func(c *Config) { c.dropsListener = true })
	base, err := g.Start()
	require.NoError(t, err)
	require.NoError(t, g.Suspend(0))
	taken, err := net.Listen("tcp4", strings.Split(base, "/")[2])
	require.NoError(t, err)
	defer taken.Close()
	assert.ErrorContains(t, g.Resume(), ErrorListen+": ")
	r, err := g.Request(NewRequest("GET", versions))
	require.NoError(t, err)
	assert.EqualValues(t, http.StatusOK, r.Status)
	other, err := g.Start()
	require.NoError(t, err)
	assert.NotEqual(t, base, other)
	resp, _ := get(t, other+versions, nil)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
}

// TestLocalEndpointPolls: a poll that an SDK waits for ends when the gateway falls asleep, with
// an answer that says why.
func TestLocalEndpointPolls(t *testing.T) {
	g := onLoopback(t, nil)
	base, err := g.Start()
	require.NoError(t, err)
	r := NewRequest("POST", "/_matrix/client/v3/register")
	r.SetBody([]byte(`{"username":"bob","password":"secret","auth":{"type":"m.login.dummy"}}`))
	resp, err := g.Request(r)
	require.NoError(t, err)
	var account struct {
		Token string `json:"access_token"`
	}
	require.NoError(t, json.Unmarshal(resp.Body(), &account))
	sync := base + "/_matrix/client/v3/sync?timeout=60000"
	withToken := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+account.Token) }
	_, body := get(t, sync, withToken)
	var first struct {
		Next string `json:"next_batch"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &first))
	polled := make(chan int, 1)
	go func() {
		resp, _ := get(t, sync+"&since="+first.Next, withToken)
		polled <- resp.StatusCode
	}()
	require.Eventually(t, func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return len(g.calls) == 1
	}, time.Minute, time.Millisecond)
	require.NoError(t, g.Suspend(0))
	assert.Equal(t, http.StatusServiceUnavailable, <-polled)
}
