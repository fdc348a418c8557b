package linkemu

import (
	"fmt"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
)

// client is the address of the n-th test client.
func client(n int) net.Addr { return &net.UDPAddr{IP: net.IPv4(198, 51, 100, byte(n)), Port: 40000} }

// inBubble runs f in virtual time with a link that is closed at the end; the
// bubble fails the test if a goroutine is left then.
func inBubble(t *testing.T, cfg Config, f func(t *testing.T, l *Link)) {
	synctest.Test(t, func(t *testing.T) {
		l := New(cfg)
		defer l.Close()
		f(t, l)
	})
}

// send writes a datagram of n bytes to the far side.
func send(t *testing.T, c *Conn, n int) {
	t.Helper()
	got, err := c.WriteTo(make([]byte, n), FarAddr())
	require.NoError(t, err)
	require.Equal(t, n, got)
}

// receive reads a datagram and tells how long after start it came.
func receive(t *testing.T, c *Conn, start time.Time) (payload []byte, from net.Addr, after time.Duration) {
	t.Helper()
	buf := make([]byte, maxUDP)
	n, from, err := c.ReadFrom(buf)
	require.NoError(t, err)
	return buf[:n], from, time.Since(start)
}

// nothing checks that no datagram comes within a day.
func nothing(t *testing.T, c *Conn) {
	t.Helper()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(24*time.Hour)))
	_, _, err := c.ReadFrom(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, c.SetReadDeadline(time.Time{}))
}

// TestArrival checks times to the nanosecond: 300 bit/s up, 75 bit/s down.
func TestArrival(t *testing.T) {
	cfg := Config{
		Up:       Direction{Rate: 300, Delay: 2 * time.Second},
		Down:     Direction{Rate: 75, Delay: 500 * time.Millisecond},
		Overhead: 28,
	}
	inBubble(t, cfg, func(t *testing.T, l *Link) {
		far, near := l.Listen(), l.Dial(client(1))
		start := time.Now()
		send(t, near, 47) // 75 bytes: 2 s
		send(t, near, 2)  // 30 bytes: 800 ms after the first has left
		payload, from, after := receive(t, far, start)
		assert.Len(t, payload, 47)
		assert.Equal(t, client(1), from)
		assert.Equal(t, 4*time.Second, after)
		payload, _, after = receive(t, far, start)
		assert.Len(t, payload, 2)
		assert.Equal(t, 4800*time.Millisecond, after)

		// The link was free again long ago; the other direction is independent.
		start = time.Now()
		_, err := far.WriteTo(make([]byte, 47), from)
		require.NoError(t, err)
		send(t, near, 2)
		_, _, after = receive(t, far, start)
		assert.Equal(t, 2800*time.Millisecond, after)
		payload, from, after = receive(t, near, start)
		assert.Len(t, payload, 47)
		assert.Equal(t, FarAddr(), from)
		assert.Equal(t, 8500*time.Millisecond, after)

		assert.Equal(t, Stats{
			Up:   Counters{Datagrams: 3, Bytes: 75 + 30 + 30, Payload: 47 + 2 + 2, Busy: 3600 * time.Millisecond},
			Down: Counters{Datagrams: 1, Bytes: 75, Payload: 47, Busy: 8 * time.Second},
		}, l.Stats())
	})
}

// TestPerfectLink: without rate and delay a datagram arrives at once, in order.
func TestPerfectLink(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *Link) {
		far, near := l.Listen(), l.Dial(client(1))
		start := time.Now()
		for n := range 100 {
			send(t, near, n)
		}
		for n := range 100 {
			payload, _, after := receive(t, far, start)
			require.Len(t, payload, n)
			require.Zero(t, after)
		}
	})
}

// TestJitter checks the bounds, that they are used, and that datagrams overtake
// each other only with jitter.
func TestJitter(t *testing.T) {
	cfg := Config{Up: Direction{Delay: time.Second, Jitter: 100 * time.Millisecond}, Seed: 1}
	inBubble(t, cfg, func(t *testing.T, l *Link) {
		far, near := l.Listen(), l.Dial(client(1))
		start := time.Now()
		const count = 1000
		for n := range count {
			send(t, near, n)
		}
		first, last, overtaken, before := time.Hour, time.Duration(0), 0, -1
		for range count {
			payload, _, after := receive(t, far, start)
			first, last = min(first, after), max(last, after)
			if len(payload) < before {
				overtaken++
			}
			before = len(payload)
		}
		assert.GreaterOrEqual(t, first, time.Second)
		assert.Less(t, first, 1001*time.Millisecond)
		assert.Greater(t, last, 1099*time.Millisecond)
		assert.LessOrEqual(t, last, 1100*time.Millisecond)
		assert.NotZero(t, overtaken)
	})
}

