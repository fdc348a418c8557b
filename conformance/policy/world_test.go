package policy

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// user is somebody at the homeserver, next to it.
type user struct {
	t         *testing.T
	hs        http.RoundTripper
	token, id string
}

func register(t *testing.T, hs http.RoundTripper, name string) *user {
	u := &user{t: t, hs: hs}
	out := u.want("POST", v3+"/register", `{"username":"`+name+`","password":"pass word 1","auth":{"type":"m.login.dummy"}}`)
	u.token, u.id = out["access_token"].(string), out["user_id"].(string)
	return u
}

const v3 = "/_matrix/client/v3"

// want sends a request that must be answered 200.
func (u *user) want(method, target, body string) map[string]any {
	u.t.Helper()
	contentType := "application/json"
	if strings.Contains(target, "/upload") {
		contentType = "image/png"
	}
	resp, err := u.hs.RoundTrip(newRequest(u.t, method, target, u.token, contentType, body))
	require.NoError(u.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(u.t, err)
	require.Equal(u.t, 200, resp.StatusCode, "%s %s: %s", method, target, text)
	var out map[string]any
	require.NoError(u.t, json.Unmarshal(text, &out))
	return out
}

func newRequest(t *testing.T, method, target, token, contentType, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://hs"+target, bytes.NewReader([]byte(body)))
	require.NoError(t, err)
	if body == "" {
		r.Body = nil
	} else {
		r.Header.Set("Content-Type", contentType)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

func profile(t *testing.T, name string) link.Profile {
	t.Helper()
	p, ok := link.ByName(name)
	require.True(t, ok)
	return p
}

// clean is the link of a profile without loss and jitter.
func clean(p link.Profile) linkemu.Config {
	cfg := linkemu.FromProfile(p, 1)
	for _, d := range []*linkemu.Direction{&cfg.Up, &cfg.Down} {
		d.Burst, d.Jitter = link.GilbertElliott{}, 0
	}
	return cfg
}

// ipUDP is what IPv4 and UDP add to each datagram, in bytes.
const ipUDP = 28

// counter adds up what goes over a link, in bytes.
type counter struct {
	mu       sync.Mutex
	up, down int
}

func (c *counter) packet(p linkemu.Packet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.Up {
		c.up += len(p.Payload) + ipUDP
	} else {
		c.down += len(p.Payload) + ipUDP
	}
}

func (c *counter) read() (up, down int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.up, c.down
}
