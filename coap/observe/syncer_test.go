package observe_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/observe"
	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/coap/txn"
	"github.com/coapgw/coapgw/conformance/race"
)

// world is a homeserver, a link, and the gateway at the client's side.
type world struct {
	t     *testing.T
	hs    *homeserver
	far   *far
	store *session.Memory // nil for none
	sync  *observe.Syncer
}

func inWorld(t *testing.T, seed uint64, stored bool, f func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, hs: &homeserver{counts: 50}}
		w.far = &far{hs: w.hs, rand: rand.New(rand.NewPCG(seed, 1)), observations: make(map[*observation]bool)}
		if stored {
			w.store = &session.Memory{}
		}
		w.start()
		f(w)
		w.stop()
		w.far.wg.Wait()
	})
}

func (w *world) start() {
	w.sync = &observe.Syncer{Carry: w.far.RoundTrip, Source: w.far}
	if w.store != nil {
		w.sync.Store = w.store
	}
}

// stop ends the gateway; what it observed ends with it.
func (w *world) stop() {
	require.NoError(w.t, w.sync.Close())
	w.far.mu.Lock()
	defer w.far.mu.Unlock()
	for o := range w.far.observations {
		o.cancel()
	}
	clear(w.far.observations)
}

// history runs a client through faults of every kind, and returns what is wrong with what it
// has seen in the end: it should be all that happened, once and in order of each kind.
func history(t *testing.T, seed uint64, stored, hasty bool) (wrong []string) {
	inWorld(t, seed, stored, func(w *world) {
		r := rand.New(rand.NewPCG(seed, 2))
		w.far.wild, w.far.hasty = true, hasty
		c, filter := &client{}, ""
		for range 40 {
			w.happen(r)
			for range r.IntN(4) {
				ctx, cancel := context.WithTimeout(w.t.Context(), time.Duration(1+r.Int64N(int64(time.Minute))))
				extra := ""
				switch r.IntN(12) {
				case 0:
					extra = "&set_presence=unavailable"
				case 1:
					extra = "&full_state=true"
				case 2:
					filter = "&filter=" + strconv.Itoa(r.IntN(3))
				}
				extra += filter
				timeout := 30 * time.Second
				if r.IntN(4) == 0 {
					timeout = 0
				}
				if r.IntN(12) == 0 {
					w.hs.add(r.IntN(2) == 0)
				}
				c.poll(ctx, w.sync, timeout, extra, r.IntN(8) == 0)
				cancel()
			}
		}
		w.far.calm()
		for range 12 {
			c.poll(w.t.Context(), w.sync, 30*time.Second, filter, false)
		}
		wrong = append(c.wrong, w.hs.compare(c.seen)...)
	})
	return wrong
}

// happen is one thing that happens beside the client.
func (w *world) happen(r *rand.Rand) {
	switch r.IntN(8) {
	case 0, 1, 2:
		w.hs.add(r.IntN(2) == 0)
	case 3:
		w.hs.claim()
	case 4:
		if r.IntN(3) == 0 {
			w.far.restart()
		}
	case 5:
		if r.IntN(3) == 0 {
			w.stop()
			w.start()
		}
	case 6:
		time.Sleep(time.Duration(r.Int64N(int64(20 * time.Minute))))
	}
}

var histories = flag.Uint64("histories", 0, "histories of each kind that TestHistories plays; 0 means 100, 15 under the race detector")

func historiesToPlay() uint64 {
	switch {
	case *histories > 0:
		return *histories
	case race.Detector:
		return 15
	}
	return 100
}

// TestHistories: whatever happens to the link, both gateways and the client, the client is
// told of every event once.
func TestHistories(t *testing.T) {
	for _, stored := range []bool{false, true} {
		for seed := range historiesToPlay() {
			require.Empty(t, history(t, seed, stored, false), "stored %v, seed %d", stored, seed)
		}
	}
}

// TestHistoriesNotice: they would show a server that polls on before the client has what
// it was told.
func TestHistoriesNotice(t *testing.T) {
	for seed := range uint64(50) {
		if len(history(t, seed, false, true)) > 0 {
			return
		}
	}
	t.Error("nothing was lost")
}

// settled polls a client until it is observed.
func (w *world) settled(c *client) {
	require.Equal(w.t, http.StatusOK, c.poll(w.t.Context(), w.sync, 0, "", false))
	require.Equal(w.t, http.StatusOK, c.poll(w.t.Context(), w.sync, 30*time.Second, "", false))
}

