//go:build linux

package lasting

import (
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/people"
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
	ctx := b.Context()
	alice, err := people.SignUp(ctx, far, nil, "alice")
	require.NoError(b, err)
	_, err = people.SignUp(ctx, far, nil, "bob")
	require.NoError(b, err)
	bob, err := people.LogIn(ctx, near, nil, "bob")
	require.NoError(b, err)
	var room struct {
		ID string `json:"room_id"`
	}
	for range 10 {
		require.NoError(b, alice.Do(ctx, "POST", "createRoom", map[string]any{"invite": []string{bob.ID}}, &room))
		require.NoError(b, bob.Join(ctx, room.ID))
	}
	first, err := bob.Sync(ctx, "", "", 0)
	require.NoError(b, err)
	since := first.Next
	sync := func() {
		next, err := bob.Sync(ctx, since, "", time.Second)
		require.NoError(b, err)
		since = next.Next
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
			require.NoError(b, alice.Say(ctx, room.ID, fmt.Sprint(n), fmt.Sprint("hello ", n)))
			sync()
		}
		report("pushed", messages)
		for range messages {
			n++
			require.NoError(b, bob.Say(ctx, room.ID, fmt.Sprint(n), fmt.Sprint("hello ", n)))
		}
		time.Sleep(time.Second)
		report("sent", messages)
		sync()
	}
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
