package coap_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/conformance/pipe"
)

// TestDialErrors: what a client is told when there is no session.
func TestDialErrors(t *testing.T) {
	for _, test := range []struct {
		err  error
		want int
	}{
		{errors.New("no route to host"), 502},
		{os.ErrDeadlineExceeded, 504},
		{context.DeadlineExceeded, 504},
	} {
		rt := &coap.Transport{Dial: func(context.Context) (net.Conn, error) { return nil, test.err }}
		assert.Equal(t, test.want, status(t, rt, "GET", "/x", "", ""), test.err.Error())
		require.NoError(t, rt.Close())
	}
}

// TestSilentPeer: the link gives up after MAX_TRANSMIT_WAIT, and a GET is tried on
// a second session.
func TestSilentPeer(t *testing.T) {
	for method, sessions := range map[string]int32{"GET": 2, "PUT": 2, "POST": 1} {
		synctest.Test(t, func(t *testing.T) {
			var dials atomic.Int32
			rt := &coap.Transport{Dial: func(context.Context) (net.Conn, error) {
				dials.Add(1)
				client, _ := pipe.New(nil)
				return client, nil
			}}
			assert.Equal(t, 504, status(t, rt, method, "/x", "a", ""))
			assert.Equal(t, sessions, dials.Load(), method)
			require.NoError(t, rt.Close())
		})
	}
}

// TestSessionLost: a request that does no harm twice is sent again on a new
// session, any other is answered 502.
func TestSessionLost(t *testing.T) {
	for method, want := range map[string]int{"GET": 200, "HEAD": 200, "PUT": 200, "POST": 502, "DELETE": 502} {
		synctest.Test(t, func(t *testing.T) {
			lost := false
			p, rt := newPeer(t, func(r *endpoint.Request) *endpoint.Response {
				if !lost && r.Options.Has(endpoint.URIQuery) {
					lost = true
					assert.NoError(t, r.Conn.Close())
				}
				return gatewayAnswer(r)
			})
			// The client learns of the loss when its own end breaks.
			rt.Dial = func(ctx context.Context) (net.Conn, error) {
				c, err := p.dial(ctx)
				return c.(*pipe.Conn).EndWithPeer(), err
			}
			require.Equal(t, 200, status(t, rt, "GET", "/x", "a", ""))
			p.take()
			assert.Equal(t, want, status(t, rt, method, "/x?lose", "a", ""), method)
			if want == 200 {
				seen := p.take()
				last := seen[len(seen)-1]
				assert.True(t, strings.HasPrefix(last, "1 "), "the second session: %s", last)
				assert.Contains(t, last, "token=a", "which knows nothing yet")
			}
			assert.Equal(t, 200, status(t, rt, "GET", "/x", "a", ""), "the next request finds a session")
		})
	}
}

// TestCancelled: a request ends with its context, and the session serves on.
func TestCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		_, rt := newPeer(t, func(r *endpoint.Request) *endpoint.Response {
			if r.Options.Has(endpoint.URIQuery) {
				<-hold
			}
			return gatewayAnswer(r)
		})
		for _, test := range []struct {
			context func() (context.Context, context.CancelFunc)
			want    int
		}{
			{func() (context.Context, context.CancelFunc) { return context.WithTimeout(t.Context(), time.Minute) }, 504},
			{func() (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				return ctx, cancel
			}, 0},
		} {
			ctx, cancel := test.context()
			r, err := http.NewRequestWithContext(ctx, "GET", "http://link/sync?hold", nil)
			require.NoError(t, err)
			_, err = rt.RoundTrip(r)
			var own *coap.Error
			if test.want == 0 {
				assert.ErrorIs(t, err, context.Canceled)
			} else if assert.ErrorAs(t, err, &own) {
				assert.Equal(t, test.want, own.Status)
			}
			cancel()
			assert.Equal(t, 200, status(t, rt, "GET", "/x", "", ""))
		}
		close(hold)
	})
}

// TestClosed: a Transport that is closed opens nothing any more.
func TestClosed(t *testing.T) {
	p, rt := newPeer(t, plain)
	require.NoError(t, rt.Close())
	assert.Equal(t, 502, status(t, rt, "GET", "/x", "", ""))
	assert.Empty(t, p.conns)
	require.NoError(t, rt.Close())
}

