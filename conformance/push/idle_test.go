package push

import (
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// ipUDP is what IPv4 and UDP add to a datagram, in bytes.
const ipUDP = 28

// nat is a mapping on the way that is forgotten in silence: what comes from beyond is then
// lost, and what goes out has another address.
type nat struct {
	net.PacketConn
	rebind func()
	lasts  time.Duration

	mu   sync.Mutex
	used time.Time
	lost int
}

// use reports whether the mapping was there, and is fresh again if it was.
func (n *nat) use(anew bool) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	there := time.Since(n.used) <= n.lasts
	switch {
	case there || anew:
		n.used = time.Now()
	default:
		n.lost++
	}
	return there
}

// WriteTo implements net.PacketConn.
func (n *nat) WriteTo(p []byte, to net.Addr) (int, error) {
	if !n.use(true) {
		n.rebind()
	}
	return n.PacketConn.WriteTo(p, to)
}

// ReadFrom implements net.PacketConn.
func (n *nat) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		size, from, err := n.PacketConn.ReadFrom(p)
		if err != nil || n.use(false) {
			return size, from, err
		}
	}
}

// idle is what an hour without news for the user came to.
type idle struct {
	packets, bytes int
	// asked are the polls that the client made.
	asked int
}

// idleHour has a client poll for an hour, while all that happens at the homeserver is none
// of its business. Then it is told something, to see that it would have been.
func idleHour(t *testing.T, p link.Profile, push bool, mapping time.Duration) (out idle) {
	cfg := clean(p)
	o := options{profile: p, link: cfg, durable: true}
	var ways []*nat
	if mapping > 0 {
		port := 50_000
		o.behind = func(pc net.PacketConn) net.PacketConn {
			n := &nat{PacketConn: pc, lasts: mapping, rebind: func() {
				port++
				pc.(socket).Rebind(ship(port))
			}}
			ways = append(ways, n)
			return n
		}
	}
	inWorld(t, o, func(w *world) {
		carrier := http.RoundTripper(w)
		if !push {
			carrier = w.client.joined
		}
		bob := w.newUser("bob", carrier)
		bob.patience = 12 * time.Hour
		alice := w.newUser("alice", w.near())
		room := w.room(alice, bob)
		over := make(chan struct{})
		var others sync.WaitGroup
		others.Go(func() { w.otherRoom(over, 2*time.Second) })
		for range 4 { // the first sync, what it missed, and the registration
			require.Equal(t, http.StatusOK, bob.sync(30*time.Second, false))
		}
		var mu sync.Mutex
		count := false
		w.link.Tap(func(packet linkemu.Packet) {
			mu.Lock()
			defer mu.Unlock()
			if count {
				out.packets++
				out.bytes += len(packet.Payload) + ipUDP
			}
		})
		counting := func(on bool) {
			mu.Lock()
			defer mu.Unlock()
			count = on
		}
		counting(true)
		for begun := time.Now(); time.Since(begun) < time.Hour; out.asked++ {
			require.Equal(t, http.StatusOK, bob.sync(30*time.Second, false))
		}
		counting(false)
		require.Empty(t, bob.seen)
		alice.tell(bob, "news")
		alice.send(room, "news", 1)
		for range 100 {
			require.Equal(t, http.StatusOK, bob.sync(30*time.Second, false))
			if len(bob.seen) > 0 {
				break
			}
		}
		close(over)
		others.Wait()
		assert.Equal(t, []string{"news"}, bob.seen)
		assert.Equal(t, []string{"news"}, bob.told)
		assert.Empty(t, bob.wrong)
		for _, n := range ways {
			assert.Zero(t, n.lost, "datagrams that met a dead mapping")
		}
	})
	return out
}

// otherRoom has two talk in a room that is nobody else's business.
func (w *world) otherRoom(over <-chan struct{}, pause time.Duration) {
	erin, frank := w.newUser("erin", w.near()), w.newUser("frank", w.near())
	room := w.room(erin, frank)
	for n := 0; ; n++ {
		select {
		case <-over:
			return
		case <-time.After(pause):
			erin.send(room, fmt.Sprint("o", n), n)
			frank.do("PUT", "rooms/"+room+"/typing/"+frank.id, object{"typing": n%2 == 0, "timeout": 5000}, nil)
		}
	}
}

// clean is the link of a profile without loss and jitter.
func clean(p link.Profile) linkemu.Config {
	cfg := linkemu.FromProfile(p, 1)
	for _, d := range []*linkemu.Direction{&cfg.Up, &cfg.Down} {
		d.Burst, d.Jitter = link.GilbertElliott{}, 0
	}
	return cfg
}

// TestIdle: an hour without news costs nothing on links without NAT, and at most 4 kB of
// whole IP packets behind one that forgets after two minutes.
func TestIdle(t *testing.T) {
	const forgetsAfter, most = 2 * time.Minute, 4000
	for _, p := range link.Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			mapping := time.Duration(0)
			if p.KeepAlive > 0 {
				mapping = forgetsAfter
			}
			pushed, polled := idleHour(t, p, true, mapping), idleHour(t, p, false, mapping)
			t.Logf("%d B in %d packets, for %d polls of the client; polling: %d B in %d packets, for %d",
				pushed.bytes, pushed.packets, pushed.asked, polled.bytes, polled.packets, polled.asked)
			if mapping == 0 {
				assert.Zero(t, pushed.bytes)
			}
			assert.LessOrEqual(t, pushed.bytes, most)
			assert.Less(t, pushed.bytes, polled.bytes)
		})
	}
}
