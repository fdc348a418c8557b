package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/client"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/conformance/ashore"
	"github.com/coapgw/coapgw/conformance/inprocess"
	"github.com/coapgw/coapgw/internal/fakehs"
	"github.com/coapgw/coapgw/internal/keys"
	"github.com/coapgw/coapgw/internal/linkemu"
	"github.com/coapgw/coapgw/pairing"
)

// world is a homeserver behind serve's side of a pair, at the far end of an emulated link.
type world struct {
	t    *testing.T
	link *linkemu.Link
	line string
	// ports is how many sockets were opened, each with an address of its own.
	ports atomic.Uint32
	// restart ends serve's side of the link and begins it anew, with the sessions it has stored.
	restart func()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOf(t, linkemu.Config{}, fakehs.New(fakehs.Config{ServerName: "ship.example"}))
}

func newWorldOf(t *testing.T, cfg linkemu.Config, homeserver http.Handler) *world {
	t.Helper()
	w := &world{t: t, link: linkemu.New(cfg)}
	far, err := ashore.Open(ashore.Options{
		Homeserver: "http://homeserver.invalid", Name: "ship.example", Via: inprocess.Transport{Handler: homeserver},
		Socket: w.link.Listen(), Address: "192.0.2.1",
	})
	require.NoError(t, err)
	w.line = far.Pairing
	w.restart = func() { assert.NoError(t, far.Restart(func() net.PacketConn { return w.link.Listen() })) }
	t.Cleanup(func() {
		assert.NoError(t, far.Close())
		assert.NoError(t, w.link.Close())
	})
	return w
}

// socket leads into the link, whatever the address it is told, from a port of its own.
func (w *world) socket() (net.PacketConn, error) {
	from := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), 1000+uint16(w.ports.Add(1))))
	return &aimed{w.link.Dial(from)}, nil
}

// aimed is a socket into the link, on which the far end has the address in the pairing.
type aimed struct{ net.PacketConn }

func (a *aimed) WriteTo(b []byte, _ net.Addr) (int, error) {
	return a.PacketConn.WriteTo(b, linkemu.FarAddr())
}

func (a *aimed) ReadFrom(b []byte) (int, net.Addr, error) {
	n, _, err := a.PacketConn.ReadFrom(b)
	return n, &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 5684}, err
}

func (w *world) open(o client.Options) *client.Client {
	w.t.Helper()
	o.Socket = w.socket
	c, err := client.Open(w.line, o)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { assert.NoError(w.t, c.Close()) })
	return c
}

// ask makes a request and returns the status and the body of its answer.
func ask(t *testing.T, c *client.Client, method, target, token, body string) (int, string) {
	t.Helper()
	status, answer, err := try(t.Context(), c, method, target, token, body)
	require.NoError(t, err, target)
	return status, answer
}

func try(ctx context.Context, c *client.Client, method, target, token, body string) (int, string, error) {
	r, err := http.NewRequestWithContext(ctx, method, "https://ship.example/_matrix/client/"+target, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := (&http.Client{Transport: c}).Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

func TestRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.open(client.Options{})
		assert.Equal(t, client.Status{}, c.Status())
		code, answer := ask(t, c, http.MethodGet, "versions", "", "")
		assert.Equal(t, http.StatusOK, code)
		assert.Contains(t, answer, `"v1.11"`)
		code, answer = ask(t, c, http.MethodGet, "v3/account/whoami", "none", "")
		assert.Equal(t, http.StatusUnauthorized, code)
		assert.Contains(t, answer, "M_UNKNOWN_TOKEN")

		s := c.Status()
		assert.True(t, s.Connected)
		assert.Equal(t, "192.0.2.1:5684", s.Address)
		assert.Equal(t, 2, s.WireVersion)
		assert.EqualValues(t, 1, s.Handshakes)
		assert.EqualValues(t, 2, s.Sent.Datagrams)
		assert.EqualValues(t, 2, s.Received.Datagrams)
		assert.Less(t, s.Sent.Bytes, uint64(300))
		assert.Equal(t, time.Now(), s.Heard)
	})
}