// losses returns which of 2,000 datagrams a link loses.
func losses(t *testing.T, cfg Config) (lost []int) {
	inBubble(t, cfg, func(t *testing.T, l *Link) {
		near := l.Dial(client(1))
		n := 0
		l.Tap(func(p Packet) {
			if p.Verdict == Lost {
				lost = append(lost, n)
			}
			n++
		})
		for range 2000 {
			send(t, near, 10)
		}
		assert.EqualValues(t, 2000, l.Stats().Up.Datagrams)
		assert.EqualValues(t, len(lost), l.Stats().Up.Lost)
	})
	return lost
}

func TestLoss(t *testing.T) {
	cfg := Config{Up: Direction{Loss: 0.2}, Seed: 7}
	first := losses(t, cfg)
	assert.InDelta(t, 400, len(first), 60)
	assert.Equal(t, first, losses(t, cfg), "same seed")

	cfg.Up.Jitter = time.Second
	assert.Equal(t, first, losses(t, cfg), "jitter leaves the pattern alone")
	cfg.Seed = 8
	assert.NotEqual(t, first, losses(t, cfg), "another seed")
	cfg.Up.Loss = 0
	assert.Empty(t, losses(t, cfg))
	cfg.Up.Loss = 1
	assert.Len(t, losses(t, cfg), 2000)
}

// TestLossUsesAirtime: what follows a lost datagram comes no earlier for it.
func TestLossUsesAirtime(t *testing.T) {
	cfg := Config{Up: Direction{Rate: 80, Loss: 0.5}, Seed: 1}
	inBubble(t, cfg, func(t *testing.T, l *Link) {
		far, near := l.Listen(), l.Dial(client(1))
		var carried []int
		n := 0
		l.Tap(func(p Packet) {
			n++
			if p.Verdict == Carried {
				carried = append(carried, n)
			}
		})
		start := time.Now()
		for range 20 {
			send(t, near, 10) // 1 s
		}
		require.NotEmpty(t, carried)
		require.Less(t, len(carried), 20)
		for _, n := range carried {
			_, _, after := receive(t, far, start)
			require.Equal(t, time.Duration(n)*time.Second, after)
		}
	})
}

func TestQueue(t *testing.T) {
	cfg := Config{Up: Direction{Rate: 80, Queue: 20}}
	inBubble(t, cfg, func(t *testing.T, l *Link) {
		far, near := l.Listen(), l.Dial(client(1))
		start := time.Now()
		send(t, near, 10) // leaves at once: does not wait
		send(t, near, 11)
		send(t, near, 9) // the queue is full to the byte
		send(t, near, 0) // an empty one fits still
		send(t, near, 1) // dropped
		for _, want := range []struct {
			length int
			after  time.Duration
		}{{10, time.Second}, {11, 2100 * time.Millisecond}} {
			payload, _, after := receive(t, far, start)
			require.Len(t, payload, want.length)
			require.Equal(t, want.after, after)
		}
		send(t, near, 20) // both have begun to leave: room again
		for _, want := range []int{9, 0, 20} {
			payload, _, _ := receive(t, far, start)
			require.Len(t, payload, want)
		}
		assert.Equal(t, 5*time.Second, time.Since(start))
		assert.Equal(t, Counters{Datagrams: 5, Bytes: 50, Payload: 50, Busy: 5 * time.Second, Dropped: 1}, l.Stats().Up)
	})
}

func TestMTU(t *testing.T) {
	inBubble(t, Config{Up: Direction{MTU: 100, Rate: 8}}, func(t *testing.T, l *Link) {
		far, near := l.Listen(), l.Dial(client(1))
		start := time.Now()
		send(t, near, 101)
		send(t, near, 100)
		payload, _, after := receive(t, far, start)
		assert.Len(t, payload, 100)
		assert.Equal(t, 100*time.Second, after, "a violation uses no airtime")
		assert.Equal(t, Counters{Datagrams: 1, Bytes: 100, Payload: 100, Busy: 100 * time.Second, Violations: 1}, l.Stats().Up)

		_, err := far.WriteTo(make([]byte, maxUDP+1), client(1))
		require.NoError(t, err)
		assert.Equal(t, Counters{Violations: 1}, l.Stats().Down, "what UDP cannot carry")
	})
}

