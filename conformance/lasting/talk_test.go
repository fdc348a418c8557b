//go:build unix

package lasting

import (
	"context"
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

	"github.com/coapgw/coapgw/conformance/people"
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
	*people.Person
	name, room string
	stop       *atomic.Bool

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

// patience bounds a request.
const patience = time.Minute

// newTalkers returns one user for each base URL, all in one room of the homeserver.
func newTalkers(t testing.TB, homeserver string, stop *atomic.Bool, bases ...string) (us []*talker) {
	for i, base := range bases {
		via := &http.Transport{}
		t.Cleanup(via.CloseIdleConnections)
		u := &talker{name: fmt.Sprint("user", i), stop: stop}
		var err error
		u.Person, err = people.SignUp(t.Context(), homeserver, via, u.name)
		require.NoError(t, err)
		if i == 0 {
			u.room, err = u.CreateRoom(t.Context())
			require.NoError(t, err)
		} else {
			u.room = us[0].room
			require.NoError(t, u.Join(t.Context(), u.room))
		}
		u.Base = base
		us = append(us, u)
	}
	return us
}

// say sends a text under a transaction ID.
func (u *talker) say(txn, text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return u.Say(ctx, u.room, txn, text)
}

// send sends until it is told to stop, one message after the other.
func (u *talker) send() {
	for ; !u.stop.Load(); u.sent++ {
		begun := time.Now()
		if err := u.say(fmt.Sprint(u.name, "-", u.sent), fmt.Sprintf("%s says %d", u.name, u.sent)); err != nil {
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
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		err := u.Do(ctx, "POST", fmt.Sprintf("rooms/%s/report/$%s-%d", url.PathEscape(u.room), u.name, u.reported), map[string]any{"reason": u.name}, nil)
		cancel()
		if err != nil {
			u.fault("%v", err)
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
}

// sync polls once.
func (u *talker) sync(timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	got, err := u.Sync(ctx, u.since, people.Everything, timeout)
	if err != nil {
		return err
	}
	for room := range got.Rooms.Join {
		u.seen = append(u.seen, got.Texts(room)...)
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
func (u *talker) leave() error { return u.say("last", goodbye) }

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
