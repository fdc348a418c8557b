package mobile

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/race"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// phone is a device on which an app runs, as its system treats it.
type phone struct {
	w *world
	r *rand.Rand

	mu  sync.Mutex
	dir string
	g   *Gateway
}

func (p *phone) gateway() *Gateway {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.g
}

// sleeps has the system put the app to sleep for a while.
func (p *phone) sleeps(t *testing.T) {
	g := p.gateway()
	require.NoError(t, g.Suspend(p.r.Int64N(3)*2000))
	time.Sleep(time.Duration(p.r.Int64N(int64(3 * time.Hour))))
	if p.r.IntN(2) == 0 {
		p.w.roam()
	}
	require.NoError(t, g.Resume())
}

// moves has the phone find itself in another network, after none for a while.
func (p *phone) moves() {
	p.w.roam()
	time.Sleep(time.Duration(p.r.Int64N(int64(2 * time.Minute))))
	p.gateway().NetworkChanged()
}

// dies has the system end the process, and the person start the app again. What is on the disk
// at this moment is all that is left.
func (p *phone) dies(t *testing.T) {
	old := p.gateway()
	if p.r.IntN(2) == 0 {
		require.NoError(t, old.Suspend(0))
	}
	p.w.roam() // what is not on the disk now was not acknowledged
	next := t.TempDir()
	copyState(t, p.dir, next)
	require.NoError(t, old.Close())
	time.Sleep(time.Duration(p.r.Int64N(int64(time.Hour))))
	g := p.w.gateway(next)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dir, p.g = next, g
}

// copyState copies what a state directory holds at this moment.
func copyState(t *testing.T, from, to string) {
	t.Helper()
	files, err := os.ReadDir(from)
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		b, err := os.ReadFile(filepath.Join(from, file.Name()))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(to, file.Name()), b, 0o600))
	}
}

// roam takes the network away from all sockets that there are.
func (w *world) roam() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.sockets {
		s.away.Store(true)
	}
}

// TestHistories: whatever becomes of the app, everything that others say reaches it once and in
// order, to-device messages too, and everything that it sends is said once.
func TestHistories(t *testing.T) {
	seeds := uint64(16)
	if race.Detector {
		seeds = 3 // the rest run without
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) { history(t, seed, dir) })
		})
	}
}

func history(t *testing.T, seed uint64, dir string) {
	r := rand.New(rand.NewPCG(seed, 1))
	way := linkemu.Direction{Delay: 300 * time.Millisecond, Loss: r.Float64() * 0.2}
	w := newWorldOf(t, linkemu.Config{Up: way, Down: way, Seed: seed + 1})
	alice, bob := w.person("alice"), w.person("bob")
	room := w.room(alice, bob)
	p := &phone{w: w, r: rand.New(rand.NewPCG(seed, 2)), dir: dir, g: w.gateway(dir)}
	// Nothing is left out of an answer that covers much.
	reads := &reader{person: bob, filter: "&filter=" + url.QueryEscape(`{"room":{"timeline":{"limit":100000}}}`)}
	for reads.since == "" {
		_, _ = reads.sync(p.gateway(), 0)
	}
	var texts, tells, sent []string
	over := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { // others
		for n := range 15 {
			time.Sleep(time.Duration(r.Int64N(int64(40 * time.Minute))))
			w.say(alice, bob, room, n)
			texts, tells = append(texts, fmt.Sprint("text ", n)), append(tells, fmt.Sprint("secret ", n))
		}
		close(over)
	})
	running.Go(func() { // the system
		for {
			select {
			case <-over:
				return
			case <-time.After(time.Duration(p.r.Int64N(int64(30 * time.Minute)))):
			}
			switch p.r.IntN(3) {
			case 0:
				p.sleeps(t)
			case 1:
				p.moves()
			case 2:
				p.dies(t)
			}
		}
	})
	running.Go(func() { // the person writes: each message is repeated until it is answered
		r := rand.New(rand.NewPCG(seed, 3))
		for n := range 6 {
			time.Sleep(time.Duration(r.Int64N(int64(time.Hour))))
			for {
				resp, err := p.gateway().Request(newRequest("PUT", sendPath(room, fmt.Sprint("b", n)), bob.token, text(fmt.Sprint("reply ", n))))
				if err == nil && resp.Status == http.StatusOK {
					break
				}
				time.Sleep(10 * time.Second)
			}
			sent = append(sent, fmt.Sprint("reply ", n))
		}
	})
	done := make(chan struct{})
	running.Go(func() { // the SDK, which is busy at times: what is pushed then waits in the state
		r := rand.New(rand.NewPCG(seed, 4))
		for {
			select {
			case <-done:
				return
			default:
			}
			if _, err := reads.sync(p.gateway(), 30_000); err != nil {
				time.Sleep(5 * time.Second)
			}
			if r.IntN(3) == 0 {
				time.Sleep(time.Duration(r.Int64N(int64(8 * time.Minute))))
			}
		}
	})
	<-over
	time.Sleep(12 * time.Hour)
	p.gateway().NetworkChanged()
	time.Sleep(12 * time.Hour)
	close(done)
	running.Wait()
	assert.Equal(t, texts, reads.texts)
	assert.Equal(t, tells, reads.tells)
	var history struct {
		Chunk []struct {
			Type, Sender string
			Content      struct{ Body string }
		}
	}
	w.near("GET", "rooms/"+url.PathEscape(room)+"/messages?dir=b&limit=1000", alice.token, nil, &history)
	var said []string
	for _, e := range history.Chunk {
		if e.Type == "m.room.message" && e.Sender == bob.id {
			said = append(said, e.Content.Body)
		}
	}
	slices.Reverse(said)
	assert.Equal(t, sent, said)
}
