//go:build linux

package load

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/golden"
	"github.com/coapgw/coapgw/conformance/process"
	"github.com/coapgw/coapgw/internal/keys"
)

var (
	duration = flag.Duration("duration", time.Minute, "how long there is load")
	clients  = flag.Int("clients", 48, "how many clients there are")
	update   = flag.Bool("update", false, "write what was measured to docs/load.md")
)

// perIdentity is how many sessions of a client serve is told to hold: the dead leave theirs
// behind.
const perIdentity = 4

// TestLoad: see the package.
func TestLoad(t *testing.T) {
	hs := httptest.NewServer(http.HandlerFunc(homeserver))
	defer hs.Close()
	psks := make([]keys.PSK, *clients)
	for i := range psks {
		psks[i] = keys.NewPSK()
	}
	s := serve(t, hs.URL, psks)
	ctx, stop := context.WithTimeout(t.Context(), *duration)
	defer stop()
	var all tally
	var running sync.WaitGroup
	begin := time.Now()
	for i, psk := range psks {
		running.Go(func() { client(ctx, psk, i, s.address, rand.New(rand.NewPCG(uint64(i), 1)), &all) })
	}
	sizes := s.sample(ctx)
	running.Wait()
	took := time.Since(begin)
	for _, w := range all.wrong {
		t.Error(w)
	}
	assert.Zero(t, all.wrongs, "answers that were lost or are another's")
	assert.Positive(t, all.served)
	assert.Greater(t, all.deaths, *clients)

	// What is held while the load lasts is the same in its last third as in its second.
	third := len(sizes) / 3
	middle, end := slices.Max(sizes[third:2*third]), slices.Max(sizes[2*third:])
	assert.Less(t, end, middle+middle/4+8<<20, "the server's memory grows")
	// What the dead had asked for is answered until MAX_TRANSMIT_WAIT is over, and the handshake
	// of one who died in it is held, with three goroutines, until it has timed out. One for each
	// request would be many more.
	goroutines := s.goroutines(t)
	assert.Less(t, goroutines, 10*perIdentity**clients+4*all.deaths, "goroutines are left behind")

	slices.Sort(all.took)
	quantile := func(q float64) time.Duration {
		return all.took[int(q*float64(len(all.took)-1))].Round(100 * time.Microsecond)
	}
	row := fmt.Sprintf("| %s | %d | %d | %d | %d | %.0f | %.0f | %s | %s | %s | %d, %d MB | %d |\n",
		*duration, *clients, all.deaths, all.served, all.refused, float64(all.served)/took.Seconds(), float64(all.served+all.refused)/took.Seconds(),
		quantile(0.5), quantile(0.9), quantile(0.99), middle>>20, end>>20, goroutines)
	t.Log("\n" + heading + row)
	if *update {
		write(t, row)
	}
}

// TestRefused: above its limit a client is told when to come back, what was let in is
// answered, and others are not held up.
func TestRefused(t *testing.T) {
	hs := httptest.NewServer(http.HandlerFunc(homeserver))
	defer hs.Close()
	greedy, modest := keys.NewPSK(), keys.NewPSK()
	s := serve(t, hs.URL, []keys.PSK{greedy, modest}, "--rate", "5", "--burst", "20")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var much, little tally
	var running sync.WaitGroup
	running.Go(func() { client(ctx, greedy, 0, s.address, rand.New(rand.NewPCG(1, 1)), &much) })
	transport := dial(modest, 1, s.address, func(net.PacketConn) {})
	for n := range 10 {
		send(ctx, transport, modest.Identity, fmt.Sprint(n), http.MethodPut, fmt.Sprintf("/_matrix/client/v3/rooms/!r:hs/send/m.room.message/%d", n), 60, false, &little)
	}
	require.NoError(t, transport.Close())
	assert.Eventually(t, func() (enough bool) {
		much.add(func() { enough = much.served > 0 && much.refused > 0 && much.deaths > 0 })
		return enough
	}, process.Patience, 10*time.Millisecond)
	stop()
	running.Wait()
	assert.Empty(t, append(much.wrong, little.wrong...))
	assert.Positive(t, much.served)
	assert.Positive(t, much.refused)
	assert.Equal(t, 10, little.served)
	assert.Zero(t, little.refused)
}

const heading = "| load for | clients | deaths | served | refused | served a second | answered a second | p50 | p90 | p99 | resident, second and last third | goroutines left |\n" +
	"|---|---|---|---|---|---|---|---|---|---|---|---|\n"

func write(t *testing.T, row string) {
	t.Helper()
	machine := fmt.Sprintf("Measured on %s/%s with %d CPUs, clients and homeserver on the same machine:\n\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	golden.WrittenBy("../../docs/load.md", "load", "go test ./conformance/load -update").Hold(t, machine+heading+row, true)
}

// server is a coapgw serve.
type server struct {
	*process.Process
	address net.Addr
}

func serve(t *testing.T, homeserver string, psks []keys.PSK, flags ...string) *server {
	dir := t.TempDir()
	binary := filepath.Join(dir, "coapgw")
	out, err := exec.Command("go", "build", "-o", binary, "../../cmd/coapgw").CombinedOutput()
	require.NoError(t, err, string(out))
	var lines strings.Builder
	for _, psk := range psks {
		lines.WriteString(psk.Line() + "\n")
	}
	file := filepath.Join(dir, "keys")
	require.NoError(t, os.WriteFile(file, []byte(lines.String()), 0o600))
	cmd := exec.Command(binary, append([]string{"serve", "--listen", "127.0.0.1:0", "--homeserver", homeserver, "--psk-file", file,
		"--max-sessions-per-identity", fmt.Sprint(perIdentity), "--log-level", "error"}, flags...)...)
	cmd.Env = append(os.Environ(), "GOTRACEBACK=all")
	s := &server{Process: process.Start(t, cmd)}
	s.address, err = net.ResolveUDPAddr("udp", s.Await("listening on coaps://"))
	require.NoError(t, err)
	return s
}

// sample returns the resident sizes, in bytes, until ctx ends.
func (s *server) sample(ctx context.Context) (sizes []int) {
	for {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.Cmd.Process.Pid))
		var total, pages int
		if err == nil {
			_, err = fmt.Sscan(string(text), &total, &pages)
		}
		if err == nil {
			sizes = append(sizes, pages*os.Getpagesize())
		}
		select {
		case <-ctx.Done():
			return sizes
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// goroutines ends the server with SIGQUIT, on which Go tells all of them, and counts.
func (s *server) goroutines(t *testing.T) int {
	require.NoError(t, s.Cmd.Process.Signal(syscall.SIGQUIT))
	<-s.Ended
	text := s.Printed()
	count := strings.Count(text, "\ngoroutine ")
	require.Positive(t, count, text[:min(len(text), 2000)])
	return count
}