// TestTokenTooLong: a token that no datagram takes is refused here, unless the peer knows
// envelopes.
func TestTokenTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, rt := newPeer(t, plain)
		assert.Equal(t, 431, status(t, rt, "GET", "/x", strings.Repeat("t", 1300), ""))
	})
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, say)
		for range 2 { // also when the peer is known
			for _, token := range []string{strings.Repeat("t", 1300), "t", strings.Repeat("t", 5000)} {
				resp, got := p.do(t, "PUT", "/x", token, "application/json", `{"a":1}`)
				assert.Equal(t, 200, resp.StatusCode)
				assert.Contains(t, got, `PUT /x Bearer `+token+`","type":"application/json","body":{"a":1}}`)
			}
		}
	})
}

// TestTokenTooLongAgain: what goes on a second session, because the first was lost with it, has
// such a token too.
func TestTokenTooLongAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		token := strings.Repeat("t", 1300)
		var conn net.Conn
		lost := false
		p := newPair(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			assert.Equal(t, "Bearer "+token, r.Header.Get("Authorization"))
			if !lost {
				lost = true
				assert.NoError(t, conn.Close())
			}
		}))
		dial := p.Dial
		p.Dial = func(ctx context.Context) (_ net.Conn, err error) {
			conn, err = dial(ctx)
			return conn, err
		}
		assert.Equal(t, 200, status(t, p, "PUT", "/x", token, ""))
		assert.True(t, lost)
	})
}

// TestLostTransfer: a server that has lost the blocks of an upload has executed
// nothing. A client that were told 400 would never try again.
func TestLostTransfer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, rt := newPeer(t, func(r *endpoint.Request) *endpoint.Response {
			if r.Code == endpoint.PUT {
				return &endpoint.Response{Code: endpoint.RequestEntityIncomplete}
			}
			return gatewayAnswer(r)
		})
		require.Equal(t, 200, status(t, rt, "GET", "/x", "a", ""))
		assert.Equal(t, 502, status(t, rt, "PUT", "/x", "a", "{}"))
	})
}

// mute is a connection that can fall silent.
type mute struct {
	net.Conn
	silent *atomic.Bool
}

func (c mute) Write(p []byte) (int, error) {
	if c.silent.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// TestCloseEndsGivenUpSessions: Close leaves nothing behind, though a session was
// given up and a request is still waiting on it.
func TestCloseEndsGivenUpSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, rt := newPeer(t, func(r *endpoint.Request) *endpoint.Response {
			if r.Options.Has(endpoint.URIQuery) {
				time.Sleep(time.Hour)
			}
			return gatewayAnswer(r)
		})
		var silent atomic.Bool
		rt.Dial = func(ctx context.Context) (net.Conn, error) {
			c, err := p.dial(ctx)
			return mute{c, &silent}, err
		}
		require.Equal(t, 200, status(t, rt, "GET", "/x", "a", ""))
		poll := make(chan int, 1)
		go func() { poll <- status(t, rt, "POST", "/x?wait", "a", "") }()
		time.Sleep(10 * time.Second) // virtual: acknowledged
		silent.Store(true)
		require.Equal(t, 504, status(t, rt, "POST", "/x", "a", ""))
		synctest.Wait()
		require.Empty(t, poll)
		require.NoError(t, rt.Close())
		synctest.Wait()
		select {
		case got := <-poll:
			assert.Equal(t, 502, got)
		default:
			t.Error("a request outlives its Transport")
		}
	})
}

// TestUnanswered: a response that is lost for good, though its request has arrived,
// is asked for again on the session, unless that could do something twice.
func TestUnanswered(t *testing.T) {
	for method, want := range map[string]int{"GET": 200, "PUT": 200, "POST": 504} {
		synctest.Test(t, func(t *testing.T) {
			var lost atomic.Bool
			p, rt := newPeer(t, func(r *endpoint.Request) *endpoint.Response {
				if r.Options.Has(endpoint.URIQuery) && !lost.Swap(true) {
					time.Sleep(time.Hour)
				}
				return gatewayAnswer(r)
			})
			assert.Equal(t, 200, status(t, rt, "GET", "/x", "a", ""))
			begun := time.Now()
			assert.Equal(t, want, status(t, rt, method, "/x?lose", "a", ""), method)
			assert.Less(t, time.Since(begun), 15*time.Minute)
			for _, seen := range p.take() {
				assert.True(t, strings.HasPrefix(seen, "0 "), "the same session: %s", seen)
			}
			time.Sleep(time.Hour) // for the handler
		})
	}
}