// TestSleep: after Suspend the session goes on, without a handshake, and so does a pushed
// sync.
func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.open(client.Options{})
		alice := signUp(t, c, "alice")
		room := alice.createRoom()
		alice.sync(time.Second)
		polling := make(chan error, 1)
		go func() {
			_, err := alice.trySync(time.Minute)
			polling <- err
		}()
		synctest.Wait()
		require.NoError(t, c.Suspend())
		require.ErrorIs(t, <-polling, client.ErrSuspended)
		require.NoError(t, c.Suspend(), "it sleeps already")
		before := c.Status()
		assert.True(t, before.Suspended)
		assert.False(t, before.Connected)

		time.Sleep(3 * time.Hour)
		_, _, err := try(t.Context(), c, http.MethodGet, "versions", "", "")
		require.ErrorIs(t, err, client.ErrSuspended)
		assert.Equal(t, before, c.Status(), "nothing crosses the link in sleep")

		c.Resume()
		alice.say(room, "awake")
		assert.Contains(t, alice.sync(time.Minute), `"body":"awake"`)
		s := c.Status()
		assert.EqualValues(t, 1, s.Handshakes)
		assert.EqualValues(t, 1, s.Resumed)
	})
}

// user is somebody who has an account.
type user struct {
	t     *testing.T
	c     *client.Client
	token string
	since string
}

// signUp makes an account and syncs once.
func signUp(t *testing.T, c *client.Client, name string) *user {
	t.Helper()
	_, answer := ask(t, c, http.MethodPost, "v3/register", "", `{"username":"`+name+`","password":"secret","auth":{"type":"m.login.dummy"}}`)
	u := &user{t: t, c: c, token: field(t, answer, "access_token")}
	u.sync(0)
	return u
}

// field is a member of a JSON object that is a string.
func field(t *testing.T, object, name string) string {
	t.Helper()
	var members map[string]any
	require.NoError(t, json.Unmarshal([]byte(object), &members), object)
	value, ok := members[name].(string)
	require.True(t, ok, object)
	return value
}

// sync asks for what is new, for so long.
func (u *user) sync(wait time.Duration) string {
	u.t.Helper()
	answer, err := u.trySync(wait)
	require.NoError(u.t, err)
	u.since = field(u.t, answer, "next_batch")
	return answer
}

func (u *user) trySync(wait time.Duration) (string, error) {
	target := fmt.Sprintf("v3/sync?timeout=%d", wait.Milliseconds())
	if u.since != "" {
		target += "&since=" + u.since
	}
	_, answer, err := try(u.t.Context(), u.c, http.MethodGet, target, u.token, "")
	return answer, err
}

// createRoom makes a room and returns its identifier, escaped.
func (u *user) createRoom() string {
	u.t.Helper()
	code, answer := ask(u.t, u.c, http.MethodPost, "v3/createRoom", u.token, `{"preset":"public_chat"}`)
	require.Equal(u.t, http.StatusOK, code, answer)
	return url.PathEscape(field(u.t, answer, "room_id"))
}

// say sends a message.
func (u *user) say(room, text string) {
	u.t.Helper()
	code, answer := ask(u.t, u.c, http.MethodPut, "v3/rooms/"+room+"/send/m.room.message/"+text, u.token, `{"msgtype":"m.text","body":"`+text+`"}`)
	require.Equal(u.t, http.StatusOK, code, answer)
}

// TestNetworkChanged: the session goes on over another socket.
func TestNetworkChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.open(client.Options{})
		ask(t, c, http.MethodGet, "versions", "", "")
		before := c.Status()
		ports := w.ports.Load()
		c.NetworkChanged()
		synctest.Wait()
		assert.Equal(t, ports+1, w.ports.Load())
		assert.Equal(t, before, c.Status(), "nothing is awaited")
		ask(t, c, http.MethodGet, "versions", "", "")
		s := c.Status()
		assert.EqualValues(t, 1, s.Handshakes)
		assert.EqualValues(t, 0, s.Resumed)
	})
}

// TestNetworkChangedWhilePolling: what is pushed comes to the new address at once, since the
// server was told of it.
func TestNetworkChangedWhilePolling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, other := w.open(client.Options{}), w.open(client.Options{})
		alice, bob := signUp(t, c, "alice"), signUp(t, other, "bob")
		room := alice.createRoom()
		code, _ := ask(t, other, http.MethodPost, "v3/join/"+room, bob.token, "{}")
		require.Equal(t, http.StatusOK, code)
		for range 3 { // what is new of the room, until a poll waits
			alice.sync(time.Second)
		}
		answer := make(chan string, 1)
		go func() { answer <- alice.sync(time.Hour) }()
		time.Sleep(time.Minute)
		before := c.Status()
		c.NetworkChanged()
		synctest.Wait()
		s := c.Status()
		assert.Equal(t, before.Sent.Datagrams+1, s.Sent.Datagrams, "an empty message")
		assert.Equal(t, before.Received.Datagrams+1, s.Received.Datagrams)
		began := time.Now()
		bob.say(room, "ahoy")
		assert.Contains(t, <-answer, `"body":"ahoy"`)
		assert.Less(t, time.Since(began), time.Second)
		assert.EqualValues(t, 1, c.Status().Handshakes)
	})
}

