package lasting

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/coapgw/coapgw/internal/linkemu"
)

// The homeserver's answers have the token in them, so this user's are large.
var verbose = strings.Repeat("talkative", 100)

// checkBytes is a ping and its reset, 4 bytes each in a record of 29 down and 32 up.
const checkBytes = 4 + 29 + 4 + 32

// TestAddressChangeCosts: after an address change what is small is answered at once,
// and what is large after one ping, once; nothing is executed again.
func TestAddressChangeCosts(t *testing.T) {
	inWorld(t, linkemu.Config{}, func(w *world) {
		w.must("GET", "alice")
		w.must("GET", verbose)
		w.must("GET", verbose)
		var usual [2][]sent
		for i, token := range []string{"alice", verbose} {
			w.numbers.datagrams()
			w.must("GET", token)
			usual[i] = w.numbers.datagrams()
		}
		for range 5 {
			w.rebind()
			for range 2 {
				assert.Equal(w.t, 100*time.Millisecond, w.must("GET", "alice").took)
				assert.Equal(w.t, usual[0], w.numbers.datagrams(), "small answers are not held up")
			}
			assert.Equal(w.t, 200*time.Millisecond, w.must("GET", verbose).took)
			checked := w.numbers.datagrams()
			assert.Len(w.t, checked, len(usual[1])+2)
			assert.Equal(w.t, total(usual[1])+checkBytes, total(checked), "a ping and its reset")
			w.must("GET", verbose)
			assert.Equal(w.t, usual[1], w.numbers.datagrams(), "a verified path costs nothing")
		}
		t.Logf("small %d B, large %d B, %d B with the check", total(usual[0]), total(usual[1]), total(usual[1])+checkBytes)
		assert.Equal(w.t, 1, w.numbers.handshakes())
		assert.Empty(w.t, w.faults())
	})
}

func total(datagrams []sent) (bytes int) {
	for _, d := range datagrams {
		bytes += d.size
	}
	return bytes
}

// TestSpoofedAddress: somebody on the way sends a client's request on from a stranger's
// address. The stranger gets at most three times what came from there, and the client
// its answer, when it is heard again.
func TestSpoofedAddress(t *testing.T) {
	for _, token := range []string{"alice", verbose} {
		inWorld(t, linkemu.Config{}, func(w *world) {
			w.must("GET", token)
			w.must("GET", token)
			stranger := ship(9)
			var mu sync.Mutex
			var from, to int
			w.link.Tap(func(p linkemu.Packet) {
				mu.Lock()
				defer mu.Unlock()
				switch stranger.String() {
				case p.From.String():
					from += len(p.Payload)
				case p.To.String():
					to += len(p.Payload)
				}
			})
			home := w.client.socket.LocalAddr()
			answered := make(chan outcome, 1)
			w.client.socket.Rebind(stranger)
			go func() {
				_, o := w.ask("GET", token, 0)
				answered <- o
			}()
			time.Sleep(10 * time.Millisecond)
			w.client.socket.Rebind(home)
			o := <-answered
			assert.NoError(w.t, o.err)
			assert.Equal(w.t, http.StatusOK, o.status)
			mu.Lock()
			defer mu.Unlock()
			assert.NotZero(w.t, from)
			assert.LessOrEqual(w.t, to, 3*from)
			t.Logf("%d B from there, %d B to there", from, to)
			assert.Empty(w.t, w.faults())
		})
	}
}
