package footprint

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/people"
	"github.com/coapgw/coapgw/conformance/process"
	"github.com/coapgw/coapgw/internal/fakehs"
	"github.com/coapgw/coapgw/pairing"
)

// world is the far side of the link: a homeserver and a real serve on this machine.
type world struct {
	t   *testing.T
	dir string
	// homeserver is its URL, pairing the file with the line for clients, serve where that leads
	// and psk its key as serve has it.
	homeserver, pairing string
	serve, psk          string
	alice, bob          *user
	// rooms have both in them; the last is where they talk.
	rooms []string
}

const (
	rooms   = 10
	history = 20 // messages in each room
)

// newWorld starts both and lets two people found rooms. coapgw is the whole program.
func newWorld(t *testing.T, coapgw string) *world {
	t.Helper()
	homeserver := httptest.NewServer(fakehs.New(fakehs.Config{ServerName: "ship.example"}))
	t.Cleanup(homeserver.Close)
	w := &world{t: t, dir: t.TempDir(), homeserver: homeserver.URL}
	keys := filepath.Join(w.dir, "keys")
	line, err := exec.Command(coapgw, "keygen", "psk", "--psk-file", keys, "--server", "127.0.0.1:5684").Output()
	require.NoError(t, err)
	serve := start(t, exec.Command(coapgw, "serve", "--homeserver", homeserver.URL, "--listen", "127.0.0.1:0",
		"--psk-file", keys, "--state", filepath.Join(w.dir, "serve.state")))
	w.serve = serve.Await("listening on coaps://")
	w.pair(string(line), w.serve)
	psk, err := os.ReadFile(keys)
	require.NoError(t, err)
	w.psk = lastLine(string(psk))

	w.alice, w.bob = w.signUp("alice"), w.signUp("bob")
	for i := range rooms {
		var made struct {
			Room string `json:"room_id"`
		}
		require.NoError(t, w.bob.Do(t.Context(), "POST", "createRoom", map[string]any{"preset": "public_chat", "name": fmt.Sprint("room ", i)}, &made))
		require.NoError(t, w.alice.Join(t.Context(), made.Room))
		w.rooms = append(w.rooms, made.Room)
		for n := range history {
			w.bob.say(made.Room, fmt.Sprint("before-", i, "-", n), fmt.Sprintf("Message %d of room %d: wind north-east, four, and the sea is calm.", n, i))
		}
	}
	return w
}

// lastLine is the last line of a text that is not empty.
func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// pair writes a pairing line for clients that find serve at this address, which was not known
// when its key was made.
func (w *world) pair(line, address string) {
	w.t.Helper()
	p, err := pairing.Parse(line)
	require.NoError(w.t, err)
	p.Addresses = []string{address}
	line, err = p.Secret()
	require.NoError(w.t, err)
	w.pairing = filepath.Join(w.dir, "boat.pairing")
	require.NoError(w.t, os.WriteFile(w.pairing, []byte(line), 0o600))
}

// signUp makes an account at the homeserver, for somebody next to it.
func (w *world) signUp(name string) *user {
	w.t.Helper()
	p, err := people.SignUp(w.t.Context(), w.homeserver, nil, name)
	require.NoError(w.t, err)
	return &user{p, w.t}
}

// user is a client of somebody, of a homeserver or of a gateway.
type user struct {
	*people.Person
	t *testing.T
}

// say puts a text into a room.
func (u *user) say(room, txn, text string) {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(u.t.Context(), process.Patience)
	defer cancel()
	require.NoError(u.t, u.Say(ctx, room, txn, text))
}

// messages are the latest texts of a room.
func (u *user) messages(room string) []string {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(u.t.Context(), process.Patience)
	defer cancel()
	all, err := u.Messages(ctx, room)
	require.NoError(u.t, err)
	return all
}
