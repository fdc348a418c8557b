package dtls

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/race"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBucket(t *testing.T) {
	b := bucket{perSecond: 10}
	now := time.Now()
	taken := 0
	for range 20 {
		if b.take(now) {
			taken++
		}
	}
	assert.Equal(t, 10, taken)
	assert.False(t, b.take(now.Add(50*time.Millisecond)))
	assert.True(t, b.take(now.Add(200*time.Millisecond)))
	assert.True(t, b.take(now.Add(time.Hour)))
}

func TestSource(t *testing.T) {
	source := func(a string) addrKey { return keyOf(addr(a)).source() }
	assert.Equal(t, source("192.0.2.1:1"), source("[::ffff:192.0.2.1]:2"))
	assert.NotEqual(t, source("192.0.2.1:1"), source("192.0.2.2:1"))
	assert.Equal(t, source("[2001:db8::1]:1"), source("[2001:db8::ffff:0:0:2]:2"))
	assert.NotEqual(t, source("[2001:db8::1]:1"), source("[2001:db8:0:1::1]:1"))
}

// spoof sends the nth ClientHello of its kind.
func (w *world) spoof(n int, from string) {
	b := bytes.Clone(spoofedHello())
	for i := range 4 {
		b[recordHeader+handshakeHeader+10+i] = byte(n >> (8 * i))
	}
	w.net.send(sent{from: from, to: serverAddress, data: b})
}

// spoofedHello is a whole hello of a client with a key.
func spoofedHello() []byte { return helloRecord() }

// More than ten newcomers a second, or eight of one source, return a cookie first.
func TestCookiesUnderLoad(t *testing.T) {
	for _, tc := range []struct {
		name string
		from func(n int) string
		free int
	}{
		{"rate", func(n int) string { return fmt.Sprintf("203.0.113.%d:1", n+1) }, cookielessPerSecond},
		{"source", func(n int) string { return fmt.Sprintf("203.0.113.1:%d", n+1) }, cookielessPerSource},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in(t, time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
				for n := range 20 {
					w.spoof(n, tc.from(n))
				}
				time.Sleep(500 * time.Millisecond)
				free := 0
				w.listener.mu.Lock()
				for a := range w.listener.halfOpen {
					if !a.cookie {
						free++
					}
				}
				w.listener.mu.Unlock()
				assert.Equal(t, tc.free, free)
			})
		})
	}
}

// One host cannot take all the places, however real its address; and others that find the
// table crowded have their part of it.
func TestOneSourceDoesNotFillTheTable(t *testing.T) {
	race.OneProcessor(t)
	cfg := serverConfig()
	cfg.MaxHalfOpen = 256
	in(t, time.Millisecond, cfg, func(t *testing.T, w *world) {
		all := func(n int) int {
			for i := range n {
				w.spoof(i, fmt.Sprintf("203.0.113.1:%d", i+1))
			}
			time.Sleep(time.Second)
			w.listener.mu.Lock()
			for a := range w.listener.halfOpen {
				a.cookied.Store(true) // as if each had come from there
			}
			w.listener.mu.Unlock()
			return w.listener.Stats().HalfOpen
		}
		assert.Equal(t, 128, all(500))
		for n := range 500 {
			w.spoof(n, fmt.Sprintf("203.0.113.2:%d", n+1))
		}
		time.Sleep(time.Second)
		assert.Equal(t, 128+16, w.listener.Stats().HalfOpen)
		time.Sleep(w.listener.cfg.Slowest.HandshakeTimeout)
		synctest.Wait()
		w.listener.mu.Lock()
		defer w.listener.mu.Unlock()
		assert.Empty(t, w.listener.admission.sources)
	})
}

// Hundreds of clients behind one address, as with an operator's NAT, shake hands at the
// same time on a slow link, and none is turned away.
func TestManyBehindOneAddress(t *testing.T) {
	race.OneProcessor(t)
	const clients = 200
	slow, ok := link.ByName("geo-vsat")
	require.True(t, ok)
	server, client := serverConfig(), clientConfig()
	server.Profile, client.Profile = slow, slow
	in(t, time.Second, server, func(t *testing.T, w *world) {
		var dialing sync.WaitGroup
		w.clients = make([]*Conn, clients)
		for i := range w.clients {
			dialing.Go(func() {
				var err error
				w.clients[i], err = w.dial(fmt.Sprintf("203.0.113.1:%d", i+1), client)
				assert.NoError(t, err)
			})
		}
		for range clients {
			w.accept()
		}
		dialing.Wait()
		assert.Zero(t, w.listener.Stats().Refused)
		assert.Zero(t, w.listener.Stats().Evicted)
	})
}

// Who forges the address of others drives none of them out for good: what has not shown
// that it is there gives way to what comes.
func TestForgedNeighbours(t *testing.T) {
	race.OneProcessor(t)
	cfg := serverConfig()
	cfg.MaxHalfOpen = 64
	in(t, 20*time.Millisecond, cfg, func(t *testing.T, w *world) {
		for n := range 200 {
			w.spoof(n, fmt.Sprintf("203.0.113.1:%d", n+1000))
		}
		time.Sleep(time.Second)
		assert.Equal(t, 32, w.listener.Stats().HalfOpen)
		client, server := w.connect("203.0.113.1:5", clientConfig())
		carries(t, client, server, "nevertheless")
	})
}

// A hundred thousand ClientHellos from as many addresses, ten thousand a second,
// cost bounded memory, and who is real gets in all the same: a handshake that had to
// give way begins again at once.
func TestFlood(t *testing.T) {
	race.OneProcessor(t)
	rounds := 1000
	if race.Detector { // its runtime may fail a check in long runs in virtual time (golang/go#78156)
		rounds /= 40
	}
	in(t, 20*time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			for n := range rounds {
				for k := n * 100; k < (n+1)*100; k++ {
					w.spoof(k, fmt.Sprintf("203.%d.%d.%d:%d", k>>16, k>>8&255, k&255, 1024+k%50_000))
				}
				time.Sleep(10 * time.Millisecond)
				w.net.sentLog()
			}
		}()
		time.Sleep(200 * time.Millisecond)
		for i := range 5 {
			start := time.Now()
			client, server := w.connect(fmt.Sprintf("198.51.100.%d:5", i+1), clientConfig())
			assert.Less(t, time.Since(start), 5*time.Second)
			carries(t, client, server, "through the crowd")
			assert.LessOrEqual(t, w.listener.Stats().HalfOpen, defaultMaxHalfOpen)
		}
		<-done
		s := w.listener.Stats()
		assert.LessOrEqual(t, s.HalfOpen, defaultMaxHalfOpen)
		assert.Equal(t, 5, s.Sessions)
		require.NotZero(t, s.Evicted)
	})
}
