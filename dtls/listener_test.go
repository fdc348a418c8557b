package dtls

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Sessions beyond the limit displace the one idle for longest.
func TestMaxSessions(t *testing.T) {
	cfg := serverConfig()
	cfg.MaxSessions = 3
	in(t, time.Millisecond, cfg, func(t *testing.T, w *world) {
		var clients, servers []*Conn
		for i := range 3 {
			c, s := w.connect(fmt.Sprintf("198.51.100.%d:5", i+1), clientConfig())
			clients, servers = append(clients, c), append(servers, s)
			time.Sleep(time.Second)
		}
		carries(t, clients[0], servers[0], "I am not idle")
		time.Sleep(time.Second)
		c, s := w.connect("198.51.100.9:5", clientConfig())
		carries(t, c, s, "room for me")
		carries(t, clients[0], servers[0], "and me")
		_, err := servers[1].Read(make([]byte, 1))
		assert.Error(t, err)
		assert.Equal(t, 3, w.listener.Stats().Sessions)
		assert.EqualValues(t, 1, w.listener.Stats().Displaced)
	})
}

// Limits may change while sessions are open.
func TestSetLimits(t *testing.T) {
	in(t, time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
		var clients, servers []*Conn
		for i := range 4 {
			c, s := w.connect(fmt.Sprintf("198.51.100.%d:5", i+1), clientConfig())
			clients, servers = append(clients, c), append(servers, s)
			time.Sleep(time.Second)
		}
		carries(t, clients[0], servers[0], "I am not idle")
		gone := func(s *Conn) {
			t.Helper()
			_, err := s.Read(make([]byte, 1))
			assert.Error(t, err)
		}
		w.listener.SetLimits(Limits{MaxSessions: 2})
		gone(servers[1])
		gone(servers[2])
		assert.Equal(t, 2, w.listener.Stats().Sessions)
		carries(t, clients[0], servers[0], "one of those that stay")

		w.listener.SetLimits(Limits{MaxPerIdentity: 1})
		assert.Equal(t, 2, w.listener.Stats().Sessions, "until there is another")
		_, last := w.connect("198.51.100.9:5", clientConfig())
		gone(servers[3])

		time.Sleep(time.Hour)
		assert.Equal(t, 2, w.listener.Stats().Sessions)
		w.listener.SetLimits(Limits{IdleLifetime: time.Minute})
		time.Sleep(10 * time.Second)
		gone(last)
		assert.Zero(t, w.listener.Stats().Sessions)
	})
}

// A slow reader loses datagrams; it does not hold up others.
func TestSlowReader(t *testing.T) {
	in(t, time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
		slow, slowServer := w.connect(clientAddress, clientConfig())
		for range 200 {
			_, err := slow.Write(make([]byte, 1000))
			require.NoError(t, err)
			time.Sleep(time.Millisecond) // in order, for the replay window
		}
		client, server := w.connect("198.51.100.8:40000", clientConfig())
		carries(t, client, server, "hello")
		synctest.Wait()
		assert.NotZero(t, w.listener.Stats().Overflow)
		_, err := slowServer.Read(make([]byte, 1000))
		require.NoError(t, err)
	})
}

func TestReadAndWriteLimits(t *testing.T) {
	in(t, time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
		client, server := w.connect(clientAddress, clientConfig())
		_, err := client.Write([]byte("too long"))
		require.NoError(t, err)
		_, err = server.Read(make([]byte, 3))
		require.ErrorIs(t, err, io.ErrShortBuffer)
		carries(t, client, server, "next")

		start := time.Now()
		require.NoError(t, server.SetReadDeadline(start.Add(time.Second)))
		_, err = server.Read(make([]byte, 3))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(start))
		require.NoError(t, server.SetDeadline(time.Time{}))

		longest := make([]byte, maxDatagram-client.Overhead())
		_, err = client.Write(longest)
		require.NoError(t, err)
		buf := make([]byte, maxDatagram)
		n, err := server.Read(buf)
		require.NoError(t, err)
		assert.Equal(t, len(longest), n)
		_, err = client.Write(append(longest, 0))
		require.ErrorIs(t, err, ErrTooLong)

		client.numbers.next = maxRecords
		_, err = client.Write([]byte("x"))
		require.ErrorIs(t, err, ErrExhausted)
	})
}

// A socket that broke ends its sessions and Accept.
func TestBrokenSocket(t *testing.T) {
	in(t, time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
		_, server := w.connect(clientAddress, clientConfig())
		broken := errors.New("the cable is out")
		w.listener.pc.(*socket).fail(broken)
		_, err := w.listener.Accept()
		require.ErrorIs(t, err, broken)
		_, err = server.Read(make([]byte, 10))
		require.ErrorIs(t, err, io.EOF)
	})
}

// Closing ends handshakes under way, too.
func TestCloseDuringHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(50 * time.Millisecond)
		l, err := Listen(n.socket(serverAddress), serverConfig())
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error)
		go func() {
			_, err := Dial(ctx, n.socket(clientAddress), addr(serverAddress), clientConfig())
			result <- err
		}()
		time.Sleep(75 * time.Millisecond)
		require.Equal(t, 1, l.Stats().HalfOpen)
		require.NoError(t, l.Close())
		assert.Zero(t, l.Stats().HalfOpen)
		_, err = l.Accept()
		require.ErrorIs(t, err, net.ErrClosed)
		cancel()
		require.ErrorIs(t, <-result, context.Canceled)
	})
}