// TestIdle: a client that polls for an hour, and nothing happens, causes nothing on the
// link.
func TestIdle(t *testing.T) {
	inWorld(t, 1, false, func(w *world) {
		c := &client{}
		w.settled(c)
		asked := w.far.asked
		begun := time.Now()
		for time.Since(begun) < time.Hour {
			before := time.Now()
			require.Equal(t, http.StatusOK, c.poll(w.t.Context(), w.sync, 30*time.Second, "", false))
			assert.Equal(t, 30*time.Second, time.Since(before), "a poll is held")
		}
		assert.Equal(t, asked, w.far.asked)
	})
}

// TestSameAgain: a client that comes back with the same since gets the same bytes.
func TestSameAgain(t *testing.T) {
	inWorld(t, 1, true, func(w *world) {
		c := &client{}
		w.settled(c)
		w.hs.add(true)
		old := c.since
		require.Equal(t, http.StatusOK, c.poll(w.t.Context(), w.sync, 30*time.Second, "", false))
		w.hs.add(true)
		require.Equal(t, http.StatusOK, c.poll(w.t.Context(), w.sync, 30*time.Second, "", false))
		assert.Equal(t, []string{"e1", "e2"}, c.seen)
		asked := w.far.asked
		w.stop() // what was stored is there for the next life
		w.start()
		again := &client{since: old}
		for range 2 {
			require.Equal(t, http.StatusOK, again.poll(w.t.Context(), w.sync, 30*time.Second, "", false))
		}
		assert.Equal(t, c.seen, again.seen)
		assert.Equal(t, c.since, again.since)
		assert.Equal(t, asked, w.far.asked, "nothing on the link")
	})
}

// TestComesOtherwise: messages to the device that were pushed, and that the homeserver has
// forgotten since, are given to a client that comes back with another filter, or for its whole
// state, or for everything anew, also when it has lost that answer, and once.
func TestComesOtherwise(t *testing.T) {
	for _, stored := range []bool{false, true} {
		for name, extra := range map[string]string{"filter": "&filter=1", "state": "&full_state=true", "anew": ""} {
			for _, restarts := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, stored %v, restarts %v", name, stored, restarts), func(t *testing.T) {
					inWorld(t, 1, stored, func(w *world) {
						again := func() {
							if restarts {
								w.stop()
								w.start()
							}
						}
						c := &client{}
						w.settled(c)
						w.hs.add(true)
						time.Sleep(time.Minute) // the client is not there
						w.hs.add(true)
						time.Sleep(time.Minute)
						again()
						if name == "anew" {
							c.since = ""
						}
						for _, crashes := range []bool{true, false} {
							require.Equal(t, http.StatusOK, c.poll(w.t.Context(), w.sync, 0, extra, crashes))
						}
						assert.Equal(t, []string{"e1", "e2"}, c.seen)
						again()
						w.hs.add(true)
						later := extra
						if name == "state" {
							later = ""
						}
						for range 3 {
							require.Equal(t, http.StatusOK, c.poll(w.t.Context(), w.sync, 30*time.Second, later, false))
						}
						for range 2 { // with yet another one
							require.Equal(t, http.StatusOK, c.poll(w.t.Context(), w.sync, 0, "&filter=2", false))
						}
						assert.Equal(t, []string{"e1", "e2", "e3"}, c.seen)
						assert.Empty(t, c.wrong)
					})
				})
			}
		}
	}
}

// TestRevoked: a token that is not known any more reaches the client, once.
func TestRevoked(t *testing.T) {
	inWorld(t, 1, false, func(w *world) {
		c := &client{}
		w.settled(c)
		w.hs.mu.Lock()
		w.hs.revoked = true
		w.hs.mu.Unlock()
		assert.Equal(t, http.StatusUnauthorized, c.poll(w.t.Context(), w.sync, 30*time.Second, "", false))
		assert.Equal(t, http.StatusUnauthorized, c.poll(w.t.Context(), w.sync, 30*time.Second, "", false), "by the homeserver")
	})
}

// TestRenewedToken: a client with the next access token of its device goes on where it was, and
// gets what the homeserver has forgotten since it was pushed; the server asks with the new token
// from then on, and that the one before has ended the client is not told.
func TestRenewedToken(t *testing.T) {
	inWorld(t, 1, true, func(w *world) {
		w.sync.User = func(r *http.Request) txn.Digest {
			if r.Header.Get("Authorization") == "Bearer tok2" {
				return txn.Token("tok")
			}
			return txn.User(r)
		}
		c := &client{}
		w.settled(c)
		w.hs.add(true)
		time.Sleep(time.Minute)
		w.hs.mu.Lock()
		require.Equal(t, 1, w.hs.forgotten)
		w.hs.revoked = true
		w.hs.mu.Unlock()
		time.Sleep(time.Minute)
		w.hs.mu.Lock()
		w.hs.revoked = false
		w.hs.mu.Unlock()
		c.renewed = "2"
		for range 3 {
			require.Equal(t, http.StatusOK, c.poll(w.t.Context(), w.sync, 30*time.Second, "", false))
		}
		assert.Equal(t, []string{"e1"}, c.seen)
		w.far.mu.Lock()
		assert.Equal(t, "Bearer tok2", w.far.token)
		w.far.mu.Unlock()
		w.hs.add(true)
		require.Equal(t, http.StatusOK, c.poll(w.t.Context(), w.sync, 30*time.Second, "", false))
		assert.Equal(t, []string{"e1", "e2"}, c.seen)
	})
}

