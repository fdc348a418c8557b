//go:build unix

package lasting

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/process"
)

// Deaths in TestKills.
const (
	serverDeaths = 100
	clientDeaths = 15
	bothDeaths   = 5
)

// TestKills kills serve a hundred times with SIGKILL, then connect, then both, while
// four users send. What was answered exists, once; what was not is sent again and exists
// once too; what must not be done twice was not; no number was used twice; and the
// handshake of the beginning was the only one.
func TestKills(t *testing.T) {
	room := newRoom()
	homeserver := httptest.NewServer(room)
	defer homeserver.Close()
	p := newPrograms(t, homeserver.URL)

	var (
		stop    atomic.Bool
		users   sync.WaitGroup
		sailors []*sailor
	)
	for n := range 4 {
		s := &sailor{name: fmt.Sprint("user", n), base: "http://" + p.web, room: room, stop: &stop,
			client: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{}}}
		sailors = append(sailors, s)
		require.Equal(t, http.StatusOK, s.try(http.MethodGet, "whoami", ""), "before anybody dies")
		users.Go(s.run)
	}
	begun := time.Now()
	for range serverDeaths {
		time.Sleep(120 * time.Millisecond)
		p.serve.Kill()
		p.startServe()
	}
	for range clientDeaths {
		time.Sleep(200 * time.Millisecond)
		p.connect.Kill()
		p.startConnect()
	}
	for range bothDeaths {
		time.Sleep(300 * time.Millisecond)
		p.serve.Kill()
		p.connect.Kill()
		p.startServe()
		p.startConnect()
	}
	stop.Store(true)
	users.Wait()
	sent := 0
	for _, s := range sailors {
		assert.Equal(t, http.StatusOK, s.try(http.MethodGet, "whoami", ""), "after all")
		assert.NotZero(t, s.sent)
		sent += s.sent
		assert.Empty(t, s.wrong)
		s.client.CloseIdleConnections()
	}
	t.Logf("%d sends, %d POSTs of which %d answered, in %s", sent, room.count("post"), room.answered.Load(), time.Since(begun))
	assert.Equal(t, sent, room.count("send"), "what was answered exists, and nothing else")
	assert.Empty(t, room.faults())
	assert.Empty(t, p.numbers.faults())
	assert.Equal(t, 1, p.numbers.handshakes())
	for _, program := range []*process.Process{p.connect, p.serve} {
		require.NoError(t, program.Cmd.Process.Signal(os.Interrupt)) // as Ctrl-C
		assert.NoError(t, program.End())
	}
}

// room is a homeserver that keeps what is sent, once for each transaction.
type room struct {
	mu sync.Mutex
	// events are what was sent by user and transaction, posts what was posted.
	events map[string]string
	posts  map[string]int
	wrong  []string
	// answered counts the POSTs that their user knows to be done.
	answered atomic.Int64
}

func newRoom() *room { return &room{events: make(map[string]string), posts: make(map[string]int)} }

// ServeHTTP implements http.Handler.
func (r *room) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil { // serve died before it had sent all
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	user := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
	var content struct{ Body, User string }
	_ = json.Unmarshal(body, &content)
	name := user + "/" + path.Base(req.URL.Path)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(body) > 0 && content.User != user {
		r.wrong = append(r.wrong, fmt.Sprintf("%s came from %s", body, user))
	}
	w.Header().Set("Content-Type", "application/json")
	switch req.Method {
	case http.MethodPut:
		if before, ok := r.events[name]; ok && before != content.Body {
			r.wrong = append(r.wrong, name+" came with another body")
		}
		r.events[name] = content.Body
	case http.MethodPost:
		if r.posts[content.Body]++; r.posts[content.Body] > 1 {
			r.wrong = append(r.wrong, fmt.Sprintf("POST %s was done %d times", content.Body, r.posts[content.Body]))
		}
	}
	fmt.Fprintf(w, `{"event_id":"$%s"}`, name)
}

func (r *room) count(kind string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if kind == "post" {
		return len(r.posts)
	}
	return len(r.events)
}

func (r *room) faults() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.wrong
}

func (r *room) has(post string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.posts[post] > 0
}

// sailor is a user who sends until he is told to stop, and does not rest until each
// message was answered.
type sailor struct {
	name, base string
	client     *http.Client
	room       *room
	stop       *atomic.Bool
	sent       int
	wrong      []string
}

func (s *sailor) run() {
	for n := 0; !s.stop.Load(); n++ {
		name := fmt.Sprintf("t%06d", n)
		if n%5 == 4 { // a POST is not repeated
			post := s.name + name
			if s.try(http.MethodPost, name, post) == http.StatusOK {
				s.room.answered.Add(1)
				if !s.room.has(post) {
					s.wrong = append(s.wrong, post+" was answered and not done")
				}
			}
			continue
		}
		begun := time.Now()
		for s.try(http.MethodPut, name, name+" ahoy") != http.StatusOK {
			if time.Since(begun) > time.Minute {
				s.wrong = append(s.wrong, name+" was never answered")
				return
			}
			time.Sleep(10 * time.Millisecond) // connect may not be there
		}
		s.sent++
	}
}

// try makes a request and returns its status, 0 when there was none.
func (s *sailor) try(method, name, body string) int {
	address := s.base + "/_matrix/client/v3/rooms/!r:x/send/m.room.message/" + name
	var content io.Reader
	if method != http.MethodGet {
		content = strings.NewReader(fmt.Sprintf(`{"body":%q,"user":%q}`, body, s.name))
	}
	r, err := http.NewRequestWithContext(context.Background(), method, address, content)
	if err != nil {
		s.wrong = append(s.wrong, err.Error())
		return 0
	}
	r.Header.Set("Authorization", "Bearer "+s.name)
	r.Header.Set("Content-Type", "application/json")
	resp, err := s.client.Do(r)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if want := fmt.Sprintf(`{"event_id":"$%s/%s"}`, s.name, name); err == nil && resp.StatusCode == http.StatusOK && string(got) != want {
		s.wrong = append(s.wrong, fmt.Sprintf("%s was answered %s", want, got))
	}
	if err != nil {
		return 0
	}
	return resp.StatusCode
}
