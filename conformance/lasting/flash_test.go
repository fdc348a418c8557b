//go:build linux

package lasting

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/process"
	"github.com/coapgw/coapgw/internal/fakehs"
)

// BenchmarkWrites measures what the real programs write to the disk with --state: from the
// start to the end of a first sync, and for each message that is pushed, and that is sent.
// The directory for temporary files has to be on a disk, not in memory.
func BenchmarkWrites(b *testing.B) {
	home := httptest.NewServer(fakehs.New(fakehs.Config{Seed: 1}))
	b.Cleanup(func() { // after the programs
		home.CloseClientConnections()
		home.Close()
	})
	p := newPrograms(b, home.URL)
	near, far := "http://"+p.web, home.URL
	alice := ask(b, far, "", "POST", "register", obj{"username": "alice", "password": "secret", "auth": obj{"type": "m.login.dummy"}})["access_token"].(string)
	ask(b, far, "", "POST", "register", obj{"username": "bob", "password": "secret", "auth": obj{"type": "m.login.dummy"}})
	bob := ask(b, near, "", "POST", "login", obj{"type": "m.login.password", "identifier": obj{"type": "m.id.user", "user": "bob"}, "password": "secret"})["access_token"].(string)
	var room string
	for range 10 {
		room = ask(b, far, alice, "POST", "createRoom", obj{"invite": []string{"@bob:localhost"}})["room_id"].(string)
		ask(b, near, bob, "POST", "join/"+room, obj{})
	}
	since := ask(b, near, bob, "GET", "sync", nil)["next_batch"].(string)
	sync := func() {
		since = ask(b, near, bob, "GET", "sync?timeout=1000&since="+since, nil)["next_batch"].(string)
	}
	for range 3 {
		sync()
	}
	programs := map[string]*process.Process{"connect": p.connect, "serve": p.serve}
	last := map[string]int64{}
	report := func(what string, each int) {
		for name, program := range programs {
			now := written(b, program)
			b.ReportMetric(float64(now-last[name])/float64(each), name+"-B/"+what)
			last[name] = now
		}
	}
	n := 0
	for b.Loop() {
		report("first-sync", 1)
		const messages = 200
		for range messages {
			n++
			ask(b, far, alice, "PUT", fmt.Sprint("rooms/", room, "/send/m.room.message/", n), obj{"msgtype": "m.text", "body": fmt.Sprint("hello ", n)})
			sync()
		}
		report("pushed", messages)
		for range messages {
			n++
			ask(b, near, bob, "PUT", fmt.Sprint("rooms/", room, "/send/m.room.message/", n), obj{"msgtype": "m.text", "body": fmt.Sprint("hello ", n)})
		}
		time.Sleep(time.Second)
		report("sent", messages)
		sync()
	}
}

type obj map[string]any

// ask makes a request and returns what it is answered.
func ask(b *testing.B, base, token, method, path string, body obj) (answer obj) {
	b.Helper()
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		require.NoError(b, err)
		content = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(b.Context(), method, base+"/_matrix/client/v3/"+path, content)
	require.NoError(b, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(b, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(b, err)
	require.Equal(b, http.StatusOK, resp.StatusCode, "%s %s: %s", method, path, text)
	require.NoError(b, json.Unmarshal(text, &answer))
	return answer
}

// written is how many bytes a process has sent to the disk (proc(5), /proc/pid/io).
func written(b *testing.B, p *process.Process) (n int64) {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", p.Cmd.Process.Pid))
	require.NoError(b, err)
	_, line, found := strings.Cut(string(text), "\nwrite_bytes: ")
	require.True(b, found)
	_, err = fmt.Sscan(line, &n)
	require.NoError(b, err)
	return n
}
