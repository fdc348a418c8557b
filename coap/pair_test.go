package coap_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/conformance/pipe"
)

// pair is a Transport and a Server with a pipe between them.
type pair struct {
	*coap.Transport
	mu       sync.Mutex
	messages []message
}

type message struct {
	from string
	data []byte
}

func (p *pair) sent() []message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]message(nil), p.messages...)
}

func newPair(t testing.TB, h http.Handler) *pair {
	return newPairOf(t, &coap.Server{Handler: h}, &coap.Transport{})
}

// newPairOf connects the two.
func newPairOf(t testing.TB, server *coap.Server, transport *coap.Transport) *pair {
	p := &pair{Transport: transport}
	p.Dial = serve(t, server, func(from string, d []byte) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.messages = append(p.messages, message{from, d})
	}).Dial
	t.Cleanup(func() { assert.NoError(t, p.Close()) })
	return p
}

// serve has a Server accept sessions until the test ends. tap may be nil.
func serve(t testing.TB, server *coap.Server, tap pipe.Tap) *pipe.Listener {
	l := pipe.Listen(tap)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- server.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-served)
	})
	return l
}

// do sends one request and returns status, header and body of the answer.
func (p *pair) do(t testing.TB, method, target, token, contentType, body string) (*http.Response, string) {
	t.Helper()
	var b io.Reader
	if body != "" {
		b = strings.NewReader(body)
	}
	r, err := http.NewRequest(method, "http://link"+target, b)
	require.NoError(t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	resp, err := p.RoundTrip(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(got)
}

func TestExchange(t *testing.T) {
	p := newPair(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Saw", r.Method)
		_, _ = io.WriteString(w, `{"saw":"`+r.Method+" "+r.RequestURI+" "+r.Header.Get("Authorization")+`","body":`+string(body)+`}`)
	}))
	resp, got := p.do(t, "PUT", "/_matrix/client/v3/rooms/%21a%3Ab/send/m.room.message/1?x=%20y", "tok", "application/json", `{"body":"hi"}`)
	assert.Equal(t, 200, resp.StatusCode)
	assert.Equal(t, `{"saw":"PUT /_matrix/client/v3/rooms/%21a%3Ab/send/m.room.message/1?x=%20y Bearer tok","body":{"body":"hi"}}`, got)
	assert.Equal(t, "application/json", resp.Header.Get("Content-Type"))
	resp, got = p.do(t, "PUT", "/_matrix/client/v3/rooms/%21a%3Ab/send/m.room.message/1?x=%20y", "tok", "application/json", `{"body":"hi"}`)
	assert.Equal(t, 200, resp.StatusCode)
	assert.Contains(t, got, "Bearer tok")
	// Two messages each; the second request bears its token by the implied slot.
	messages := p.sent()
	require.Len(t, messages, 4)
	assert.Contains(t, string(messages[0].data), "tok")
	assert.NotContains(t, string(messages[2].data), "tok")
	assert.Less(t, len(messages[2].data), len(messages[0].data))
}
