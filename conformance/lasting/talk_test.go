//go:build unix

package lasting

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/fakehs"
)

// village is a homeserver that counts what must not be done twice.
type village struct {
	*fakehs.Server
	mu sync.Mutex
	// done counts what was sent and reported by path.
	done map[string]int
	// polls counts polls by how long they may take: whoever is pushed makes none, but the
	// server does, by its own time.
	polls map[string]int
}

func newVillage() *village {
	return &village{Server: fakehs.New(fakehs.Config{ServerName: "village.example"}), done: map[string]int{}, polls: map[string]int{}}
}

// ServeHTTP implements http.Handler.
func (v *village) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.URL.Path, "/send/") || strings.Contains(r.URL.Path, "/report/") {
		v.mu.Lock()
		v.done[r.URL.Path]++
		v.mu.Unlock()
	}
	if timeout := r.URL.Query().Get("timeout"); timeout != "" && timeout != "0" {
		v.mu.Lock()
		v.polls[timeout]++
		v.mu.Unlock()
	}
	if strings.Contains(r.URL.Path, "/report/") { // no transaction ID keeps it from being done twice
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "{}")
		return
	}
	v.Server.ServeHTTP(w, r)
}

// doubled returns what was done more than once.
func (v *village) doubled() (paths []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for path, n := range v.done {
		if n > 1 {
			paths = append(paths, fmt.Sprintf("%s was done %d times", path, n))
		}
	}
	return paths
}

// talker is a user who sends, reports and reads at the same time. Each request has to
// succeed at once: nothing is tried again.
type talker struct {
	base, name, token, room string
	client                  *http.Client
	stop                    *atomic.Bool

	sent, reported int
	seen           []string
	since          string
	// took is how long each send took.
	took  []time.Duration
	mu    sync.Mutex
	wrong []string
}

func (u *talker) fault(format string, args ...any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.wrong) < 20 {
		u.wrong = append(u.wrong, u.name+": "+fmt.Sprintf(format, args...))
	}
}

// do makes a request and reads the answer into to, which may be nil.
func (u *talker) do(method, path string, body, to any) error {
	content, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequest(method, u.base+"/_matrix/client/v3/"+path, bytes.NewReader(content))
	if err != nil {
		return err
	}
	if method == http.MethodGet {
		r.Body, r.ContentLength = nil, 0
	}
	r.Header.Set("Content-Type", "application/json")
	if u.token != "" {
		r.Header.Set("Authorization", "Bearer "+u.token)
	}
	resp, err := u.client.Do(r)
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
	if to == nil {
		return nil
	}
	return json.Unmarshal(text, to)
}

// newTalkers returns one user for each base URL, all in one room of the homeserver.
func newTalkers(t testing.TB, homeserver string, stop *atomic.Bool, bases ...string) (us []*talker) {
	for i, base := range bases {
		u := &talker{base: homeserver, name: fmt.Sprint("user", i), client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{}}, stop: stop}
		t.Cleanup(u.client.CloseIdleConnections)
		var account struct {
			AccessToken string `json:"access_token"`
		}
		require.NoError(t, u.do("POST", "register", map[string]any{"username": u.name, "password": "secret", "auth": map[string]any{"type": "m.login.dummy"}}, &account))
		u.token = account.AccessToken
		if i == 0 {
			var made struct {
				RoomID string `json:"room_id"`
			}
			require.NoError(t, u.do("POST", "createRoom", map[string]any{"preset": "public_chat"}, &made))
			u.room = url.PathEscape(made.RoomID)
		} else {
			u.room = us[0].room
			require.NoError(t, u.do("POST", "rooms/"+u.room+"/join", map[string]any{}, nil))
		}
		u.base = base
		us = append(us, u)
	}
	return us
}

// send sends until it is told to stop, one message after the other.
func (u *talker) send() {
	for ; !u.stop.Load(); u.sent++ {
		begun := time.Now()
		err := u.do("PUT", fmt.Sprintf("rooms/%s/send/m.room.message/%s-%d", u.room, u.name, u.sent),
			map[string]any{"msgtype": "m.text", "body": fmt.Sprintf("%s says %d", u.name, u.sent)}, nil)
		if err != nil {
			u.fault("%v", err)
			return
		}
		u.took = append(u.took, time.Since(begun))
		time.Sleep(10 * time.Millisecond)
	}
}

// report posts until it is told to stop.
func (u *talker) report() {
	for ; !u.stop.Load(); u.reported++ {
		if err := u.do("POST", fmt.Sprintf("rooms/%s/report/$%s-%d", u.room, u.name, u.reported), map[string]any{"reason": u.name}, nil); err != nil {
			u.fault("%v", err)
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
}

// everything lets nothing of a timeline be left out.
const everything = `{"room":{"timeline":{"limit":100000}}}`

// sync polls once.
func (u *talker) sync(timeout time.Duration) error {
	query := fmt.Sprintf("timeout=%d&filter=%s", timeout.Milliseconds(), url.QueryEscape(everything))
	if u.since != "" {
		query += "&since=" + url.QueryEscape(u.since)
	}
	var got struct {
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
	if err := u.do("GET", "sync?"+query, nil, &got); err != nil {
		return err
	}
	for _, room := range got.Rooms.Join {
		for _, e := range room.Timeline.Events {
			if e.Type == "m.room.message" {
				u.seen = append(u.seen, e.Content.Body)
			}
		}
	}
	u.since = got.Next
	return nil
}

// goodbye is the last message.
const goodbye = "goodbye"

// read polls until somebody says goodbye.
func (u *talker) read() {
	for begun := time.Now(); !slices.Contains(u.seen, goodbye); {
		if err := u.sync(20 * time.Second); err != nil {
			u.fault("%v", err)
			return
		}
		if time.Since(begun) > 3*time.Minute {
			u.fault("nobody says goodbye")
			return
		}
	}
}

// leave says goodbye.
func (u *talker) leave() error {
	return u.do("PUT", "rooms/"+u.room+"/send/m.room.message/last", map[string]any{"msgtype": "m.text", "body": goodbye}, nil)
}

// missing returns what a user has not seen, or not in order, of what another has sent.
func (u *talker) missing(from *talker) string {
	prefix := from.name + " says "
	of := slices.DeleteFunc(slices.Clone(u.seen), func(body string) bool { return !strings.HasPrefix(body, prefix) })
	for n, body := range of {
		if want := fmt.Sprint(prefix, n); body != want {
			return fmt.Sprintf("%s saw %q in place of %q", u.name, body, want)
		}
	}
	if len(of) != from.sent {
		return fmt.Sprintf("%s saw %d of %d messages of %s", u.name, len(of), from.sent, from.name)
	}
	return ""
}

// listen serves a homeserver until the test has ended.
func listen(t testing.TB, v *village) string {
	s := httptest.NewServer(v)
	t.Cleanup(s.Close)
	return s.URL
}