// TestCounts: a change of the key counts is told at once, and every answer repeats them.
func TestCounts(t *testing.T) {
	inWorld(t, 1, false, func(w *world) {
		c := &client{}
		w.settled(c)
		begun := time.Now()
		w.hs.claim()
		require.Equal(t, http.StatusOK, c.poll(w.t.Context(), w.sync, 30*time.Second, "", false))
		assert.Less(t, time.Since(begun), 10*time.Second)
		require.Equal(t, http.StatusOK, c.poll(w.t.Context(), w.sync, 0, "", false))
		assert.Empty(t, c.wrong)
	})
}

// TestUsersApart: nobody is told what another one's observation brought.
func TestUsersApart(t *testing.T) {
	inWorld(t, 1, true, func(w *world) {
		c := &client{}
		w.settled(c)
		w.hs.add(true)
		require.Equal(t, http.StatusOK, c.poll(w.t.Context(), w.sync, 30*time.Second, "", false))
		asked := w.far.asked
		r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, "coap://far/_matrix/client/v3/sync?timeout=30000&since=p0", nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer other")
		_, err = w.sync.RoundTrip(r)
		require.NoError(t, err)
		assert.Equal(t, asked+1, w.far.asked, "the homeserver says who may see what")
	})
}

// TestNobodyPolls: an observation ends when nobody asks any more.
func TestNobodyPolls(t *testing.T) {
	inWorld(t, 1, true, func(w *world) {
		c := &client{}
		w.settled(c)
		time.Sleep(15 * time.Minute)
		w.hs.add(false)
		time.Sleep(time.Hour)
		pushed := w.far.pushes
		w.hs.add(false)
		time.Sleep(time.Hour)
		assert.Equal(t, pushed, w.far.pushes)
		for range 3 {
			require.Equal(t, http.StatusOK, c.poll(w.t.Context(), w.sync, 30*time.Second, "", false))
		}
		assert.Equal(t, []string{"e1", "e2"}, c.seen)
	})
}

// TestNotPushed: towards a server that does not push, polls go on the link as they are.
func TestNotPushed(t *testing.T) {
	inWorld(t, 1, false, func(w *world) {
		w.far.unpushed = true
		c := &client{}
		for range 3 {
			require.Equal(t, http.StatusOK, c.poll(w.t.Context(), w.sync, 0, "", false))
		}
		w.hs.add(true)
		require.Equal(t, http.StatusOK, c.poll(w.t.Context(), w.sync, 30*time.Second, "", false))
		assert.Equal(t, []string{"e1"}, c.seen)
	})
}

// TestLinkAway: a client is told when an observation cannot be made.
func TestLinkAway(t *testing.T) {
	inWorld(t, 1, false, func(w *world) {
		c := &client{}
		require.Equal(t, http.StatusOK, c.poll(w.t.Context(), w.sync, 0, "", false))
		w.far.down = true
		assert.Zero(t, c.poll(w.t.Context(), w.sync, 30*time.Second, "", false), "an error")
		w.far.down = false
		assert.Equal(t, http.StatusOK, c.poll(w.t.Context(), w.sync, 30*time.Second, "", false))
	})
}

// TestLostAtOnce: a registration that takes minutes, as on a slow link, does not count as an
// observation that has lasted. If that is lost at once, the link is left alone for a while.
func TestLostAtOnce(t *testing.T) {
	inWorld(t, 1, true, func(w *world) {
		slow := &slowFar{far: w.far}
		w.sync.Source = slow
		c := &client{}
		w.settled(c)
		slow.slow.Store(true)
		w.far.mu.Lock()
		for o := range w.far.observations {
			o.cancel()
		}
		clear(w.far.observations)
		w.far.mu.Unlock()
		for begun := time.Now(); time.Since(begun) < time.Hour; {
			require.Equal(t, http.StatusOK, c.poll(w.t.Context(), w.sync, 10*time.Minute, "", false))
		}
		assert.InDelta(t, 22, slow.registrations.Load(), 2)
	})
}

// slowFar takes two minutes to register what it then loses.
type slowFar struct {
	*far
	slow          atomic.Bool
	registrations atomic.Int32
}