// trace runs an echo over a link and returns what a tap saw.
func trace(t *testing.T, cfg Config) (trace []string) {
	inBubble(t, cfg, func(t *testing.T, l *Link) {
		far, near := l.Listen(), l.Dial(client(1))
		start := time.Now()
		l.Tap(func(p Packet) {
			trace = append(trace, fmt.Sprint(p.Up, p.From, p.To, len(p.Payload), p.Verdict,
				p.Sent.Sub(start), p.Departs.Sub(start), p.Arrives.Sub(start)))
		})
		echoed := make(chan struct{})
		go func() {
			defer close(echoed)
			buf := make([]byte, 512)
			for {
				n, from, err := far.ReadFrom(buf)
				if err != nil {
					return
				}
				_, _ = far.WriteTo(buf[:n], from)
			}
		}()
		for n := range 200 {
			send(t, near, n+100)
			time.Sleep(700 * time.Millisecond)
		}
		nothing(t, l.Dial(client(2)))
		require.NoError(t, far.Close())
		<-echoed
	})
	return trace
}

func TestTraceRepeats(t *testing.T) {
	d := Direction{Rate: 1200, Delay: 600 * time.Millisecond, Jitter: 200 * time.Millisecond, Loss: 0.1, MTU: 256, Queue: 600}
	configs := map[string]func(uint64) Config{"plain": func(seed uint64) Config { return Config{Up: d, Down: d, Seed: seed, Overhead: 28} }}
	for _, p := range link.Profiles() {
		configs[p.Name] = func(seed uint64) Config { return FromProfile(p, seed) }
	}
	for name, config := range configs {
		first := trace(t, config(3))
		assert.Greater(t, len(first), 200, name)
		assert.Equal(t, first, trace(t, config(3)), name)
		assert.NotEqual(t, first, trace(t, config(4)), name)
	}
}

func TestTap(t *testing.T) {
	inBubble(t, Config{Up: Direction{Rate: 8, Delay: time.Second, MTU: 2}}, func(t *testing.T, l *Link) {
		near := l.Dial(client(1))
		var seen []Packet
		l.Tap(func(p Packet) { seen = append(seen, p) })
		now := time.Now()
		buf := []byte("ab")
		_, err := near.WriteTo(buf, FarAddr())
		require.NoError(t, err)
		buf[0] = 'x'
		send(t, near, 3)
		assert.Equal(t, []Packet{
			{Up: true, From: client(1), To: FarAddr(), Payload: []byte("ab"), Verdict: Carried,
				Sent: now, Departs: now.Add(2 * time.Second), Arrives: now.Add(3 * time.Second)},
			{Up: true, From: client(1), To: FarAddr(), Payload: make([]byte, 3), Verdict: Violation, Sent: now},
		}, seen)
	})
}

// TestAdvance: with a clock of one's own nothing happens but by Advance.
func TestAdvance(t *testing.T) {
	for _, half := range []bool{false, true} {
		start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
		now := start
		l := New(Config{
			Up:         Direction{Rate: 80, Delay: time.Second},
			HalfDuplex: HalfDuplex{On: half},
			Now:        func() time.Time { return now },
		})
		far, near := l.Listen(), l.Dial(client(1))
		assert.True(t, l.Advance().IsZero())
		send(t, near, 10)
		send(t, near, 20)
		var arrived []time.Duration
		for next := l.Advance(); !next.IsZero(); next = l.Advance() {
			require.True(t, next.After(now))
			now = next
			l.Advance()
			if len(l.up.sockets[FarAddr().String()].inbox) > 0 {
				_, _, err := far.ReadFrom(make([]byte, 20))
				require.NoError(t, err)
				arrived = append(arrived, now.Sub(start))
			}
		}
		assert.Equal(t, []time.Duration{2 * time.Second, 4 * time.Second}, arrived)
		require.NoError(t, far.SetReadDeadline(now))
		_, _, err := far.ReadFrom(nil)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.NoError(t, l.Close())
	}
}
