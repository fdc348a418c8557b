package footprint

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/fakehs"
	"github.com/coapgw/coapgw/pairing"
)

// world is the far side of the link: a homeserver and a real serve on this machine.
type world struct {
	t   *testing.T
	dir string
	// homeserver is its URL, pairing the file with the line for clients.
	homeserver, pairing string
	alice, bob          *user
	// rooms have both in them; the last is where they talk.
	rooms []string
}

const (
	password = "wonderland"
	rooms    = 10
	history  = 20 // messages in each room
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
	w.pair(string(line), serve.await("listening on coaps://"))

	w.alice, w.bob = &user{t: t, base: w.homeserver}, &user{t: t, base: w.homeserver}
	for name, u := range map[string]*user{"alice": w.alice, "bob": w.bob} {
		u.call("POST", "register", map[string]any{"username": name, "password": password, "auth": map[string]string{"type": "m.login.dummy"}}, u)
	}
	for i := range rooms {
		var made struct {
			Room string `json:"room_id"`
		}
		w.bob.call("POST", "createRoom", map[string]any{"preset": "public_chat", "name": fmt.Sprint("room ", i)}, &made)
		w.alice.call("POST", "join/"+url.PathEscape(made.Room), struct{}{}, nil)
		w.rooms = append(w.rooms, made.Room)
		for n := range history {
			w.bob.say(made.Room, fmt.Sprint("before-", i, "-", n), fmt.Sprintf("Message %d of room %d: wind north-east, four, and the sea is calm.", n, i))
		}
	}
	return w
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

// user is a client of somebody, of a homeserver or of a gateway at base.
type user struct {
	t     *testing.T
	base  string
	Token string `json:"access_token"`
}

func (u *user) call(method, path string, body, answer any) {
	u.t.Helper()
	require.NoError(u.t, u.try(u.t.Context(), method, path, body, answer))
}

// try makes a request, which must be answered with 200.
func (u *user) try(ctx context.Context, method, path string, body, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var content bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&content).Encode(body); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, u.base+"/_matrix/client/v3/"+path, &content)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if u.Token != "" {
		r.Header.Set("Authorization", "Bearer "+u.Token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s %s", method, path, resp.Status, text)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}

// say puts a text into a room.
func (u *user) say(room, txn, text string) {
	u.t.Helper()
	u.call("PUT", "rooms/"+url.PathEscape(room)+"/send/m.room.message/"+txn, map[string]string{"msgtype": "m.text", "body": text}, nil)
}

// synced is what we read of an answer to /sync.
type synced struct {
	Next  string `json:"next_batch"`
	Rooms struct {
		Join map[string]struct {
			Timeline struct {
				Events []struct {
					Type    string
					Content struct{ Body string }
				}
			}
		}
	}
}

// texts are the messages of a room in it.
func (s *synced) texts(room string) (all []string) {
	for _, e := range s.Rooms.Join[room].Timeline.Events {
		if e.Type == "m.room.message" {
			all = append(all, e.Content.Body)
		}
	}
	return all
}

// sync asks what is new since a point, and waits for it.
func (u *user) sync(ctx context.Context, since string) (s synced, err error) {
	q := url.Values{"timeout": {"60000"}}
	if since != "" {
		q.Set("since", since)
	}
	return s, u.try(ctx, "GET", "sync?"+q.Encode(), nil, &s)
}
