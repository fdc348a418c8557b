package hour

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/inprocess"
)

// again is how long a person waits before a message that failed is sent again.
const again = 10 * time.Second

const password = "correct horse battery staple"

// A client behaves as its kind.
type client struct {
	kind
	t      *testing.T
	via    http.RoundTripper
	user   string // localpart
	room   string
	random *rand.Rand
	peer   *client

	mu                    sync.Mutex
	userID, device, token string
	filter, since         string
	txn                   int

	heard  []string // the messages that came with a sync, in order
	others []string // those of the peer among them
	// saidAt and heardAt are when it sent its messages, and when it had each one of both.
	saidAt, heardAt map[string]time.Time
	changed         chan struct{}
	// gaveUp counts the answers that it did not wait for, or that were errors of the way.
	gaveUp atomic.Int64
}

func newClient(t *testing.T, k kind, via http.RoundTripper, user string, seed uint64) *client {
	return &client{
		kind: k, t: t, via: via, user: user, random: rand.New(rand.NewPCG(seed, 1)),
		changed: make(chan struct{}, 1),
		saidAt:  make(map[string]time.Time), heardAt: make(map[string]time.Time),
	}
}

// placeholder is a parameter of a recorded request.
var placeholder = regexp.MustCompile(`\{(?:type=)?([A-Za-z_.]+)\}`)

// fill puts parameters in their places, as escape writes them.
func (c *client) fill(text string, values map[string]string, escape func(string) string) string {
	return placeholder.ReplaceAllStringFunc(text, func(p string) string {
		name := placeholder.FindStringSubmatch(p)[1]
		if value, ok := values[name]; ok {
			return escape(value)
		}
		return escape(c.value(name))
	})
}

func asIs(s string) string { return s }

// value is what a parameter stands for.
func (c *client) value(name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch name {
	case "user":
		return c.user
	case "password":
		return password
	case "device":
		return c.name
	case "userId":
		return c.userID
	case "peerId":
		return c.peer.userID // which does not change any more
	case "peerDevice":
		return c.peer.device
	case "roomId":
		return c.room
	case "filter":
		return c.filter
	case "since":
		return c.since
	case "timeout":
		return strconv.FormatInt(c.pollTimeout.Milliseconds(), 10)
	case "now":
		return strconv.FormatInt(time.Now().UnixMilli(), 10)
	case "txn":
		c.txn++
		return fmt.Sprintf("m%d.%d", time.Now().UnixMilli(), c.txn)
	case "deviceKeys", "fiveKeys", "allKeys", "roomKey", "encrypted":
		return c.secret(name)
	}
	return name // an event type or the like
}

// request makes a request of a call. Its parameters are settled: the same request may be
// made again.
func (c *client) request(call call, values map[string]string) (method, target, body string) {
	method, path, _ := strings.Cut(call.request, " ")
	target = c.fill(path, values, url.PathEscape)
	query := c.fill(call.query, values, asIs)
	if c.queryToken && !call.anonymous {
		query = strings.TrimSuffix("access_token="+c.token+"&"+query, "&")
	}
	if query != "" {
		args := strings.Split(query, "&")
		for i, arg := range args {
			key, value, _ := strings.Cut(arg, "=")
			args[i] = key + "=" + url.QueryEscape(value)
		}
		target += "?" + strings.Join(args, "&")
	}
	return method, target, c.fill(call.body, values, asIs)
}

// try makes a request and waits so long for the answer. No answer, and one that says that
// the way is bad, are false.
func (c *client) try(ctx context.Context, anonymous bool, patience time.Duration, method, target, body string) (answer string, status int, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	token := c.token
	if anonymous || c.queryToken {
		token = ""
	}
	r := inprocess.NewRequest(ctx, method, target, token, body)
	if c.browser && r.Header.Get("Authorization")+r.Header.Get("Content-Type") != "" {
		preflight := httptest.NewRequestWithContext(ctx, http.MethodOptions, target, http.NoBody)
		if _, err := c.via.RoundTrip(preflight); err != nil {
			return "", 0, false
		}
	}
	resp, err := c.via.RoundTrip(r)
	if err != nil || ctx.Err() != nil {
		return "", 0, false
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return string(text), resp.StatusCode, err == nil && resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests
}

// do makes a call until it is answered or ctx ends.
func (c *client) do(ctx context.Context, call call, values map[string]string) (answer string, answered bool) {
	method, target, body := c.request(call, values)
	for {
		answer, status, ok := c.try(ctx, call.anonymous, c.patience, method, target, body)
		if ok {
			// What homeservers do not have is 404, and 401 begins a registration.
			assert.Contains(c.t, []int{200, 404, 401}, status, "%s %s: %s", method, target, answer)
			return answer, true
		}
		if ctx.Err() != nil {
			return "", false
		}
		c.gaveUp.Add(1)
		time.Sleep(again)
	}
}

// begin comes up, to the end of the first sync.
func (c *client) begin(ctx context.Context) {
	for _, call := range c.login {
		answer, _ := c.do(ctx, call, nil)
		if strings.HasSuffix(call.request, "/login") && strings.HasPrefix(call.request, "POST") {
			c.mu.Lock()
			c.userID, c.device, c.token = field(c.t, answer, "user_id"), field(c.t, answer, "device_id"), field(c.t, answer, "access_token")
			c.mu.Unlock()
		}
	}
	for _, call := range c.start {
		answer, _ := c.do(ctx, call, nil)
		if strings.HasSuffix(call.request, "/filter") {
			c.filter = field(c.t, answer, "filter_id")
		}
	}
	for !c.poll(ctx) && ctx.Err() == nil {
	}
	for _, call := range c.ready {
		c.do(ctx, call, nil)
	}
}

// field reads a string of a JSON object.
func field(t *testing.T, object, name string) string {
	t.Helper()
	var m map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(object), &m), "%s", object)
	var s string
	require.NoError(t, json.Unmarshal(m[name], &s), "%s in %s", name, object)
	return s
}
