package lasting

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/coapgw/coapgw/internal/linkemu"
)

// crew are the users of one session.
func crew(n int) (tokens []string) {
	for i := range n {
		tokens = append(tokens, fmt.Sprintf("syt_token-of-user-%02d", i))
	}
	return tokens
}

// TestTokensSentOnce has a crew share a session over restarts of either end. Each token
// goes over the link once in the session's life: what follows is no longer than a
// request without one.
func TestTokensSentOnce(t *testing.T) {
	inWorld(t, linkemu.Config{}, func(w *world) {
		tokens := crew(12)
		// size is that of the request, of which the slot takes three bytes, and what tells
		// the lives of the client apart one.
		size := func(token string) int {
			w.numbers.datagrams()
			w.must("GET", token)
			return w.numbers.datagrams()[0].size
		}
		w.must("GET", tokens[0])
		least := size(tokens[0])
		for _, token := range tokens[1:] {
			assert.Greater(w.t, size(token), least+len(token), "told")
		}
		for _, ends := range []string{"client", "server", "both"} {
			for _, crash := range []bool{false, true} {
				w.restart(ends, crash)
				for _, token := range tokens {
					assert.LessOrEqual(w.t, size(token), least+4, "%s crash %t", ends, crash)
				}
			}
		}
		assert.Equal(w.t, 1, w.numbers.handshakes())
		assert.Empty(w.t, w.faults())
	})
}

// TestConcurrentUsers has a crew ask all at once, again and again, while messages are
// lost, copied and overtaken and either end stops or dies. No call comes to the
// homeserver with the token of somebody else, and no answer goes to anybody else.
func TestConcurrentUsers(t *testing.T) {
	tokens := append(crew(8), "")
	events := rapid.SampledFrom([]string{"", "", "client", "server", "both"})
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		rounds := rapid.SliceOfN(events, 2, 8).Draw(rt, "rounds")
		crash := rapid.Bool().Draw(rt, "crash")
		pause := rapid.IntRange(0, 400).Draw(rt, "pause")
		var faults []string
		d := linkemu.Direction{Delay: 50 * time.Millisecond, Jitter: 300 * time.Millisecond, Loss: 0.1}
		inWorld(t, linkemu.Config{Up: d, Down: d, Seed: seed}, func(w *world) {
			w.copies = newCopies(w, 0.2, 10*time.Second, seed)
			var calls sync.WaitGroup
			for i, ends := range rounds {
				for n, token := range tokens {
					calls.Go(func() { w.ask([]string{"GET", "PUT", "POST"}[(i+n)%3], token, 0) })
				}
				time.Sleep(time.Duration(pause) * time.Millisecond)
				if ends != "" {
					w.restart(ends, crash)
				}
			}
			w.await(&calls)
			for _, token := range tokens {
				w.eventually(token)
			}
			faults = w.faults()
		})
		if len(faults) > 0 {
			rt.Fatalf("%q", faults)
		}
	})
}

// TestNothingInClear: neither a token nor a key is readable in what was sent or stored
// on the link.
func TestNothingInClear(t *testing.T) {
	inWorld(t, linkemu.Config{}, func(w *world) {
		var all bytes.Buffer
		w.link.Tap(func(p linkemu.Packet) { all.Write(p.Payload) })
		for _, token := range crew(3) {
			w.must("GET", token)
		}
		w.restart("both", true)
		for _, token := range crew(3) {
			w.must("POST", token)
		}
		assert.NotContains(w.t, all.String(), "syt_")
		assert.NotContains(w.t, all.String(), string(psk.Key))
		assert.Contains(w.t, all.String(), psk.Identity, "the handshake was seen")
	})
}
