package gateway

import (
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/linkemu"
)

func addr(s string) net.Addr { return net.UDPAddrFromAddrPort(netip.MustParseAddrPort(s)) }

// plainPeers starts a listener on a perfect link, in virtual time.
func plainPeers(limit int) (l *plainListener, dial func(from string) net.Conn, end func()) {
	em := linkemu.New(linkemu.Config{})
	l = listenPlain(em.Listen(), limit)
	dial = func(from string) net.Conn { return dialPlain(em.Dial(addr(from)), linkemu.FarAddr()) }
	return l, dial, func() { l.Close(); em.Close() }
}

func TestPlainTellsPeersApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, dial, end := plainPeers(0)
		defer end()
		buf := make([]byte, 100)
		for _, from := range []string{"192.0.2.1:1", "192.0.2.1:2"} {
			c := dial(from)
			defer c.Close()
			for _, text := range []string{from, ""} { // an empty datagram is one too
				_, err := c.Write([]byte(text))
				require.NoError(t, err)
			}
			s, err := l.Accept()
			require.NoError(t, err)
			defer s.Close()
			assert.Equal(t, from, s.RemoteAddr().String())
			for _, want := range []string{from, ""} {
				n, err := s.Read(buf)
				require.NoError(t, err)
				assert.Equal(t, want, string(buf[:n]))
			}
			_, err = s.Write([]byte("to " + from))
			require.NoError(t, err)
			n, err := c.Read(buf)
			require.NoError(t, err)
			assert.Equal(t, "to "+from, string(buf[:n]))
		}
	})
}

func TestPlainDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, dial, end := plainPeers(0)
		defer end()
		c := dial("192.0.2.1:1")
		defer c.Close()
		start := time.Now()
		require.NoError(t, c.SetReadDeadline(start.Add(time.Hour)))
		moved := make(chan struct{})
		go func() {
			defer close(moved)
			synctest.Wait()
			assert.NoError(t, c.SetReadDeadline(start.Add(time.Second)))
		}()
		_, err := c.Read(nil)
		<-moved
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(start))
	})
}

func TestPlainShortBuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, dial, end := plainPeers(0)
		defer end()
		c := dial("192.0.2.1:1")
		defer c.Close()
		c.Write([]byte("long"))
		s, err := l.Accept()
		require.NoError(t, err)
		_, err = s.Read(make([]byte, 3))
		assert.ErrorIs(t, err, io.ErrShortBuffer)
	})
}

func TestPlainCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, dial, end := plainPeers(0)
		c := dial("192.0.2.1:1")
		c.Write([]byte("x"))
		s, err := l.Accept()
		require.NoError(t, err)
		buf := make([]byte, 10)
		_, err = s.Read(buf)
		require.NoError(t, err)
		end()
		_, err = s.Read(buf)
		assert.ErrorIs(t, err, io.EOF)
		_, err = s.Write(buf)
		assert.ErrorIs(t, err, net.ErrClosed)
		_, err = l.Accept()
		assert.ErrorIs(t, err, net.ErrClosed)
		require.NoError(t, c.Close())
		_, err = c.Read(buf)
		assert.ErrorIs(t, err, io.EOF)
	})
}

// TestPlainIsBounded sends from more addresses than there may be sessions.
func TestPlainIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, dial, end := plainPeers(2)
		defer end()
		knock := func(from string) net.Conn {
			time.Sleep(time.Second) // so that no two are silent for the same time
			c := dial(from)
			t.Cleanup(func() { c.Close() })
			c.Write([]byte("x"))
			s, err := l.Accept()
			require.NoError(t, err)
			return s
		}
		first, second := knock("192.0.2.1:1"), knock("192.0.2.1:2")
		knock("192.0.2.1:3")
		_, err := first.Write(nil)
		assert.ErrorIs(t, err, net.ErrClosed, "the one silent for longest gave way")
		_, err = second.Write(nil)
		assert.NoError(t, err)
		// Nobody accepts these.
		for port := range 3 * plainBacklog {
			c := dial(netip.AddrPortFrom(netip.MustParseAddr("192.0.2.9"), uint16(port+1)).String())
			c.Write([]byte("x"))
			c.Close()
		}
		synctest.Wait()
		assert.LessOrEqual(t, len(l.arrived), plainBacklog)
		l.mu.Lock()
		defer l.mu.Unlock()
		assert.LessOrEqual(t, len(l.conns), 2)
	})
}