// TestNoNetwork: a device without a network keeps its session for the next one.
func TestNoNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		away := errors.New("no network")
		var gone atomic.Bool
		c, err := client.Open(w.line, client.Options{Socket: func() (net.PacketConn, error) {
			if gone.Load() {
				return nil, away
			}
			return w.socket()
		}})
		require.NoError(t, err)
		defer func() { require.NoError(t, c.Close()) }()
		ask(t, c, http.MethodGet, "versions", "", "")
		gone.Store(true)
		c.NetworkChanged()
		synctest.Wait()
		require.NoError(t, c.Suspend())
		c.Resume()
		_, _, err = try(t.Context(), c, http.MethodGet, "versions", "", "")
		require.ErrorIs(t, err, away)
		gone.Store(false)
		c.NetworkChanged()
		ask(t, c, http.MethodGet, "versions", "", "")
		s := c.Status()
		assert.EqualValues(t, 1, s.Handshakes)
		assert.EqualValues(t, 1, s.Resumed)
	})
}

// TestBodyEnds: who reads a body when the Client goes to sleep or is closed is told that.
func TestBodyEnds(t *testing.T) {
	file := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write(make([]byte, 1<<20))
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorldOf(t, linkemu.Config{}, file)
		c := w.open(client.Options{})
		for _, end := range []struct {
			how  func() error
			want error
		}{{c.Suspend, client.ErrSuspended}, {c.Close, client.ErrClosed}} {
			c.Resume()
			resp, err := (&http.Client{Transport: c}).Get("https://ship.example/_matrix/media/v3/download/a/b")
			require.NoError(t, err)
			_, err = resp.Body.Read(make([]byte, 100))
			require.NoError(t, err)
			require.NoError(t, end.how())
			_, err = io.ReadAll(resp.Body)
			require.ErrorIs(t, err, end.want)
			require.NoError(t, resp.Body.Close())
		}
	})
}

// TestNoURL: Do takes no request that http.Client would not make.
func TestNoURL(t *testing.T) {
	w := newWorld(t)
	c, err := client.Open(w.line, client.Options{})
	require.NoError(t, err)
	_, err = c.Do(&http.Request{Method: http.MethodGet})
	require.Error(t, err)
	require.NoError(t, c.Close())
}

// TestRecover: a panic on a goroutine of the Client, here in what opens sockets, fails a
// request, and does not end the program.
func TestRecover(t *testing.T) {
	w := newWorld(t)
	c, err := client.Open(w.line, client.Options{Recover: true, Socket: func() (net.PacketConn, error) { panic("boom") }})
	require.NoError(t, err)
	_, _, err = try(t.Context(), c, http.MethodGet, "versions", "", "")
	var panicked *endpoint.PanicError
	require.ErrorAs(t, err, &panicked)
	require.NoError(t, c.Close())
}

// TestStore: what the store keeps, another process goes on with.
func TestStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var store session.Memory
		c := w.open(client.Options{Store: &store})
		ask(t, c, http.MethodGet, "versions", "", "")
		require.NoError(t, c.Close())
		_, _, err := try(t.Context(), c, http.MethodGet, "versions", "", "")
		require.ErrorIs(t, err, client.ErrClosed)
		c.Resume()
		c.NetworkChanged()
		_, _, err = try(t.Context(), c, http.MethodGet, "versions", "", "")
		require.ErrorIs(t, err, client.ErrClosed)

		c = w.open(client.Options{Store: &store})
		ask(t, c, http.MethodGet, "versions", "", "")
		s := c.Status()
		assert.EqualValues(t, 0, s.Handshakes)
		assert.EqualValues(t, 1, s.Resumed)
	})
}

func TestOpenRefuses(t *testing.T) {
	_, err := client.Open("gw.example", client.Options{})
	require.ErrorIs(t, err, pairing.ErrNone)
	line, err := pairing.Pairing{Addresses: []string{"gw.example"}, PSK: keys.NewPSK()}.Secret()
	require.NoError(t, err)
	_, err = client.Open(line, client.Options{Link: "pigeon"})
	require.ErrorIs(t, err, link.ErrUnknownProfile)
	assert.False(t, errors.Is(err, pairing.ErrNone))
}
