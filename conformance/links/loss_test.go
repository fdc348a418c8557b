package links

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/inprocess"
)

// seeds are the loss patterns of each test.
const seeds = 5

// inLossyWorld runs f once for each loss pattern.
func inLossyWorld(t *testing.T, f func(*world)) {
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint("seed ", seed+1), func(t *testing.T) {
			p := lossy()
			l := emulate(p)
			l.Up.Loss, l.Down.Loss, l.Seed = lossOfLossy, lossOfLossy, seed+1
			inWorld(t, p, l, func(w *world) {
				f(w)
				s := w.Link.Stats()
				lost := float64(s.Up.Lost+s.Down.Lost) / float64(s.Up.Datagrams+s.Down.Datagrams)
				assert.InDelta(w.T, lossOfLossy, lost, 0.1, "share of datagrams lost")
				assert.Zero(w.T, w.GaveUp.Load())
			})
		})
	}
}

// TestInitialSyncAtTwentyPercentLoss: the reference loses its initial sync when
// one datagram in five is lost.
func TestInitialSyncAtTwentyPercentLoss(t *testing.T) {
	inLossyWorld(t, func(w *world) {
		w.populate(10, 58)
		alice := w.aboard()
		alice.login("alice")
		got := alice.do("GET", syncHundred, "")
		require.Equal(w.T, w.homeserver.answer(), got)
		assert.InDelta(w.T, 181_000, len(got), 20_000, "bytes of JSON")
	})
}

// TestUploadAtTwentyPercentLoss is the other way round.
func TestUploadAtTwentyPercentLoss(t *testing.T) {
	inLossyWorld(t, func(w *world) {
		w.ashore("alice")
		alice := w.aboard()
		alice.login("alice")
		photo := noise(100_000)
		uri := field(alice, alice.do("POST", "/_matrix/media/r0/upload?filename=photo", photo), "content_uri")
		assert.EqualValues(w.T, 2, w.homeserver.requests.Load(), "requests executed")
		at := &client{w: w, via: inprocess.Transport{Handler: w.homeserver.Handler}, token: alice.token}
		stored := at.do("GET", "/_matrix/client/v1/media/download/"+strings.TrimPrefix(uri, "mxc://"), "")
		assert.True(w.T, photo == stored, "the homeserver has what was uploaded")
	})
}

// noise is a body that no encoding makes shorter.
func noise(n int) string {
	b := make([]byte, n)
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(b) // it never fails
	return string(b)
}

// populate makes rooms in which alice is and bob has written that many messages.
func (w *world) populate(rooms, messages int) {
	alice, bob := w.ashore("alice"), w.ashore("bob")
	for range rooms {
		room := bob.room()
		alice.do("POST", r0+"/join/"+room, "{}")
		for n := range messages {
			bob.send(room, n, fmt.Sprintf("message %d of a long evening: %s", n, strings.Repeat("ahoy ", n%8)))
		}
	}
}
