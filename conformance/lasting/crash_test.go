package lasting

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/coapgw/coapgw/internal/linkemu"
)

// step is a part of a history.
type step struct {
	// Gap is the time since the step before.
	Gap time.Duration
	// Do is what happens: a call by its method, or else one of the names in events.
	Do    string
	User  string
	Takes time.Duration
	// Size is that of a body in many blocks, 0 for a small one.
	Size int
	// Ends are those that stop or die; Commit is at which of their commits, 0 for at
	// once, and Spared says that this one is carried out.
	Ends   string
	Commit int
	Spared bool
}

// history is what happens to a pair.
type history struct {
	Seed   uint64
	Loss   float64
	Jitter time.Duration
	Copied float64
	Steps  []step
}

func histories() *rapid.Generator[history] {
	user := rapid.SampledFrom([]string{"alice", "bob", "carol", ""})
	end := rapid.SampledFrom([]string{"client", "server", "both"})
	ms := func(most int) *rapid.Generator[time.Duration] {
		return rapid.Map(rapid.IntRange(0, most), func(n int) time.Duration { return time.Duration(n) * time.Millisecond })
	}
	one := rapid.Custom(func(t *rapid.T) step {
		s := step{
			Gap: ms(1500).Draw(t, "gap"),
			Do:  rapid.SampledFrom([]string{"GET", "PUT", "POST", "GET", "PUT", "POST", "crash", "die", "stop", "rebind"}).Draw(t, "do"),
		}
		switch s.Do {
		case "crash", "stop":
			s.Ends = end.Draw(t, "ends")
		case "die":
			s.Ends, s.Commit, s.Spared = end.Draw(t, "ends"), rapid.IntRange(1, 6).Draw(t, "commit"), rapid.Bool().Draw(t, "spared")
		case "rebind":
		default:
			s.User = user.Draw(t, "user")
			s.Size = rapid.SampledFrom([]int{0, 0, 0, 5_000, 20_000}).Draw(t, "size")
			if rapid.Bool().Draw(t, "slow") {
				s.Takes = ms(20_000).Draw(t, "takes")
			}
		}
		return s
	})
	return rapid.Custom(func(t *rapid.T) history {
		return history{
			Seed:   rapid.Uint64().Draw(t, "seed"),
			Loss:   rapid.SampledFrom([]float64{0, 0, 0.05, 0.2}).Draw(t, "loss"),
			Jitter: ms(400).Draw(t, "jitter"),
			Copied: rapid.SampledFrom([]float64{0, 0.3}).Draw(t, "copied"),
			Steps:  rapid.SliceOfN(one, 1, 60).Draw(t, "steps"),
		}
	})
}

// TestHistories: whatever is asked, lost, copied and overtaken while the ends stop and
// die, no number is used twice, every answer is right and of the right user, no POST is
// executed twice, and in the end everybody is served, by the session of the beginning.
func TestHistories(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := histories().Draw(rt, "history")
		var faults []string
		d := linkemu.Direction{Delay: 50 * time.Millisecond, Jitter: h.Jitter, Loss: h.Loss}
		inWorld(t, linkemu.Config{Up: d, Down: d, Seed: h.Seed}, func(w *world) {
			w.copies = newCopies(w, h.Copied, time.Minute, h.Seed)
			w.eventually("alice") // the reset token is told with the first answer
			w.eventually("bob")
			shaken := w.numbers.handshakes()
			var calls sync.WaitGroup
			for _, s := range h.Steps {
				time.Sleep(s.Gap)
				w.revive()
				w.step(s, &calls)
			}
			w.await(&calls)
			w.disarm()
			w.revive()
			for _, user := range []string{"alice", "bob", "carol", ""} {
				w.eventually(user)
			}
			if n := w.numbers.handshakes(); h.Loss == 0 && n != shaken {
				w.fault("%d handshakes after the first", n-shaken)
			}
			faults = w.faults()
		})
		if len(faults) > 0 {
			rt.Fatalf("%q", faults)
		}
	})
}

// step carries out a step of a history.
func (w *world) step(s step, calls *sync.WaitGroup) {
	switch s.Do {
	case "crash", "stop":
		w.restart(s.Ends, s.Do == "crash")
	case "die":
		if s.Ends != "server" {
			w.client.killAt(s.Commit, s.Spared)
		}
		if s.Ends != "client" {
			w.server.killAt(s.Commit, s.Spared)
		}
	case "rebind":
		w.rebind()
	default:
		calls.Go(func() { w.make(w.transport(), call{method: s.Do, token: s.User, takes: s.Takes, size: s.Size}) })
	}
}

// await lets calls end, and starts again who dies meanwhile.
func (w *world) await(calls *sync.WaitGroup) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		calls.Wait()
	}()
	for {
		select {
		case <-done:
			return
		case <-time.After(5 * time.Second):
			w.revive()
		}
	}
}

// eventually asks until there is an answer: a single exchange may fail for loss.
func (w *world) eventually(user string) {
	var last outcome
	begun := time.Now()
	for range 3 {
		if _, last = w.ask("GET", user, 0); last.err == nil && last.status == 200 {
			return
		}
	}
	w.fault("%q is not served after %s: %d %v", user, time.Since(begun), last.status, last.err)
}

// TestDeathAtEveryCommit kills each end at each of its first commits, before it and
// after, from the first handshake on: a client recovers within one exchange and one
// handshake.
func TestDeathAtEveryCommit(t *testing.T) {
	for _, end := range []string{"client", "server", "both"} {
		for commit := 1; commit <= 8; commit++ {
			for _, spared := range []bool{false, true} {
				inWorld(t, linkemu.Config{}, func(w *world) {
					w.step(step{Do: "die", Ends: end, Commit: commit, Spared: spared}, nil)
					for round := range 8 {
						var calls sync.WaitGroup
						for _, method := range []string{"GET", "POST", "PUT"} {
							calls.Go(func() { w.ask(method, fmt.Sprint("user", round%3), time.Second) })
						}
						w.await(&calls)
					}
					w.disarm()
					limit := w.profile.MaxTransmitWait() + w.profile.HandshakeTimeout
					assert.LessOrEqual(w.t, w.must("GET", "alice").took, limit)
					w.must("POST", "user1")
					assert.LessOrEqual(w.t, w.numbers.handshakes(), 3, "%s %d %t", end, commit, spared)
					assert.Empty(w.t, w.faults(), "%s %d %t", end, commit, spared)
				})
			}
		}
	}
}
