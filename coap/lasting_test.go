package coap_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/conformance/pipe"
)

// kept is what one end of a session finds again in its next life.
type kept struct {
	mu     sync.Mutex
	state  []byte
	lives  uint32
	broken error // of the store
	marks  int
}

// lastingPipe is a connection whose session outlives it.
type lastingPipe struct {
	net.Conn
	*kept
	life  uint32
	reset [16]byte
}

func (p *lastingPipe) Durable() bool       { return true }
func (p *lastingPipe) Incarnation() uint32 { return p.life }
func (p *lastingPipe) Suspend() error      { return p.Conn.Close() }

// Close ends the session for good.
func (p *lastingPipe) Close() error {
	p.mu.Lock()
	p.state, p.lives = nil, 0
	p.mu.Unlock()
	return p.Conn.Close()
}

func (p *lastingPipe) State() ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state, nil
}

func (p *lastingPipe) SaveState(state []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken == nil {
		p.state = append([]byte(nil), state...)
	}
	return p.broken
}

func (p *lastingPipe) Mark() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.marks++
	return p.broken
}

func (p *lastingPipe) ResetToken() ([16]byte, bool) { return [16]byte{1, 2, 3}, true }

func (p *lastingPipe) SetResetToken(t [16]byte) error {
	p.reset = t
	return nil
}

// attach begins another life of an end.
func (k *kept) attach(c net.Conn) *lastingPipe {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lives++
	return &lastingPipe{Conn: c, kept: k, life: k.lives - 1}
}

// lastingListener accepts one session that lasts.
type lastingListener struct {
	*pipe.Listener
	*kept
}

func (l lastingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.attach(c), nil
}

// lives is a session of which both ends can be restarted.
type lives struct {
	t       *testing.T
	handler http.Handler
	// near and far are what the two ends have of wire version 2.
	near, far      *coap.Version2
	client, server kept
	mu             sync.Mutex
	messages       []message
	transport      *coap.Transport
	dialled        *lastingPipe
	end            func()
}

// restart ends both ends and begins their next lives.
func (l *lives) restart() {
	l.stop()
	listener := pipe.Listen(func(from string, d []byte) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.messages = append(l.messages, message{from, d})
	})
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error)
	server := &coap.Server{Handler: l.handler, Version2: l.far}
	go func() { served <- server.Serve(ctx, lastingListener{listener, &l.server}) }()
	l.transport = &coap.Transport{Version2: l.near, Dial: func(ctx context.Context) (net.Conn, error) {
		c, err := listener.Dial(ctx)
		if err != nil {
			return nil, err
		}
		l.dialled = l.client.attach(c.(*pipe.Conn).EndWithPeer())
		return l.dialled, nil
	}}
	l.end = func() {
		require.NoError(l.t, l.transport.Close())
		cancel()
		require.NoError(l.t, <-served)
	}
}

func (l *lives) stop() {
	if l.end != nil {
		l.end()
		l.end = nil
	}
}

// do makes a request and returns what came of it and the messages that it took.
func (l *lives) do(method, token string) (status int, body string, messages []message) {
	l.t.Helper()
	l.mu.Lock()
	l.messages = nil
	l.mu.Unlock()
	p := &pair{Transport: l.transport}
	resp, body := p.do(l.t, method, "/_matrix/client/v3/account/whoami", token, "", "")
	l.mu.Lock()
	defer l.mu.Unlock()
	return resp.StatusCode, body, l.messages
}

func newLives(t *testing.T, h http.HandlerFunc) *lives {
	l := &lives{t: t, handler: h}
	l.restart()
	t.Cleanup(l.stop)
	return l
}

func whoami(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, r.Header.Get("Authorization"))
}

