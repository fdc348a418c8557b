package fidelity

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/recorder"
	"github.com/coapgw/coapgw/internal/gateway"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// users interleave: two with tokens, and requests without one.
func users() []string { return []string{"alice", "bob", ""} }

// ownAnswer says whose request it answers, with a body that takes several blocks
// for some.
func ownAnswer(_ context.Context, req recorder.Request) recorder.Response {
	user := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
	size := 10
	if strings.HasSuffix(req.URI, "7") {
		size = 3000
	}
	return recorder.JSON(200, fmt.Sprintf(`{"user":%q,"uri":%q,"pad":%q}`, user, req.URI, strings.Repeat("x", size)))
}

// TestFault_UsersMixedUp: 1,000 requests of two users and of nobody, at the same
// time over one connect. Each arrives with its own token, or with none, and each
// answer comes to whom it is for.
func TestFault_UsersMixedUp(t *testing.T) {
	virtually(t, func(t *testing.T) {
		p := newPair(t, ownAnswer)
		interleave(t, p.client, 1000)
		seen := p.homeserver.Take()
		require.Len(t, seen, 1000)
		for _, e := range seen {
			user := strings.TrimPrefix(e.Request.Header.Get("Authorization"), "Bearer ")
			// The target names its sender.
			require.True(t, strings.HasPrefix(e.Request.URI, "/of/"+user+"/"), "%s as %q", e.Request.URI, user)
		}
	})
}

// interleave sends n requests of all users at once.
func interleave(t *testing.T, client http.RoundTripper, n int) {
	t.Helper()
	const atOnce = 20
	var work sync.WaitGroup
	for worker := range atOnce {
		work.Go(func() {
			for i := worker; i < n; i += atOnce {
				user := users()[i%len(users())]
				req := recorder.Request{Method: "GET", URI: fmt.Sprintf("/of/%s/%d", user, i), Header: http.Header{}}
				if user != "" {
					req.Header.Set("Authorization", "Bearer "+user)
				}
				switch i % 5 {
				case 1:
					req.Method, req.Body = "PUT", []byte(fmt.Sprintf(`{"i":%d}`, i))
					req.Header.Set("Content-Type", "application/json")
				case 2: // goes into an envelope, where all requests look alike
					req.URI = fmt.Sprintf("/of/%s/.?%s=%d", user, strings.Repeat("x", 20), i)
				}
				got, err := recorder.Do(t.Context(), client, "http://localhost", req)
				if !assert.NoError(t, err) {
					return
				}
				assert.Equal(t, 200, got.Status)
				assert.Contains(t, string(got.Body), fmt.Sprintf(`{"user":%q,"uri":%q,`, user, req.URI))
			}
		})
	}
	work.Wait()
}

// foreignServer is a server of MSC3079 by the letter, without any option of ours:
// options 256 and 257 are stored, and a request without 256 bears the last token
// of its session.
type foreignServer struct {
	mu     sync.Mutex
	tokens map[*endpoint.Conn]string
	// sessions counts those that ever bore a token or were used without.
	sessions map[*endpoint.Conn]bool
}

// Admit implements endpoint.Handler.
func (f *foreignServer) Admit(r *endpoint.Request) func(context.Context) *endpoint.Response {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sessions[r.Conn] = true
	if v, ok := r.Options.Get(coap.OptionAccessToken); ok {
		f.tokens[r.Conn] = string(v)
	}
	user := strings.TrimPrefix(f.tokens[r.Conn], "Bearer ")
	uri := ""
	for _, v := range r.Options.GetAll(endpoint.URIPath) {
		uri += "/" + string(v)
	}
	return func(context.Context) *endpoint.Response {
		body := fmt.Sprintf(`{"user":%q,"uri":%q,"pad":""}`, user, uri)
		return &endpoint.Response{
			Code: endpoint.Content, Options: endpoint.Options(nil).AddUint(endpoint.ContentFormat, 50),
			Body: strings.NewReader(body), Size: int64(len(body)),
		}
	}
}

