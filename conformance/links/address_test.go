package links

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/virtual"
	"github.com/coapgw/coapgw/dtls"
)

// TestAddressChangesMidSession: a NAT that forgets its mapping costs no handshake,
// whether it happens between two requests, during an upload, a download, or while
// a long-poll waits.
func TestAddressChangesMidSession(t *testing.T) {
	p := lossy()
	inWorld(t, p, emulate(p), func(w *world) {
		w.populate(1, 100)
		bob := w.aboard()
		bob.login("bob")
		shaken := w.Handshakes.Load()

		w.Rebind(virtual.Ship(50_001))
		room := bob.room()

		defer w.rebindAfter(3*time.Second, 50_002)()
		bob.do("POST", "/_matrix/media/r0/upload?filename=photo", noise(20_000))

		defer w.rebindAfter(3*time.Second, 50_003)()
		first := bob.do("GET", syncHundred, "")
		require.Equal(w.T, w.homeserver.answer(), first)
		assert.Greater(w.T, len(first), 20_000)

		// The answer to a long-poll goes to where the session was heard last, so
		// the client has to say something first.
		since := field(bob, first, "next_batch")
		defer w.rebindAfter(time.Minute, 50_004)()
		defer bob.sendAfter(2*time.Minute, room, "ahoy")()
		got := bob.do("GET", r0+"/sync?timeout=300000&since="+since, "")
		assert.Contains(w.T, got, "ahoy")

		assert.EqualValues(w.T, 1, w.Dials.Load())
		assert.Equal(w.T, shaken, w.Handshakes.Load(), "handshake records after the first handshake")
	})
}

// TestServerRestartsAndAddressChanges: the server knows the session no more and
// the client has another address. A GET goes on by a session of its own once the
// old one proves to be dead; the caller notices the delay alone.
func TestServerRestartsAndAddressChanges(t *testing.T) {
	p := tenSeconds()
	inWorld(t, p, emulate(p), func(w *world) {
		w.ashore("alice")
		alice := w.aboard()
		alice.login("alice")
		alice.do("GET", r0+"/account/whoami", "")

		w.Restart(dtls.Config{})
		w.Rebind(virtual.Ship(50_001))
		start := time.Now()
		assert.Contains(w.T, alice.do("GET", r0+"/account/whoami", ""), alice.userID)
		took := time.Since(start)
		w.T.Log("recovered after", took)
		assert.LessOrEqual(w.T, took, p.MaxTransmitWait()+p.HandshakeTimeout)
		assert.EqualValues(w.T, 2, w.Dials.Load())

		room := alice.room()
		alice.send(room, 1, "hello world")
		assert.EqualValues(w.T, 2, w.Dials.Load(), "the new session stays")
	})
}

// rebindAfter gives the session another port after a time. The function that it
// returns must be called before the world ends.
func (w *world) rebindAfter(d time.Duration, port int) (stop func()) {
	t := time.AfterFunc(d, func() { w.Rebind(virtual.Ship(port)) })
	return func() { t.Stop() }
}
