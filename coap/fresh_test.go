package coap_test

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/conformance/pipe"
)

// forgetful is a session that has outlived its server, which kept no counters.
type forgetful struct {
	*lastingPipe
}

func (forgetful) Durable() bool       { return false }
func (forgetful) Incarnation() uint32 { return 1 }

type forgetfulListener struct {
	lastingListener
}

func (l forgetfulListener) Accept() (net.Conn, error) {
	c, err := l.lastingListener.Accept()
	if err != nil {
		return nil, err
	}
	return forgetful{c.(*lastingPipe)}, nil
}

// TestFreshPost: where nothing tells old records from new ones after a restart, the
// first POST is executed when the client has shown that it is there; no other request
// waits for that.
func TestFreshPost(t *testing.T) {
	var posts atomic.Int32
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			posts.Add(1)
		}
		whoami(w, r)
	})
	var p pair
	listener := pipe.Listen(func(from string, d []byte) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.messages = append(p.messages, message{from, d})
	})
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error)
	go func() {
		served <- (&coap.Server{Handler: handler}).Serve(ctx, forgetfulListener{lastingListener{listener, &kept{}}})
	}()
	p.Transport = &coap.Transport{Dial: listener.Dial}
	for i, want := range []struct {
		method   string
		messages int
	}{{"GET", 2}, {"POST", 4}, {"PUT", 2}} {
		p.messages = nil
		resp, body := p.do(t, want.method, "/_matrix/client/v3/account/whoami", "token", "application/json", `{}`)
		assert.Equal(t, 200, resp.StatusCode)
		assert.Equal(t, "Bearer token", body, i)
		assert.Len(t, p.sent(), want.messages, want.method)
	}
	assert.Equal(t, int32(1), posts.Load())
	require.NoError(t, p.Close())
	cancel()
	require.NoError(t, <-served)
}
