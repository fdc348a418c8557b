package links

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/dtls"
)

// TestTenSecondRoundTrip: the reference never connects at a round trip of ten
// seconds.
func TestTenSecondRoundTrip(t *testing.T) {
	p := tenSeconds()
	inWorld(t, p, emulate(p), func(w *world) {
		chat(w)
		assert.Zero(w.T, w.sentTwice())
	})
}

// TestThreeHundredBitsPerSecond: the reference never connects at 300 bit/s.
func TestThreeHundredBitsPerSecond(t *testing.T) {
	p := hf300()
	inWorld(t, p, emulate(p), func(w *world) {
		chat(w)
		assert.Zero(w.T, w.sentTwice())
	})
}

// TestHundredBitsPerSecondWithJitter is where the older proof of concept with
// cryptography of its own was shown.
func TestHundredBitsPerSecondWithJitter(t *testing.T) {
	p := fosdem()
	l := emulate(p)
	l.Up.Jitter, l.Down.Jitter = fosdemJitter, fosdemJitter
	l.Overhead = 0 // as the challenge counted
	inWorld(t, p, l, func(w *world) {
		chat(w)
		assert.Zero(w.T, w.sentTwice())
	})
}

// TestManyAtOnceSendNothingTwice: requests that are made at the same time wait for
// their turn (NSTART, RFC 7252 §4.7) rather than for each other's airtime, and a
// long-poll takes no turn away.
func TestManyAtOnceSendNothingTwice(t *testing.T) {
	for _, p := range []link.Profile{tenSeconds(), hf300(), fosdem()} {
		t.Run(p.Name, func(t *testing.T) {
			inWorld(t, p, emulate(p), func(w *world) {
				w.ashore("alice")
				room := w.ashore("bob").room()
				alice := w.aboard()
				alice.login("alice")
				alice.do("POST", r0+"/join/"+room, "{}")
				since := field(alice, alice.do("GET", r0+"/sync", ""), "next_batch")
				var running sync.WaitGroup
				defer running.Wait()
				for txn := range 8 {
					running.Go(func() {
						status, _, err := alice.request("PUT", sendTarget(room, txn), textMessage("hello world"))
						assert.NoError(w.T, err)
						assert.Equal(w.T, http.StatusOK, status)
					})
				}
				running.Go(func() {
					_, answer, err := alice.request("GET", r0+"/sync?timeout=600000&since="+since, "")
					assert.NoError(w.T, err)
					assert.Contains(w.T, answer, "hello world")
				})
				alice.do("POST", "/_matrix/media/r0/upload?filename=photo", noise(5000))
				running.Wait()
				assert.Zero(w.T, w.sentTwice())
			})
		})
	}
}

// TestReferenceLimitsFail shows that these links are as hard as the tests above
// claim: with the limits of the reference there is no session.
func TestReferenceLimitsFail(t *testing.T) {
	for _, p := range []link.Profile{tenSeconds(), hf300()} {
		t.Run(p.Name, func(t *testing.T) {
			inWorld(t, referenceLimits(p), emulate(p), func(w *world) {
				w.Restart(dtls.Config{MaxCookieless: -1}) // it asks everyone for a cookie
				_, _, err := (&client{w: w, via: w.Transport}).request("GET", "/_matrix/client/versions", "")
				var failed *dtls.HandshakeError
				require.ErrorAs(w.T, err, &failed)
				assert.ErrorIs(w.T, err, context.DeadlineExceeded)
			})
		})
	}
}

// TestDefaultTimersSendTwice: with the timers of the RFCs the same session
// completes, because they are only timers, but everything is on the link several
// times. It is why a link has a profile.
func TestDefaultTimersSendTwice(t *testing.T) {
	for _, p := range []link.Profile{tenSeconds(), hf300()} {
		t.Run(p.Name, func(t *testing.T) {
			inWorld(t, defaultTimers(p), emulate(p), func(w *world) {
				chat(w)
				assert.Greater(w.T, w.sentTwice(), 20)
			})
		})
	}
}

// chat connects from nothing, logs in, sends a message, and gets one by a
// long-poll that waits for it.
func chat(w *world) {
	start := time.Now()
	step := func(what string) { w.T.Logf("%-9s after %v", what, time.Since(start).Round(time.Millisecond)) }
	w.ashore("alice")
	bob := w.ashore("bob")
	room := bob.room()
	alice := w.aboard()
	assert.Contains(w.T, alice.do("GET", "/_matrix/client/versions", ""), `"versions"`)
	step("connected")
	alice.login("alice")
	step("logged in")
	alice.do("POST", r0+"/join/"+room, "{}")
	step("joined")
	first := alice.do("GET", r0+"/sync", "")
	require.Equal(w.T, w.homeserver.answer(), first)
	step("synced")
	id := alice.send(room, 1, "hello world")
	step("sent")
	assert.Contains(w.T, bob.do("GET", r0+"/sync", ""), id)

	since := field(alice, alice.do("GET", r0+"/sync?since="+field(alice, first, "next_batch"), ""), "next_batch")
	defer bob.sendAfter(4*time.Minute, room, "ahoy")()
	got := alice.do("GET", r0+"/sync?timeout=600000&since="+since, "")
	require.Equal(w.T, w.homeserver.answer(), got)
	assert.Contains(w.T, got, "ahoy")
	step("received")
	assert.EqualValues(w.T, 1, w.Dials.Load())
}

// sentTwice counts what was sent again, on a link without loss for nothing:
// messages, and datagrams of the handshake beyond the four of a session with a key
// (RFC 4279 §2, without cookie).
func (w *world) sentTwice() int {
	s := w.Link.Stats()
	w.T.Logf("up %d B in %d datagrams, down %d B in %d", s.Up.Bytes, s.Up.Datagrams, s.Down.Bytes, s.Down.Datagrams)
	return int(w.Retransmitted.Load() + max(w.Handshakes.Load()-4, 0))
}
