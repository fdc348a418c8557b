package push

import (
	"encoding/base64"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/coapgw/coapgw/coap/link"
)

// lives is how many adversaries TestLiveness meets; without it, those of telling.
var lives = flag.Int("lives", 0, "adversaries that TestLiveness meets")

// telling are seeds that have found something.
var telling = []uint64{7, 13, 17, 137}

// roundTrips is ample time for what follows when the two hear each other again, retransmissions
// left out: notifications one after the other, and the word that there is more, a request, its
// answer in blocks, a registration.
const roundTrips = 30 * time.Second

// TestLiveness: nobody waits for what could be there. A client waits for what is said, while
// its address changes, datagrams are lost, the link is away and either end is started again.
// When all that is over it has everything, once and in order, as soon as it has broken its
// silence; and where only its address changes, in silence, everything comes in that time.
func TestLiveness(t *testing.T) {
	seeds := telling
	switch {
	case *only >= 0:
		seeds = []uint64{uint64(*only)}
	case *lives > 0:
		seeds = nil
		for seed := range uint64(*lives) {
			seeds = append(seeds, seed)
		}
	}
	for _, seed := range seeds {
		newOrdeal(seed).run(t)
		if t.Failed() {
			return
		}
	}
}

// ordeal is what befalls a client.
type ordeal struct {
	seed            uint64
	profile         link.Profile
	stored, durable bool
	// cuts: the link is away at times; restarts: either end is started again.
	cuts, restarts bool
	adversary      *adversary

	mu sync.Mutex
	// texts are what was said, said and heard when it was and when it arrived.
	texts       []string
	said, heard map[string]time.Time
}

func newOrdeal(seed uint64) *ordeal {
	r := rand.New(rand.NewPCG(seed, 21))
	o := &ordeal{seed: seed, said: make(map[string]time.Time), heard: make(map[string]time.Time)}
	o.profile, _ = link.ByName([]string{"leo-broadband", "geo-vsat", "default"}[r.IntN(3)])
	if o.profile.KeepAlive == 0 {
		o.profile.KeepAlive = 40 * time.Second
	}
	o.stored, o.durable = r.IntN(3) > 0, r.IntN(3) > 0
	a := &adversary{r: rand.New(rand.NewPCG(seed, 22)), rebinds: rebinding(r.IntN(int(rebindings)))}
	a.silence = time.Duration(1+r.IntN(60)) * time.Second
	a.period = time.Duration(1+r.IntN(20)) * time.Second
	if r.IntN(2) == 0 {
		a.loss = 0.2 + 0.8*r.Float64()
		a.good, a.bad = time.Duration(5+r.IntN(30))*time.Second, time.Duration(1+r.IntN(10))*time.Second
		o.cuts, o.restarts = r.IntN(2) == 0, r.IntN(2) == 0
	}
	o.adversary = a
	return o
}

// String implements fmt.Stringer.
func (o *ordeal) String() string {
	a := o.adversary
	return fmt.Sprintf("seed %d: %s, stored %v, durable %v, rebinds %d (%v, %v), loss %.2f (%v, %v), cuts %v, restarts %v",
		o.seed, o.profile.Name, o.stored, o.durable, a.rebinds, a.silence, a.period, a.loss, a.good, a.bad, o.cuts, o.restarts)
}

// limit is how long after the end of its troubles a client may wait, where it has learnt to
// break its silence after so long at most.
func (o *ordeal) limit(silence time.Duration) time.Duration {
	limit := silence + roundTrips
	if o.restarts {
		// What a server without a store has forgotten shows only when it does not answer, and
		// what one with a store has, of a client that never heard from it, when that has
		// found out who it is. Who registers over and over waits up to a minute.
		limit += o.profile.MaxTransmitWait() + silence + time.Minute
	}
	return limit
}

