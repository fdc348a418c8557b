package linkemu_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// TestHandshakeOnEachProfile shakes hands with a key over each profile's link, none
// lost: each flight crosses once, in a datagram that keeps to the MTU.
func TestHandshakeOnEachProfile(t *testing.T) {
	for _, p := range link.Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := linkemu.FromProfile(p, 1)
				cfg.Up.Burst, cfg.Down.Burst = link.GilbertElliott{}, link.GilbertElliott{}
				l := linkemu.New(cfg)
				defer l.Close()
				key := []byte("0123456789abcdef")
				listener, err := dtls.Listen(l.Listen(), dtls.Config{
					Profile: p, Keys: func(string) ([]byte, bool) { return key, true },
				})
				require.NoError(t, err)
				start := time.Now()
				address := &net.UDPAddr{IP: net.IPv4(198, 51, 100, 1), Port: 1}
				client, err := dtls.Dial(context.Background(), l.Dial(address), linkemu.FarAddr(),
					dtls.Config{Profile: p, Identity: "ship", Key: key})
				require.NoError(t, err)
				took := time.Since(start)
				server, err := listener.Accept()
				require.NoError(t, err)
				s := l.Stats()
				assert.EqualValues(t, 2, s.Up.Datagrams)
				assert.EqualValues(t, 2, s.Down.Datagrams)
				assert.Zero(t, s.Up.Violations+s.Down.Violations+s.Up.Dropped+s.Down.Dropped)
				t.Logf("%8.2f s, %d B up, %d B down, %d changes of direction", took.Seconds(), s.Up.Payload, s.Down.Payload, s.Turnarounds)
				require.NoError(t, client.Close())
				require.NoError(t, server.Close())
				require.NoError(t, listener.Close())
			})
		})
	}
}
