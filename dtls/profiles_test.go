package dtls

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/internal/linkemu"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shakeOver shakes hands over a profile's link with a server that knows nothing
// of the link, and returns what crossed it.
func shakeOver(t *testing.T, p link.Profile, server Config) linkemu.Stats {
	t.Helper()
	cfg := linkemu.FromProfile(p, 1)
	cfg.Up.Burst, cfg.Down.Burst = link.GilbertElliott{}, link.GilbertElliott{}
	l := linkemu.New(cfg)
	defer l.Close()
	server.Profile.MTU = p.MTU
	listener, err := Listen(l.Listen(), server)
	require.NoError(t, err)
	client := clientConfig()
	client.Profile = p
	c, err := Dial(t.Context(), l.Dial(&net.UDPAddr{IP: net.IPv4(198, 51, 100, 1), Port: 1}), linkemu.FarAddr(), client)
	require.NoError(t, err)
	s, err := listener.Accept()
	require.NoError(t, err)
	stats := l.Stats()
	require.NoError(t, c.Close())
	require.NoError(t, s.Close())
	require.NoError(t, listener.Close())
	return stats
}

// A server that does not know the link sends no flight twice where nothing is
// lost, whether or not it asks for a cookie.
func TestHandshakeOverEachProfile(t *testing.T) {
	for _, p := range link.Profiles() {
		for name, cookieless := range map[string]int{"quiet": 0, "cookie": -1} {
			t.Run(p.Name+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					cfg := serverConfig()
					cfg.MaxCookieless = cookieless
					s := shakeOver(t, p, cfg)
					flights := int64(2)
					if cookieless < 0 {
						flights++
					}
					assert.Equal(t, flights, s.Up.Datagrams, "up")
					assert.Equal(t, flights, s.Down.Datagrams, "down")
					assert.Zero(t, s.Up.Violations+s.Down.Violations+s.Up.Dropped+s.Down.Dropped)
				})
			})
		}
	}
}

// With the timers of a fast link a server floods a slow one: the test above can
// fail.
func TestImpatientServerRepeatsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, ok := link.ByName("hf-s5066-75")
		require.True(t, ok)
		cfg := serverConfig()
		cfg.MaxCookieless = -1
		cfg.Slowest.FlightInterval = time.Second
		assert.Greater(t, shakeOver(t, p, cfg).Down.Datagrams, int64(3))
	})
}

// The client's timer recovers what is lost, also of the flight that the server
// sends after a cookie.
func TestClientRecoversCookiedFlights(t *testing.T) {
	for lost := range 6 {
		cfg := serverConfig()
		cfg.MaxCookieless = -1
		in(t, 50*time.Millisecond, cfg, func(t *testing.T, w *world) {
			i := -1
			w.net.setFilter(func(sent) bool { i++; return i != lost })
			start := time.Now()
			client, server := w.connect(clientAddress, clientConfig())
			assert.Less(t, time.Since(start), 4*time.Second, lost)
			carries(t, client, server, "hello")
			carries(t, server, client, "hello")
		})
	}
}