func (o *ordeal) run(t *testing.T) {
	a := o.adversary
	cfg := clean(o.profile)
	cfg.Seed = o.seed + 1
	behind := func(pc net.PacketConn) net.PacketConn { return tamed{pc, a} }
	inWorld(t, options{profile: o.profile, link: cfg, stored: o.stored, durable: o.durable, behind: behind}, func(w *world) {
		a.rebind = func(pc net.PacketConn) {
			w.mu.Lock()
			w.port++
			port := w.port
			w.mu.Unlock()
			pc.(socket).Rebind(ship(port))
		}
		alice, bob := w.newUser("alice", w.near()), w.newUser("bob", w)
		room := w.room(alice, bob)
		bob.patience = 3 * time.Minute
		over, calm := make(chan struct{}), make(chan struct{})
		var polling, trouble sync.WaitGroup
		polling.Go(func() { o.poll(bob, over) })
		time.Sleep(30 * time.Second)
		trouble.Go(func() { o.trouble(w, calm) })
		r := rand.New(rand.NewPCG(o.seed, 23))
		for n := range 8 {
			time.Sleep(time.Duration(r.Int64N(int64(90 * time.Second))))
			o.say(r, alice, room, n)
		}
		close(calm)
		trouble.Wait()
		a.rest()
		limit := o.limit(max(o.profile.KeepAlive, 2*a.stillness()))
		for begun := time.Now(); time.Since(begun) < limit && !o.complete(); {
			time.Sleep(time.Second)
		}
		assert.True(t, o.complete(), "not all has come %v after the last trouble; %v", limit, o)
		if !o.restarts && a.loss == 0 && (a.rebinds == never || a.rebinds == inSilence) {
			assert.Less(t, o.slowest(), limit, "%v", o)
		}
		close(over)
		polling.Wait()
		if !t.Failed() {
			assert.Equal(t, o.texts, bob.seen, "%v", o)
		}
		assert.Empty(t, bob.wrong, "%v", o)
	})
}

// poll has a user poll until it is over.
func (o *ordeal) poll(u *user, over <-chan struct{}) {
	for n := 0; ; {
		select {
		case <-over:
			return
		default:
		}
		if u.sync(30*time.Second, false) != http.StatusOK {
			time.Sleep(time.Second)
		}
		o.mu.Lock()
		for ; n < len(u.seen); n++ {
			o.heard[u.seen[n]] = time.Now()
		}
		o.mu.Unlock()
	}
}

// say says something, of any length: in some notifications there is more than a stranger
// would get, and some do not fit one datagram.
func (o *ordeal) say(r *rand.Rand, u *user, room string, n int) {
	b := make([]byte, []int{3, 10, 40, 100, 200, 400, 700, 2000, 8000}[r.IntN(9)])
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	text := fmt.Sprintf("a%d %s", n, base64.StdEncoding.EncodeToString(b))
	u.send(room, text, n)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.texts = append(o.texts, text)
	o.said[text] = time.Now()
}

// complete reports whether all that was said has arrived.
func (o *ordeal) complete() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.heard) == len(o.texts)
}

// slowest is the longest time that anything took.
func (o *ordeal) slowest() (longest time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for text, at := range o.heard {
		longest = max(longest, at.Sub(o.said[text]))
	}
	return longest
}

// trouble takes the link away and starts either end again, until it is calm.
func (o *ordeal) trouble(w *world, calm <-chan struct{}) {
	r := rand.New(rand.NewPCG(o.seed, 24))
	wait := func(most time.Duration) bool {
		select {
		case <-calm:
			return false
		case <-time.After(time.Duration(r.Int64N(int64(most)))):
			return true
		}
	}
	for (o.cuts || o.restarts) && wait(3*time.Minute) {
		switch {
		case o.cuts && (!o.restarts || r.IntN(2) == 0):
			w.linkAway.Store(true)
			wait(2 * time.Minute)
			w.linkAway.Store(false)
		case r.IntN(2) == 0:
			w.restartServer(r.IntN(2) == 0)
		default:
			w.restartClient(r.IntN(2) == 0)
		}
	}
}