// Observe implements observe.Source.
func (f *slowFar) Observe(r *http.Request, instead observe.Observation, deliver func(observe.Pushed) error) (observe.Observation, error) {
	slow := f.slow.Load()
	if slow {
		f.registrations.Add(1)
		time.Sleep(2 * time.Minute)
	}
	o, err := f.far.Observe(r, instead, deliver)
	if slow && err == nil {
		o.(*observation).cancel()
	}
	return o, err
}

// TestLostAgain: the pause between two registrations counts from the first, so that an observation
// that was there for almost as long is made again soon, however often it is lost.
func TestLostAgain(t *testing.T) {
	inWorld(t, 1, true, func(w *world) {
		c := &client{}
		w.settled(c)
		for n := range 10 {
			time.Sleep(50 * time.Second)
			w.far.mu.Lock()
			for o := range w.far.observations {
				o.cancel() // as with its session
			}
			clear(w.far.observations)
			w.far.mu.Unlock()
			w.hs.add(false)
			begun := time.Now()
			require.Equal(t, http.StatusOK, c.poll(w.t.Context(), w.sync, 10*time.Minute, "", false))
			assert.Less(t, time.Since(begun), 15*time.Second, "loss %d", n)
		}
	})
}

// TestNotKept: without a store a notification is rejected that the client does not come for,
// and told again later; with one it is kept.
func TestNotKept(t *testing.T) {
	for _, stored := range []bool{false, true} {
		inWorld(t, 1, stored, func(w *world) {
			c := &client{}
			w.settled(c)
			w.hs.add(true)
			time.Sleep(5 * time.Minute) // the client is busy
			w.hs.mu.Lock()
			forgotten := w.hs.forgotten
			w.hs.mu.Unlock()
			assert.Equal(t, stored, forgotten == 1, "whether the homeserver was asked past it")
			for range 3 {
				require.Equal(t, http.StatusOK, c.poll(w.t.Context(), w.sync, 30*time.Second, "", false))
			}
			assert.Equal(t, []string{"e1"}, c.seen)
		})
	}
}

// TestRetire: who waits when the program is about to end is answered at once, with what is there
// or that nothing is new, and so is who comes later.
func TestRetire(t *testing.T) {
	inWorld(t, 1, true, func(w *world) {
		c := &client{}
		w.settled(c)
		began := time.Now()
		go func() {
			time.Sleep(time.Minute)
			w.sync.Retire()
		}()
		require.Equal(t, http.StatusOK, c.poll(w.t.Context(), w.sync, 10*time.Minute, "", false))
		assert.Equal(t, time.Minute, time.Since(began))
		require.Equal(t, http.StatusOK, c.poll(w.t.Context(), w.sync, 10*time.Minute, "", false))
		assert.Equal(t, time.Minute, time.Since(began))
		assert.Empty(t, c.seen)
		w.hs.add(true)
		time.Sleep(time.Minute)
		require.Equal(t, http.StatusOK, c.poll(w.t.Context(), w.sync, 10*time.Minute, "", false))
		assert.Equal(t, []string{"e1"}, c.seen)
	})
}

// TestSuspend: polls that wait fail, nothing runs any more, also where an acknowledgement is
// held back, and nothing is lost.
func TestSuspend(t *testing.T) {
	away := errors.New("asleep")
	for _, stored := range []bool{false, true} {
		inWorld(t, 1, stored, func(w *world) {
			c := &client{}
			w.settled(c)
			for n := range 3 {
				ended := make(chan error, 1)
				go func() {
					for {
						r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, "http://hs/_matrix/client/v3/sync?timeout=600000&since="+c.since, nil)
						if err == nil {
							_, err = w.sync.RoundTrip(r)
						}
						if err != nil {
							ended <- err
							return
						}
					}
				}()
				time.Sleep(time.Minute)
				began := time.Now()
				w.sync.Suspend(away)
				require.ErrorIs(t, <-ended, away)
				assert.Zero(t, time.Since(began))
				synctest.Wait()
				buf := make([]byte, 1<<20)
				assert.NotContains(t, string(buf[:runtime.Stack(buf, true)]), "observe.(*Syncer)")
				w.hs.add(true) // which the far end pushes in vain
				time.Sleep(time.Hour)
				require.Equal(t, n+1, w.gathered(c))
			}
			assert.Equal(t, []string{"e1", "e2", "e3"}, c.seen)

			w.settled(c)
			w.hs.add(true)
			time.Sleep(500 * time.Millisecond) // without a store the acknowledgement waits
			began := time.Now()
			w.sync.Suspend(away)
			assert.Zero(t, time.Since(began))
			assert.Equal(t, 4, w.gathered(c))
		})
	}
}

// gathered has a client poll a few times, and returns how much it has seen.
func (w *world) gathered(c *client) int {
	for range 4 {
		require.Equal(w.t, http.StatusOK, c.poll(w.t.Context(), w.sync, 30*time.Second, "", false))
	}
	return len(c.seen)
}
