package gateway

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// runStation serves h on pc until the test ends.
func runStation(t *testing.T, s *Station, pc net.PacketConn) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, pc) }()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-ended)
	})
}

// emulatedRoute leads into an emulated link from the given address.
func emulatedRoute(l *linkemu.Link, from string) func(context.Context) ([]Route, error) {
	return func(context.Context) ([]Route, error) {
		return []Route{{Peer: linkemu.FarAddr(), Open: func() (net.PacketConn, error) {
			return l.Dial(net.UDPAddrFromAddrPort(netip.MustParseAddrPort(from))), nil
		}}}, nil
	}
}

// newPair returns a function that makes clients of a Station with the given
// handler: each is the base URL of a Connect. identity "" dials without keys.
func newPair(t *testing.T, handler http.Handler, secure bool) (client func(identity, from string) string) {
	t.Helper()
	l := linkemu.New(linkemu.Config{})
	t.Cleanup(func() { l.Close() })
	key := func(identity string) []byte { return []byte(fmt.Sprintf("%-16s", identity)) }
	station := &Station{Handler: handler, Guard: GuardOptions{Paths: []string{"/"}}, Profile: link.Default()}
	if secure {
		station.Security = &dtls.Config{Keys: func(identity string) ([]byte, bool) { return key(identity), true }}
	}
	runStation(t, station, l.Listen())
	return func(identity, from string) string {
		d := &Dialer{Routes: emulatedRoute(l, from), Profile: link.Default()}
		if identity != "" {
			d.Security = &dtls.Config{Identity: identity, Key: key(identity)}
		}
		transport := &coap.Transport{Dial: d.Dial, Profile: link.Default()}
		t.Cleanup(func() { transport.Close() })
		web := httptest.NewServer(NewConnect(ConnectOptions{Transport: transport}))
		t.Cleanup(web.Close)
		return web.URL
	}
}

func get(t *testing.T, target string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	require.NoError(t, err)
	return fetch(t, r)
}

func TestPair(t *testing.T) {
	for _, secure := range []bool{true, false} {
		t.Run(fmt.Sprint("secure ", secure), func(t *testing.T) {
			var mu sync.Mutex
			seen := map[string]string{}
			serve := newServe(t, func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				seen[r.RequestURI] = r.Header.Get("X-Forwarded-For")
				w.Header().Set("Content-Type", "application/json")
				io.WriteString(w, `{"versions":["v1.1"]}`)
			})
			client := newPair(t, serve, secure)
			identity := func(s string) string {
				if secure {
					return s
				}
				return ""
			}
			boat := client(identity("boat"), "192.0.2.1:1000")
			moved := client(identity("boat"), "192.0.2.2:1000")
			other := client(identity("other"), "192.0.2.1:2000")
			res := get(t, boat+"/_matrix/client/versions")
			assertCORS(t, res.Header)
			assert.Equal(t, `{"versions":["v1.1"],"unstable_features":{"org.matrix.msc3079.low_bandwidth":true}}`, readAll(t, res))
			readAll(t, get(t, boat+"/boat"))
			readAll(t, get(t, moved+"/moved"))
			readAll(t, get(t, other+"/other"))
			mu.Lock()
			defer mu.Unlock()
			if secure {
				assert.Equal(t, identityAddr("boat").String(), seen["/boat"])
				assert.Equal(t, seen["/boat"], seen["/moved"])
				assert.Equal(t, identityAddr("other").String(), seen["/other"])
			} else {
				assert.Equal(t, "192.0.2.1", seen["/boat"])
				assert.Equal(t, "192.0.2.2", seen["/moved"])
				assert.Equal(t, "192.0.2.1", seen["/other"])
			}
		})
	}
}

