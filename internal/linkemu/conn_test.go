package linkemu

import (
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReadTruncates(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *Link) {
		far, near := l.Listen(), l.Dial(client(1))
		for _, s := range []string{"hello", "you"} {
			_, err := near.WriteTo([]byte(s), FarAddr())
			require.NoError(t, err)
		}
		buf := make([]byte, 3)
		for _, want := range []string{"hel", "you"} {
			n, _, err := far.ReadFrom(buf)
			require.NoError(t, err)
			assert.Equal(t, want, string(buf[:n]))
		}
	})
}

func TestReadDeadline(t *testing.T) {
	inBubble(t, Config{Up: Direction{Delay: 3 * time.Second}}, func(t *testing.T, l *Link) {
		far, near := l.Listen(), l.Dial(client(1))
		start := time.Now()
		send(t, near, 1)
		require.NoError(t, far.SetReadDeadline(start.Add(2*time.Second)))
		_, _, err := far.ReadFrom(nil)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		var ne net.Error
		require.ErrorAs(t, err, &ne)
		assert.True(t, ne.Timeout())
		assert.Equal(t, 2*time.Second, time.Since(start))

		// Passed deadlines win over data, until they are moved.
		time.Sleep(2 * time.Second)
		_, _, err = far.ReadFrom(nil)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.NoError(t, far.SetReadDeadline(time.Time{}))
		_, _, after := receive(t, far, start)
		assert.Equal(t, 4*time.Second, after)
	})
}

// TestDeadlineMovesWaitingRead moves a deadline closer, and away, under a read.
func TestDeadlineMovesWaitingRead(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *Link) {
		far := l.Listen()
		start := time.Now()
		require.NoError(t, far.SetDeadline(start.Add(10*time.Second)))
		ended := make(chan error)
		go func() {
			_, _, err := far.ReadFrom(nil)
			ended <- err
		}()
		synctest.Wait()
		require.NoError(t, far.SetDeadline(start.Add(20*time.Second)))
		time.Sleep(15 * time.Second)
		require.NoError(t, far.SetDeadline(start.Add(time.Second)))
		require.ErrorIs(t, <-ended, os.ErrDeadlineExceeded)
		assert.Equal(t, 15*time.Second, time.Since(start))

		_, err := far.WriteTo(nil, client(1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.NoError(t, far.SetWriteDeadline(time.Time{}))
		_, err = far.WriteTo(nil, client(1))
		require.NoError(t, err)
	})
}

func TestCloseEndsReads(t *testing.T) {
	for name, closing := range map[string]func(l *Link, c *Conn) error{
		"socket": func(_ *Link, c *Conn) error { return c.Close() },
		"link":   func(l *Link, _ *Conn) error { return l.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{}, func(t *testing.T, l *Link) {
				c := l.Dial(client(1))
				deaf := l.Dial(client(2))
				l.Dial(client(2)) // takes the address over
				var reads sync.WaitGroup
				for range 3 {
					reads.Go(func() {
						_, _, err := c.ReadFrom(nil)
						assert.ErrorIs(t, err, net.ErrClosed)
					})
				}
				reads.Go(func() {
					_, _, err := deaf.ReadFrom(nil)
					assert.ErrorIs(t, err, net.ErrClosed)
				})
				synctest.Wait()
				require.NoError(t, closing(l, c))
				require.NoError(t, l.Close())
				reads.Wait()

				_, err := c.WriteTo(nil, FarAddr())
				assert.ErrorIs(t, err, net.ErrClosed)
				assert.ErrorIs(t, c.SetDeadline(time.Time{}), net.ErrClosed)
				assert.ErrorIs(t, c.Close(), net.ErrClosed)
				_, _, err = l.Dial(client(3)).ReadFrom(nil)
				assert.ErrorIs(t, err, net.ErrClosed)
			})
		})
	}
}

// TestCloseLeavesDatagramsBehind closes a link with datagrams on their way.
func TestCloseLeavesDatagramsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{Up: Direction{Delay: time.Hour}})
		send(t, l.Dial(client(1)), 1)
		start := time.Now()
		require.NoError(t, l.Close())
		require.NoError(t, l.Close())
		assert.Zero(t, time.Since(start))
	})
}

func TestAddresses(t *testing.T) {
	inBubble(t, Config{Down: Direction{Delay: time.Second}}, func(t *testing.T, l *Link) {
		far, one, two := l.Listen(), l.Dial(client(1)), l.Dial(client(2))
		to := func(n int, s string) {
			_, err := far.WriteTo([]byte(s), client(n))
			require.NoError(t, err)
		}
		got := func(c *Conn) string {
			payload, from, _ := receive(t, c, time.Now())
			require.Equal(t, FarAddr(), from)
			return string(payload)
		}
		to(1, "a")
		to(2, "b")
		assert.Equal(t, "b", got(two))
		assert.Equal(t, "a", got(one))

		// A datagram to the old address is lost, one from the new address is seen.
		to(1, "old")
		one.Rebind(client(3))
		assert.Equal(t, client(3), one.LocalAddr())
		to(3, "new")
		assert.Equal(t, "new", got(one))
		nothing(t, one)
		send(t, one, 1)
		_, from, _ := receive(t, far, time.Now())
		assert.Equal(t, client(3), from)
		assert.EqualValues(t, 1, l.Stats().Down.Unclaimed)

		// Another socket takes the address of two; closing two does not harm it.
		three := l.Dial(client(2))
		require.NoError(t, two.Close())
		to(2, "c")
		assert.Equal(t, "c", got(three))

		// The far side starts again.
		require.NoError(t, far.Close())
		send(t, one, 1)
		synctest.Wait()
		far = l.Listen()
		assert.Equal(t, FarAddr(), far.LocalAddr())
		send(t, one, 2)
		payload, _, _ := receive(t, far, time.Now())
		assert.Len(t, payload, 2)

		// Sockets of one side do not reach each other.
		_, err := one.WriteTo(nil, client(2))
		require.NoError(t, err)
		nothing(t, three)
	})
}

// TestRebindClosed: a closed socket takes no address.
func TestRebindClosed(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *Link) {
		far, one, two := l.Listen(), l.Dial(client(1)), l.Dial(client(2))
		require.NoError(t, one.Close())
		one.Rebind(client(2))
		_, err := far.WriteTo([]byte("x"), client(2))
		require.NoError(t, err)
		payload, _, _ := receive(t, two, time.Now())
		assert.Equal(t, "x", string(payload))
	})
}

func TestInboxIsBounded(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *Link) {
		far, near := l.Listen(), l.Dial(client(1))
		for range maxInbox + 10 {
			send(t, near, 0)
		}
		synctest.Wait()
		assert.EqualValues(t, 10, l.Stats().Up.Unclaimed)
		for range maxInbox {
			receive(t, far, time.Now())
		}
		nothing(t, far)
	})
}

func BenchmarkDatagram(b *testing.B) {
	l := New(Config{Overhead: 28})
	defer l.Close()
	far, near := l.Listen(), l.Dial(client(1))
	payload, buf := make([]byte, 200), make([]byte, 200)
	b.ReportAllocs()
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		if _, err := near.WriteTo(payload, FarAddr()); err != nil {
			b.Fatal(err)
		}
		if _, _, err := far.ReadFrom(buf); err != nil {
			b.Fatal(err)
		}
	}
}