// After both ends were restarted the next request costs what any other does: no
// introduction, no token.
func TestRestart(t *testing.T) {
	l := newLives(t, whoami)
	tokens := []string{"token-of-alice", "", "token-of-bob"}
	var usual []int
	for range 2 {
		usual = nil
		for _, token := range tokens {
			_, _, messages := l.do("GET", token)
			usual = append(usual, len(messages[0].data)+len(messages[1].data))
		}
	}
	assert.Equal(t, [16]byte{1, 2, 3}, l.dialled.reset)
	for range 3 {
		l.restart()
		for i, token := range tokens {
			status, body, messages := l.do("GET", token)
			assert.Equal(t, 200, status)
			want := ""
			if token != "" {
				want = "Bearer " + token
			}
			assert.Equal(t, want, body)
			require.Len(t, messages, 2)
			assert.NotContains(t, string(messages[0].data), "token-of")
			assert.Equal(t, usual[i]+2, len(messages[0].data)+len(messages[1].data), "the token tells the lives apart")
		}
	}
}

// An end that finds nothing, or nothing that it understands, tells and asks again,
// whatever the other end remembers.
func TestStateLost(t *testing.T) {
	for _, found := range []string{"", "\x07of another version", "\x01\x01\xff", "\x02\x01\xff", "\x01", "\x02"} {
		for _, end := range []string{"client", "server", "both"} {
			l := newLives(t, whoami)
			for _, token := range []string{"token-of-alice", "token-of-bob"} {
				l.do("GET", token)
			}
			l.stop()
			if end != "server" {
				l.client.state = []byte(found)
			}
			if end != "client" {
				l.server.state = []byte(found)
			}
			l.restart()
			for _, token := range []string{"token-of-bob", "token-of-carol", "token-of-alice"} {
				status, body, _ := l.do("GET", token)
				assert.Equal(t, 200, status)
				assert.Equal(t, "Bearer "+token, body, "%q %s", found, end)
			}
		}
	}
}

// Before a request has an effect nothing that came before it can be accepted again.
func TestMarkBeforeEffect(t *testing.T) {
	var l *lives
	l = newLives(t, func(w http.ResponseWriter, r *http.Request) {
		l.server.mu.Lock()
		defer l.server.mu.Unlock()
		_, _ = io.WriteString(w, strings.Repeat("marked", l.server.marks))
	})
	_, body, _ := l.do("GET", "a")
	assert.Empty(t, body, "reading has no effect")
	for i, method := range []string{"POST", "PUT", "DELETE", "PATCH"} {
		_, body, _ = l.do(method, "a")
		assert.Equal(t, strings.Repeat("marked", i+1), body)
	}
}

// A server that cannot write executes no POST, since nobody would know it after a
// crash; the rest goes on.
func TestStoreBroken(t *testing.T) {
	var posts atomic.Int32
	l := newLives(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			posts.Add(1)
		}
		whoami(w, r)
	})
	l.do("GET", "token-of-alice")
	l.server.mu.Lock()
	l.server.broken = errors.New("disk full")
	l.server.mu.Unlock()
	status, body, _ := l.do("POST", "token-of-alice")
	assert.Equal(t, 503, status)
	assert.Contains(t, body, "store of sessions")
	assert.Zero(t, posts.Load())
	status, _, _ = l.do("GET", "token-of-bob")
	assert.Equal(t, 200, status)
}

// A POST that a server began before it died is not begun again by the client's
// repetition of it.
func TestPostBegunInEarlierLife(t *testing.T) {
	var posts atomic.Int32
	l := newLives(t, func(w http.ResponseWriter, r *http.Request) {
		posts.Add(1)
		whoami(w, r)
	})
	l.do("GET", "token-of-alice")
	_, _, messages := l.do("POST", "token-of-alice")
	require.Equal(t, int32(2), posts.Load())
	l.stop()
	l.messages = nil

	listener := pipe.Listen(nil)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error)
	server := &coap.Server{Handler: l.handler}
	go func() { served <- server.Serve(ctx, lastingListener{listener, &l.server}) }()
	conn, err := listener.Dial(ctx)
	require.NoError(t, err)
	_, err = conn.Write(messages[0].data)
	require.NoError(t, err)
	answer := make([]byte, 1500)
	n, err := conn.Read(answer)
	require.NoError(t, err)
	assert.Equal(t, byte(5<<5|4), answer[1], "5.04")
	assert.NotContains(t, string(answer[:n]), "token")
	assert.Equal(t, int32(2), posts.Load())
	cancel()
	require.NoError(t, <-served)
}