func TestPairBrokenOffDownload(t *testing.T) {
	serve := newServe(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		io.Copy(w, pattern(100_000))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	base := newPair(t, serve, true)("boat", "192.0.2.1:1000")
	res := get(t, base+"/_matrix/media/v3/download/a/b")
	_, err := io.ReadAll(res.Body)
	assert.False(t, res.StatusCode == http.StatusOK && err == nil, "half a picture was passed off as a whole one")
}

func TestPairHomeserverGone(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	unreachable, err := url.Parse(gone.URL)
	require.NoError(t, err)
	serve := newServe(t, nil, func(o *ServeOptions) { o.Homeserver = unreachable })
	base := newPair(t, serve, true)("boat", "192.0.2.1:1000")
	res := get(t, base+"/_matrix/client/v3/sync")
	assert.Equal(t, http.StatusBadGateway, res.StatusCode)
	assert.Equal(t, `{"errcode":"M_UNKNOWN","error":"the homeserver cannot be reached"}`, readAll(t, res))
}

// TestStationDrains stops a Station while a request is under way, which must
// still be answered.
func TestStationDrains(t *testing.T) {
	l := linkemu.New(linkemu.Config{})
	defer l.Close()
	entered, finish := make(chan struct{}), make(chan struct{})
	station := &Station{
		Profile: link.Default(), Grace: time.Minute,
		Security: &dtls.Config{Keys: func(string) ([]byte, bool) { return []byte(strings.Repeat("k", 16)), true }},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(entered)
			<-finish
			io.WriteString(w, "done")
		}),
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- station.Run(ctx, l.Listen()) }()
	d := &Dialer{
		Routes: emulatedRoute(l, "192.0.2.1:1"), Profile: link.Default(),
		Security: &dtls.Config{Identity: "boat", Key: []byte(strings.Repeat("k", 16))},
	}
	transport := &coap.Transport{Dial: d.Dial, Profile: link.Default()}
	defer transport.Close()
	go func() {
		<-entered
		stop()
		close(finish)
	}()
	res, err := transport.RoundTrip(request(t, http.MethodGet, "/_matrix/client/v3/x", nil))
	require.NoError(t, err)
	assert.Equal(t, "done", readAll(t, res))
	require.NoError(t, <-ended)
}

func TestDialerTriesRoutes(t *testing.T) {
	l := linkemu.New(linkemu.Config{})
	t.Cleanup(func() { l.Close() })
	runStation(t, &Station{Profile: link.Default(), Handler: http.NotFoundHandler()}, l.Listen())
	good, err := emulatedRoute(l, "192.0.2.1:1")(t.Context())
	require.NoError(t, err)
	broken := Route{Open: func() (net.PacketConn, error) { return nil, net.ErrClosed }}
	tests := []struct {
		name   string
		routes []Route
		err    error
		fails  bool
	}{
		{"second", append([]Route{broken}, good...), nil, false},
		{"none", nil, nil, true},
		{"no name", nil, &net.DNSError{}, true},
		{"all broken", []Route{broken, broken}, nil, true},
	}
	for _, tt := range tests {
		d := &Dialer{Profile: link.Default(), Routes: func(context.Context) ([]Route, error) { return tt.routes, tt.err }}
		conn, err := d.Dial(t.Context())
		if tt.fails {
			assert.Error(t, err, tt.name)
			assert.Nil(t, conn, tt.name)
			continue
		}
		require.NoError(t, err, tt.name)
		conn.Close()
	}
}

// TestServerMoves has the server fall silent and come back at another address,
// which only a new look at the routes finds.
func TestServerMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := []byte(strings.Repeat("k", 16))
		newHome := func(name string) *linkemu.Link {
			l := linkemu.New(linkemu.Config{})
			t.Cleanup(func() { l.Close() })
			runStation(t, &Station{
				Profile:  link.Default(),
				Security: &dtls.Config{Keys: func(string) ([]byte, bool) { return key, true }},
				Handler:  http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, name) }),
			}, l.Listen())
			return l
		}
		home := newHome("old")
		looked := 0
		d := &Dialer{
			Profile:  link.Default(),
			Security: &dtls.Config{Identity: "boat", Key: key},
			Routes: func(ctx context.Context) ([]Route, error) {
				looked++
				return emulatedRoute(home, "192.0.2.1:1")(ctx)
			},
		}
		transport := &coap.Transport{Dial: d.Dial, Profile: link.Default()}
		t.Cleanup(func() { transport.Close() })
		ask := func() (string, error) {
			res, err := transport.RoundTrip(request(t, http.MethodGet, "/_matrix/client/v3/x", nil))
			if err != nil {
				return "", err
			}
			return readAll(t, res), nil
		}
		for range 2 {
			answer, err := ask()
			require.NoError(t, err)
			assert.Equal(t, "old", answer)
		}
		assert.Equal(t, 1, looked, "one session serves both requests")

		home.Listen() // takes the address and never answers
		home = newHome("new")
		answer, err := ask()
		require.NoError(t, err)
		assert.Equal(t, "new", answer)
		assert.Equal(t, 2, looked)
	})
}

func TestUDPRoutes(t *testing.T) {
	routes, err := UDPRoutes("127.0.0.1:5684", "[::1]:7")(t.Context())
	require.NoError(t, err)
	require.Len(t, routes, 2)
	assert.Equal(t, "127.0.0.1:5684", routes[0].Peer.String())
	assert.Equal(t, "[::1]:7", routes[1].Peer.String())
	a, err := routes[0].Open()
	require.NoError(t, err)
	defer a.Close()
	b, err := routes[0].Open()
	require.NoError(t, err)
	defer b.Close()
	assert.NotEqual(t, a.LocalAddr().String(), b.LocalAddr().String(), "each session has a port of its own")
	_, err = UDPRoutes("nobody")(t.Context())
	assert.Error(t, err)
}
