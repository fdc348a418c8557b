package microcontroller

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/matrix/pair"
)

// tlsLibraries are those for which Debian has a libcoap.
var tlsLibraries = []string{"openssl", "gnutls"}

// startServe runs coapgw serve in front of Dendrite until the test ends.
func startServe(t *testing.T) *pair.Serve {
	t.Helper()
	serve, err := pair.StartServe(t.Context(), bed.coapgw, t.TempDir(), bed.homeserverURL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, serve.Stop()) })
	return serve
}

// TestRoom: what the client sends arrives at the homeserver, and what another user says is
// printed.
func TestRoom(t *testing.T) {
	for _, tls := range tlsLibraries {
		t.Run(tls, func(t *testing.T) {
			t.Parallel()
			serve := startServe(t)
			talk(t, serve, compile(t, tls))
		})
	}
}

// TestServeRestarts: the client goes on with another serve. What is said meanwhile on either
// side arrives, once.
func TestServeRestarts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := pair.StartServe(t.Context(), bed.coapgw, dir, bed.homeserverURL)
	require.NoError(t, err)
	way := startRelay(t, first.Addr())
	alice, sensor := register(t, "alice"), register(t, "sensor")
	room := alice.invite(t, sensor)
	c := start(t, first.PSK(), sensor, way.addr(), room, compile(t, "openssl"))
	c.say("before")
	require.Equal(t, []string{"before"}, alice.messages(t, room, sensor, 1))
	alice.say(t, room, "one")
	c.expect(alice.name + ": one")
	require.NoError(t, first.Stop())
	alice.say(t, room, "two")
	c.say("meanwhile")
	alice.say(t, room, "three")
	second, err := pair.StartServe(t.Context(), bed.coapgw, dir, bed.homeserverURL) // its file of keys is the same
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, second.Stop()) })
	way.turn(t, second.Addr())
	c.expect(alice.name + ": two")
	c.expect(alice.name + ": three")
	require.Equal(t, []string{"before", "meanwhile"}, alice.messages(t, room, sensor, 2))
	alice.say(t, room, "four")
	c.expect(alice.name + ": four")
	assert.Equal(t, 0, c.stop())
}

// TestAcknowledgementLost: libcoap does not acknowledge a notification again that it has
// acknowledged before. So the client renews the observation after a while of silence; serve
// tells it what it has not acknowledged, and it prints nothing twice.
func TestAcknowledgementLost(t *testing.T) {
	t.Parallel()
	serve := startServe(t)
	way := startRelay(t, serve.Addr())
	alice, sensor := register(t, "alice"), register(t, "sensor")
	room := alice.invite(t, sensor)
	c := start(t, serve.PSK(), sensor, way.addr(), room, compile(t, "openssl", "-DREFRESH=15"))
	c.say("ready")
	require.Equal(t, []string{"ready"}, alice.messages(t, room, sensor, 1))
	// An empty acknowledgement takes 4 bytes, and DTLS at most 41 more; no request is as short.
	way.losing(func(datagram []byte) bool { return len(datagram) <= 45 })
	alice.say(t, room, "one")
	c.expect(alice.name + ": one")
	require.Eventually(t, func() bool { return way.lost() > 0 }, patience, time.Millisecond)
	way.losing(nil)
	alice.say(t, room, "two")
	c.expect(alice.name + ": two")
	assert.Equal(t, 0, c.stop())
}

// TestSilence: when nothing is answered any more, the client notices as it renews the
// observation, and tries another session, on which nothing is missing.
func TestSilence(t *testing.T) {
	t.Parallel()
	serve := startServe(t)
	way := startRelay(t, serve.Addr())
	alice, sensor := register(t, "alice"), register(t, "sensor")
	room := alice.invite(t, sensor)
	c := start(t, serve.PSK(), sensor, way.addr(), room, compile(t, "openssl", "-DREFRESH=5"))
	c.say("ready")
	require.Equal(t, []string{"ready"}, alice.messages(t, room, sensor, 1))
	alice.say(t, room, "one")
	c.expect(alice.name + ": one")
	// A handshake is in records of type 22 (RFC 6347 §4.1), and nothing else of the client is.
	const handshake = 22
	again := make(chan struct{}, 1)
	way.losing(func(datagram []byte) bool {
		if datagram[0] == handshake {
			select {
			case again <- struct{}{}:
			default:
			}
		}
		return true
	})
	c.say("meanwhile")
	alice.say(t, room, "two")
	select {
	case <-again:
	case <-time.After(patience):
		require.FailNow(t, "there is no other session")
	}
	way.losing(nil)
	alice.say(t, room, "three")
	for _, text := range []string{"two", "three"} {
		c.expect(alice.name + ": " + text)
	}
	require.Equal(t, []string{"ready", "meanwhile"}, alice.messages(t, room, sensor, 2))
	assert.Equal(t, 0, c.stop())
}

// TestLongText: what does not fit the frame that the client has named is cut, and is marked.
func TestLongText(t *testing.T) {
	t.Parallel()
	serve := startServe(t)
	alice, sensor := register(t, "alice"), register(t, "sensor")
	room := alice.invite(t, sensor)
	c := start(t, serve.PSK(), sensor, serve.Addr(), room, compile(t, "openssl"))
	c.say("ready")
	require.Equal(t, []string{"ready"}, alice.messages(t, room, sensor, 1))
	alice.say(t, room, strings.Repeat("0123456789", 30))
	line := <-c.lines
	assert.Regexp(t, "^"+alice.name+": (0123456789){15,}[0-9]*\\.\\.\\.$", line)
	assert.Less(t, len(line), 210)
	assert.Equal(t, 0, c.stop())
}

// TestWrongPassword: the client says why it does not get on, and tries again, ever later.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	serve := startServe(t)
	alice, sensor := register(t, "alice"), register(t, "sensor")
	room := alice.invite(t, sensor)
	sensor.password = "wrong"
	c := start(t, serve.PSK(), sensor, serve.Addr(), room, compile(t, "openssl"))
	c.expect("answer 4.03 M_FORBIDDEN")
	c.expect("answer 4.03 M_FORBIDDEN")
	assert.Equal(t, 0, c.stop())
}

// talk is a conversation of a client with a person at the homeserver.
func talk(t *testing.T, serve *pair.Serve, command ...string) {
	t.Helper()
	alice, sensor := register(t, "alice"), register(t, "sensor")
	room := alice.invite(t, sensor)
	c := start(t, serve.PSK(), sensor, serve.Addr(), room, command...)
	c.say("21.5 °C") // it joins the room first
	require.Equal(t, []string{"21.5 °C"}, alice.messages(t, room, sensor, 1))
	alice.say(t, room, "thanks")
	c.expect(alice.name + ": thanks")
	c.say("21.7 °C")
	c.say("21.6 °C")
	require.Equal(t, []string{"21.5 °C", "21.7 °C", "21.6 °C"}, alice.messages(t, room, sensor, 3))
	alice.say(t, room, "one\ntwo \x1b[2J")
	c.expect(alice.name + ": one?two ?[2J")
	assert.Equal(t, 0, c.stop())
}
