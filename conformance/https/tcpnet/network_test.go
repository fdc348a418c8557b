package tcpnet

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/linkemu"
)

// onNetwork runs f beside a server that copies what it gets to where to says.
func onNetwork(t *testing.T, cfg linkemu.Config, to func(net.Conn) io.Writer, f func(n *Network)) {
	for _, control := range []Control{CUBIC, NewReno} {
		n := New(cfg, control)
		l, err := n.Listen()
		require.NoError(t, err)
		var served sync.WaitGroup
		served.Go(func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				served.Go(func() {
					_, _ = io.Copy(to(c), c)
					c.Close()
				})
			}
		})
		f(n)
		n.Close()
		served.Wait()
	}
}

func back(c net.Conn) io.Writer  { return c }
func nowhere(net.Conn) io.Writer { return io.Discard }

// echo sends n bytes and reads them back.
func echo(t *testing.T, c net.Conn, n int) {
	var sent sync.WaitGroup
	sent.Go(func() {
		_, err := c.Write(make([]byte, n))
		assert.NoError(t, err)
	})
	_, err := io.CopyN(io.Discard, c, int64(n))
	assert.NoError(t, err)
	sent.Wait()
}

// The headers of packets: SYN with maximum segment size, window scale, SACK and
// timestamps, and all others with timestamps.
const (
	syn     = 20 + 20 + 20
	headers = 20 + 20 + 12
)

// TestConnection counts a connection to the byte, with airtime and delay.
func TestConnection(t *testing.T) {
	d := linkemu.Direction{Rate: 80_000, Delay: 100 * time.Millisecond} // 10 B in 1 ms
	onNetwork(t, linkemu.Config{Up: d, Down: d, Overhead: 28}, back, func(n *Network) {
		took, ok := n.Run(time.Hour, func() {
			c, err := n.DialContext(t.Context(), "", "")
			require.NoError(t, err)
			assert.InDelta(t, 0.212, n.Now().Sub(epoch).Seconds(), 1e-6)
			echo(t, c, 100)
			// Two full packets, and the acknowledgement was in front of the first.
			assert.InDelta(t, 0.212+0.2+0.0052+2*0.0152, n.Now().Sub(epoch).Seconds(), 1e-6)
			n.Sleep(time.Minute)
			up, down := n.Traffic()
			assert.Equal(t, Traffic{Bytes: syn + 3*headers + 100, Packets: 4}, up, "handshake, data and one delayed acknowledgement")
			assert.Equal(t, Traffic{Bytes: syn + headers + 100, Packets: 2}, down, "the data acknowledges")
			l := n.Link()
			assert.EqualValues(t, up.Bytes, l.Up.Bytes)
			assert.EqualValues(t, down.Bytes, l.Down.Bytes)
			c.Close()
		})
		assert.True(t, ok)
		assert.InDelta(t, 60.4476, took.Seconds(), 1e-6)
		assert.InDelta(t, 60.4476, n.Now().Sub(epoch).Seconds(), 1e-6, "no time passes when f has returned")
	})
}

// TestDelayedAcks: a stream has one acknowledgement for every second segment.
func TestDelayedAcks(t *testing.T) {
	d := linkemu.Direction{Rate: 1e6, Delay: time.Millisecond}
	onNetwork(t, linkemu.Config{Up: d, Down: d}, nowhere, func(n *Network) {
		_, ok := n.Run(time.Hour, func() {
			c, err := n.DialContext(t.Context(), "", "")
			require.NoError(t, err)
			_, err = c.Write(make([]byte, 100*1448))
			require.NoError(t, err)
			n.Sleep(time.Minute)
			up, down := n.Traffic()
			assert.InDelta(t, 2+100, up.Packets, 5)
			assert.InDelta(t, 1+50, down.Packets, 6, "at the start acknowledgements travel alone, too")
			c.Close()
		})
		assert.True(t, ok)
	})
}

// TestRunEnds at the moment when f returns, though a timer is set for later.
func TestRunEnds(t *testing.T) {
	d := linkemu.Direction{Delay: time.Second}
	onNetwork(t, linkemu.Config{Up: d, Down: d}, back, func(n *Network) {
		_, ok := n.Run(time.Hour, func() {
			c, err := n.DialContext(t.Context(), "", "")
			require.NoError(t, err)
			echo(t, c, 1)
		})
		assert.True(t, ok)
		assert.InDelta(t, 4, n.Now().Sub(epoch).Seconds(), 1e-6, "the acknowledgement would be due after 40 ms")
	})
}

// TestLoss: everything arrives over a link that loses and reorders, and the same
// seed has the same story.
func TestLoss(t *testing.T) {
	d := linkemu.Direction{Rate: 1e6, Delay: 50 * time.Millisecond, Jitter: 20 * time.Millisecond, Loss: 0.05, MTU: 548}
	var stories [2][]linkemu.Stats
	for i := range stories {
		onNetwork(t, linkemu.Config{Up: d, Down: d, Seed: 7}, back, func(n *Network) {
			_, ok := n.Run(time.Hour, func() {
				c, err := n.DialContext(t.Context(), "", "")
				require.NoError(t, err)
				echo(t, c, 100_000)
				c.Close()
			})
			require.True(t, ok)
			l := n.Link()
			assert.NotZero(t, l.Up.Lost)
			assert.NotZero(t, l.Down.Lost)
			assert.Zero(t, l.Up.Violations+l.Down.Violations)
			stories[i] = append(stories[i], l)
		})
	}
	assert.Equal(t, stories[0], stories[1])
}

// TestLimit: Run returns when the time is over, and what it ran goes on at the
// next one.
func TestLimit(t *testing.T) {
	n := New(linkemu.Config{Up: linkemu.Direction{Loss: 1}}, CUBIC)
	defer n.Close()
	ended := make(chan error, 1)
	took, ok := n.Run(time.Minute, func() {
		_, err := n.DialContext(t.Context(), "", "")
		ended <- err
	})
	assert.False(t, ok)
	assert.Equal(t, time.Minute, took)
	assert.Equal(t, time.Minute, n.Now().Sub(epoch))
	_, ok = n.Run(time.Hour, func() { require.Error(t, <-ended) })
	assert.True(t, ok)
	assert.InDelta(t, 127, n.Now().Sub(epoch).Seconds(), 1, "six retransmissions of the SYN, as Linux")
}
