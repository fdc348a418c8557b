package gateway

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/join"
)

// slowLink answers when it is told to.
type slowLink struct {
	requests  atomic.Int32
	entered   chan struct{}
	answers   chan struct{}
	cancelled chan struct{}
}

// RoundTrip implements http.RoundTripper.
func (l *slowLink) RoundTrip(r *http.Request) (*http.Response, error) {
	l.requests.Add(1)
	if r.Body != nil { // whoever reads it to its end learns when the client goes
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
	}
	l.entered <- struct{}{}
	select {
	case <-l.answers:
		return answer(r, http.StatusOK, "application/json", `{"event_id":"$e"}`), nil
	case <-r.Context().Done():
		l.cancelled <- struct{}{}
		return nil, r.Context().Err()
	}
}

// TestClientGivesUp lets real HTTP clients give up, each in the ways of its protocol:
// the next one finds the answer, and one that does not come back costs nothing for
// ever.
func TestClientGivesUp(t *testing.T) {
	const target = "/_matrix/client/v3/rooms/!r:hs/send/m.room.message/1"
	protocol := func(set func(*http.Protocols)) func(t *testing.T, ctx context.Context, address, method string) error {
		return func(t *testing.T, ctx context.Context, address, method string) error {
			var p http.Protocols
			set(&p)
			transport := &http.Transport{Protocols: &p}
			defer transport.CloseIdleConnections()
			r, err := http.NewRequestWithContext(ctx, method, "http://"+address+target, strings.NewReader(`{}`))
			require.NoError(t, err)
			r.Header.Set("Content-Type", "application/json")
			res, err := transport.RoundTrip(r)
			if err != nil {
				return err
			}
			assert.Equal(t, `{"event_id":"$e"}`, readAll(t, res))
			return res.Body.Close()
		}
	}
	for name, send := range map[string]func(t *testing.T, ctx context.Context, address, method string) error{
		"HTTP/1.1":           protocol(func(p *http.Protocols) { p.SetHTTP1(true) }),
		"HTTP/2 without TLS": protocol(func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }),
	} {
		t.Run(name, func(t *testing.T) {
			link := &slowLink{entered: make(chan struct{}), answers: make(chan struct{}), cancelled: make(chan struct{}, 1)}
			joined := &join.Transport{Base: link}
			connect := NewConnect(ConnectOptions{Transport: joined})
			left := make(chan struct{}, 1)
			h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer func() { left <- struct{}{} }()
				connect.ServeHTTP(w, r)
			})
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- RunWeb(ctx, h, time.Minute, nil, l) }()
			giveUp := func(method string) {
				ctx, cancel := context.WithCancel(t.Context())
				go func() { <-link.entered; cancel() }()
				assert.ErrorIs(t, send(t, ctx, l.Addr().String(), method), context.Canceled)
				<-left // the handler noticed, though the link has not answered
			}

			giveUp(http.MethodPut)
			link.answers <- struct{}{}
			require.NoError(t, send(t, t.Context(), l.Addr().String(), http.MethodPut))
			<-left
			assert.EqualValues(t, 1, link.requests.Load())

			giveUp(http.MethodPost)
			<-link.cancelled // a POST ends with its client

			stop()
			require.NoError(t, <-ended)
			require.NoError(t, joined.Close())
		})
	}
}

// TestHangUp: a client that closes its connection without a word has given up too.
func TestHangUp(t *testing.T) {
	link := &slowLink{entered: make(chan struct{}, 1), cancelled: make(chan struct{}, 1)}
	joined := &join.Transport{Base: link}
	left := make(chan struct{})
	connect := NewConnect(ConnectOptions{Transport: joined})
	overPipe(t, func(w http.ResponseWriter, r *http.Request) {
		connect.ServeHTTP(w, r)
		close(left)
	}, func(t *testing.T, conn net.Conn) {
		io.WriteString(conn, "GET /_matrix/client/v3/sync HTTP/1.1\r\nHost: localhost\r\n\r\n")
		<-link.entered
		require.NoError(t, conn.Close())
		<-left
		assert.Empty(t, link.cancelled)
		require.NoError(t, joined.Close())
		assert.Len(t, link.cancelled, 1)
	})
}
