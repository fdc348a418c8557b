package push

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/internal/linkemu"
)

var (
	histories = flag.Int("histories", 60, "histories that TestHistories plays")
	only      = flag.Int("seed", -1, "plays the history of this seed alone")
)

// TestHistories: over any history of loss, restarts, gaps and slow clients, every event
// reaches the client once and in order, and every send of the client is at the homeserver
// once.
func TestHistories(t *testing.T) {
	for seed := range uint64(*histories) {
		if *only >= 0 && seed != uint64(*only) {
			continue
		}
		history(t, seed)
		if t.Failed() {
			return
		}
	}
}

// maxTries is far more than a send can need.
const maxTries = 1000

// links are those of the histories: a fast one, one of a satellite, and a slow one.
var links = []string{"default", "geo-vsat", "hf-vara2750"}

// history plays one, and demands that all is well in the end.
func history(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 7))
	profile, ok := link.ByName(links[int(seed)%len(links)])
	if !ok {
		profile = link.Default()
	}
	cfg := linkemu.FromProfile(profile, seed+1)
	cfg.Up.Loss, cfg.Down.Loss = r.Float64()*0.3, r.Float64()*0.3
	o := options{profile: profile, link: cfg, stored: seed%2 == 0, durable: seed%4 < 3}
	inWorld(t, o, func(w *world) {
		alice := w.newUser("alice", w.near())
		bob := w.newUser("bob", w)
		room := w.room(alice, bob)
		bob.patience = time.Duration(20+r.IntN(100)) * time.Second
		var mu sync.Mutex
		var texts, secrets, sent []string
		over := make(chan struct{})
		var running sync.WaitGroup
		running.Go(func() { w.trouble(rand.New(rand.NewPCG(seed, 8)), o, over) })
		running.Go(func() { // alice chats
			r := rand.New(rand.NewPCG(seed, 9))
			for n := range 15 {
				time.Sleep(time.Duration(r.Int64N(int64(8 * time.Minute))))
				text, secret := fmt.Sprintf("a%d", n), fmt.Sprintf("k%d", n)
				alice.tell(bob, secret)
				alice.send(room, text, n)
				mu.Lock()
				texts, secrets = append(texts, text), append(secrets, secret)
				mu.Unlock()
			}
			close(over)
		})
		sender := *bob
		running.Go(func() { // bob answers: each send is repeated until it is answered
			r := rand.New(rand.NewPCG(seed, 10))
			for n := range 6 {
				time.Sleep(time.Duration(r.Int64N(int64(20 * time.Minute))))
				text := fmt.Sprintf("b%d", n)
				sent = append(sent, text)
				for tries := 0; !sender.send(room, text, n); tries++ {
					if tries == maxTries {
						t.Errorf("seed %d: %s is not answered, at %v", seed, text, time.Now())
						return
					}
					time.Sleep(10 * time.Second)
				}
			}
		})
		for done := false; !done; {
			select {
			case <-over:
				done = true
			default:
				if bob.sync(30*time.Second, r.IntN(10) == 0) != http.StatusOK {
					time.Sleep(10 * time.Second)
				}
				if r.IntN(20) == 0 {
					time.Sleep(time.Duration(r.Int64N(int64(20 * time.Minute))))
				}
			}
		}
		running.Wait()
		for range 1000 {
			if len(bob.seen) >= len(texts) && len(bob.told) >= len(secrets) {
				break
			}
			if bob.sync(30*time.Second, false) != http.StatusOK {
				time.Sleep(10 * time.Second)
			}
		}
		alice.sync(0, false)
		assert.Equal(t, texts, bob.seen, "seed %d", seed)
		assert.Equal(t, secrets, bob.told, "seed %d", seed)
		assert.Equal(t, sent, alice.seen, "seed %d", seed)
		assert.Empty(t, bob.wrong, "seed %d", seed)
	})
}

// trouble restarts either end, and takes the link and the homeserver away, until it is over.
func (w *world) trouble(r *rand.Rand, o options, over <-chan struct{}) {
	wait := func(most time.Duration) bool {
		select {
		case <-over:
			return false
		case <-time.After(time.Duration(r.Int64N(int64(most)))):
			return true
		}
	}
	for wait(15 * time.Minute) {
		switch r.IntN(6) {
		case 0:
			w.restartServer(r.IntN(2) == 0)
		case 1:
			w.restartClient(r.IntN(2) == 0)
		case 2, 3:
			w.linkAway.Store(true)
			wait(30 * time.Minute)
			w.linkAway.Store(false)
		case 4:
			w.homeAway.Store(true)
			wait(5 * time.Minute)
			w.homeAway.Store(false)
		}
	}
}