// TestUsersTowardsForeignServer: one session for each token and one for none, so
// that the stickiness of the proposal mixes up nobody.
func TestUsersTowardsForeignServer(t *testing.T) {
	virtually(t, func(t *testing.T) {
		f := &foreignServer{tokens: map[*endpoint.Conn]string{}, sessions: map[*endpoint.Conn]bool{}}
		var served []*endpoint.Conn
		var links []*linkemu.Link
		var mu sync.Mutex
		transport := &coap.Transport{Dial: func(context.Context) (net.Conn, error) {
			emulated := linkemu.New(linkemu.Config{})
			far, near := emulated.Listen(), emulated.Dial(clientAddr())
			mu.Lock()
			defer mu.Unlock()
			served = append(served, endpoint.New(&toOne{PacketConn: far, peer: clientAddr()}, endpoint.Config{
				Profile: link.Default(), Handler: f,
				KnownCritical: func(n endpoint.OptionNumber) bool { return n == coap.OptionVersion },
			}))
			links = append(links, emulated)
			return &toOne{PacketConn: near, peer: linkemu.FarAddr()}, nil
		}}
		t.Cleanup(func() {
			assert.NoError(t, transport.Close())
			for _, c := range served {
				assert.NoError(t, c.Close())
				c.Wait()
			}
			for _, l := range links { // below the sessions, so after them
				assert.NoError(t, l.Close())
			}
		})
		connect := inProcess{gateway.NewConnect(gateway.ConnectOptions{Transport: transport})}
		const each = 20
		var work sync.WaitGroup
		for _, user := range users() {
			work.Go(func() {
				for i := range each {
					req := recorder.Request{Method: "GET", URI: fmt.Sprintf("/of/%s/%d", user, i), Header: http.Header{}}
					if user != "" {
						req.Header.Set("Authorization", "Bearer "+user)
					}
					got, err := recorder.Do(t.Context(), connect, "http://localhost", req)
					assert.NoError(t, err)
					assert.Contains(t, string(got.Body), fmt.Sprintf(`{"user":%q,"uri":%q,`, user, req.URI))
				}
			})
		}
		work.Wait()
		assert.Len(t, f.sessions, len(users()))
	})
}

// TestUsersOfForeignClient: a request without option 256 bears the last token of
// its session, in order of arrival; another session knows nothing of it.
func TestUsersOfForeignClient(t *testing.T) {
	virtually(t, func(t *testing.T) {
		rec := recorder.New(recorder.Scripted(ownAnswer))
		emulated := linkemu.New(linkemu.Config{})
		conns := make(chan net.Conn, 2)
		listener := &onceListener{conns: conns, done: make(chan struct{})}
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error)
		go func() { served <- (&coap.Server{Handler: rec}).Serve(ctx, listener) }()
		one := foreignClient(t, emulated, conns)
		ask := func(c *endpoint.Conn, token string) string {
			opts := endpoint.Options(nil).AddString(endpoint.URIPath, "whoami").AddUint(coap.OptionVersion, 1)
			if token != "" {
				opts = opts.AddString(coap.OptionAccessToken, token)
			}
			resp, err := c.Do(ctx, &endpoint.Request{Code: endpoint.GET, Options: opts})
			require.NoError(t, err)
			require.Equal(t, endpoint.Content, resp.Code)
			seen := rec.Take()
			require.Len(t, seen, 1)
			return seen[0].Request.Header.Get("Authorization")
		}
		for _, step := range []struct{ sent, want string }{
			{"", ""}, {"alice", "Bearer alice"}, {"", "Bearer alice"}, {"Bearer bob", "Bearer bob"}, {"", "Bearer bob"}, {"", "Bearer bob"}, {"alice", "Bearer alice"},
		} {
			assert.Equal(t, step.want, ask(one, step.sent))
		}
		require.NoError(t, one.Close())
		one.Wait()
		stop()
		require.NoError(t, <-served)
		require.NoError(t, emulated.Close())
	})
}

func clientAddr() net.Addr { return &net.UDPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 1024} }

// foreignClient opens a session without security and without any option of ours.
func foreignClient(t *testing.T, l *linkemu.Link, accepted chan<- net.Conn) *endpoint.Conn {
	t.Helper()
	accepted <- &toOne{PacketConn: l.Listen(), peer: clientAddr()}
	return endpoint.New(&toOne{PacketConn: l.Dial(clientAddr()), peer: linkemu.FarAddr()}, endpoint.Config{Profile: link.Default()})
}

// toOne is a socket that talks to one peer only.
type toOne struct {
	net.PacketConn
	peer net.Addr
}

func (c *toOne) Read(p []byte) (int, error)  { n, _, err := c.ReadFrom(p); return n, err }
func (c *toOne) Write(p []byte) (int, error) { return c.WriteTo(p, c.peer) }
func (c *toOne) RemoteAddr() net.Addr        { return c.peer }

// onceListener hands out connections that are made elsewhere.
type onceListener struct {
	conns <-chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (l *onceListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}
func (l *onceListener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *onceListener) Addr() net.Addr { return linkemu.FarAddr() }
