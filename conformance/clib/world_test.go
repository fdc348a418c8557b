package clib

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/ashore"
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
	// hangs gets a value for each request that is left without an answer.
	hangs chan struct{}
}

// listened is serve's socket, on which hellos of DTLS are counted and clients looked at.
type listened struct {
	net.PacketConn
	hellos atomic.Int64
	mu     sync.Mutex
	peers  map[string]bool
}

// ReadFrom implements net.PacketConn.
func (l *listened) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := l.PacketConn.ReadFrom(b)
	const handshake, clientHello, headers = 22, 1, 13 // RFC 6347 §4.1, §4.2.2
	if err == nil && n > headers && b[0] == handshake && b[headers] == clientHello {
		l.hellos.Add(1)
	}
	if err == nil {
		l.mu.Lock()
		l.peers[from.String()] = true
		l.mu.Unlock()
	}
	return n, from, err
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
	w.socket = &listened{PacketConn: pc, peers: make(map[string]bool)}
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

// handler is a homeserver with two addresses of its own: one gives back what it is sent, the
// other never answers.
func (w *world) handler(homeserver http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", homeserver)
	mux.HandleFunc("/_matrix/client/v3/hang", func(_ http.ResponseWriter, r *http.Request) {
		w.hangs <- struct{}{}
		<-r.Context().Done()
	})
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
	w           *world
	name, token string
}

// password is everybody's; quotes belong into JSON as escapes.
const password = `se"cret`

func (w *world) signUp(name string) *user {
	w.t.Helper()
	u := &user{w: w, name: name}
	answer := u.ask(http.MethodPost, "register", map[string]any{
		"username": name, "password": password, "auth": map[string]string{"type": "m.login.dummy"},
	})
	u.token = answer["access_token"].(string)
	return u
}

// createRoom makes a room that everybody may join.
func (u *user) createRoom() string {
	u.w.t.Helper()
	return u.ask(http.MethodPost, "createRoom", map[string]any{"preset": "public_chat"})["room_id"].(string)
}

func (u *user) join(room string) {
	u.w.t.Helper()
	u.ask(http.MethodPost, "rooms/"+url.PathEscape(room)+"/join", map[string]any{})
}

// say sends a message.
func (u *user) say(room, text string) {
	u.w.t.Helper()
	u.ask(http.MethodPut, "rooms/"+url.PathEscape(room)+"/send/m.room.message/"+url.PathEscape(text), map[string]any{"msgtype": "m.text", "body": text})
}

// messages are the texts in a room, latest first.
func (u *user) messages(room string) (texts []string) {
	u.w.t.Helper()
	answer := u.ask(http.MethodGet, "rooms/"+url.PathEscape(room)+"/messages?dir=b&limit=100", nil)
	for _, e := range answer["chunk"].([]any) {
		content := e.(map[string]any)["content"].(map[string]any)
		if text, ok := content["body"].(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// ask makes a request of the homeserver.
func (u *user) ask(method, target string, body any) map[string]any {
	t := u.w.t
	t.Helper()
	var sent bytes.Buffer
	if body != nil {
		require.NoError(t, json.NewEncoder(&sent).Encode(body))
	}
	r, err := http.NewRequestWithContext(t.Context(), method, u.w.homeserver+"/_matrix/client/v3/"+target, &sent)
	require.NoError(t, err)
	if u.token != "" {
		r.Header.Set("Authorization", "Bearer "+u.token)
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	var answer map[string]any
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	require.Equal(t, http.StatusOK, resp.StatusCode, "%s %s: %v", method, target, answer)
	return answer
}

// env is how the programs under testdata are told of the world.
func (w *world) env(more ...string) []string {
	return append(more, "PAIRING="+w.line)
}

// source is a C program of this suite.
func source(name string) string { return filepath.Join("testdata", name+".c") }
