package clib

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/ashore"
	"github.com/coapgw/coapgw/conformance/people"
	"github.com/coapgw/coapgw/internal/fakehs"
	"github.com/coapgw/coapgw/internal/gateway"
)

// world is serve on a socket of this machine, before a homeserver.
type world struct {
	t *testing.T
	// line is the pairing, and lineFile a file with it.
	line, lineFile string
	homeserver     string
	socket         *listened
	// hangs gets a value for each request that is left without an answer, but for those to
	// "silent", which may be given up before they arrive.
	hangs chan struct{}
}

// listened is serve's socket, on which clients are looked at and their handshakes, by the random
// of the ClientHello: one that is sent again is the same.
type listened struct {
	net.PacketConn
	mu     sync.Mutex
	peers  map[string]bool
	shaken map[string]bool
}

// ReadFrom implements net.PacketConn.
func (l *listened) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := l.PacketConn.ReadFrom(b)
	const handshake, clientHello, headers = 22, 1, 13 // RFC 6347 §4.1, §4.2.2
	const random, size = headers + 12 + 2, 32         // RFC 6347 §4.2.2, RFC 5246 §7.4.1.2
	if err == nil {
		l.mu.Lock()
		l.peers[from.String()] = true
		if n >= random+size && b[0] == handshake && b[headers] == clientHello {
			l.shaken[string(b[random:random+size])] = true
		}
		l.mu.Unlock()
	}
	return n, from, err
}

// handshakes is how many were begun.
func (l *listened) handshakes() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.shaken)
}

// addresses is how many a client has used.
func (l *listened) addresses() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.peers)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, hangs: make(chan struct{}, 1000)}
	homeserver := httptest.NewServer(w.handler(fakehs.New(fakehs.Config{ServerName: "ship.example"})))
	t.Cleanup(homeserver.Close)
	w.homeserver = homeserver.URL
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	w.socket = &listened{PacketConn: pc, peers: make(map[string]bool), shaken: make(map[string]bool)}
	far, err := ashore.Open(ashore.Options{
		Homeserver: homeserver.URL, Name: ashore.Name, Socket: w.socket,
		Guard: gateway.GuardOptions{Limits: gateway.Limits{Rate: -1}}, // sixteen threads that do not wait are many
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, far.Close()) })
	w.line = far.Pairing
	w.lineFile = filepath.Join(t.TempDir(), "boat.pairing")
	require.NoError(t, os.WriteFile(w.lineFile, []byte(w.line+"\n"), 0o600))
	return w
}

// handler is a homeserver with addresses of its own: one gives back what it is sent, the others
// never answer.
func (w *world) handler(homeserver http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", homeserver)
	mux.HandleFunc("/_matrix/client/v3/hang", func(_ http.ResponseWriter, r *http.Request) {
		w.hangs <- struct{}{}
		<-r.Context().Done()
	})
	mux.HandleFunc("/_matrix/client/v3/silent", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/_matrix/client/v3/echo", func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		rw.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		_, _ = rw.Write(body)
	})
	return mux
}

// user is somebody who has an account, and no link between.
type user struct {
	*people.Person
	w *world
}

func (w *world) signUp(name string) *user {
	w.t.Helper()
	p, err := people.SignUp(w.t.Context(), w.homeserver, nil, name)
	require.NoError(w.t, err)
	return &user{p, w}
}

// createRoom makes a room that everybody may join.
func (u *user) createRoom() string {
	u.w.t.Helper()
	room, err := u.CreateRoom(u.w.t.Context())
	require.NoError(u.w.t, err)
	return room
}

// say sends a message.
func (u *user) say(room, text string) {
	u.w.t.Helper()
	require.NoError(u.w.t, u.Say(u.w.t.Context(), room, text, text))
}

// messages are the texts in a room, latest first.
func (u *user) messages(room string) []string {
	u.w.t.Helper()
	texts, err := u.Messages(u.w.t.Context(), room)
	require.NoError(u.w.t, err)
	return texts
}

// env is how the programs under testdata are told of the world.
func (w *world) env(more ...string) []string {
	return append(more, "PAIRING="+w.line)
}

// source is a C program of this suite.
func source(name string) string { return filepath.Join("testdata", name+".c") }
