package plainudp

import (
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakeSocket is a socket whose datagrams the test supplies.
type fakeSocket struct {
	in     chan datagram
	out    chan datagram
	closed chan struct{}
}

type datagram struct {
	port int
	text string
}

func newSocket() *fakeSocket {
	return &fakeSocket{in: make(chan datagram), out: make(chan datagram, 10), closed: make(chan struct{})}
}

func at(port int) *net.UDPAddr { return &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: port} }

func (s *fakeSocket) ReadFrom(p []byte) (int, net.Addr, error) {
	select {
	case d := <-s.in:
		return copy(p, d.text), at(d.port), nil
	case <-s.closed:
		return 0, nil, net.ErrClosed
	}
}

func (s *fakeSocket) WriteTo(p []byte, a net.Addr) (int, error) {
	s.out <- datagram{a.(*net.UDPAddr).Port, string(p)}
	return len(p), nil
}

func (s *fakeSocket) Close() error                     { close(s.closed); return nil }
func (s *fakeSocket) LocalAddr() net.Addr              { return at(5683) }
func (s *fakeSocket) SetDeadline(time.Time) error      { return nil }
func (s *fakeSocket) SetReadDeadline(time.Time) error  { return nil }
func (s *fakeSocket) SetWriteDeadline(time.Time) error { return nil }

// serve runs f with a listener in virtual time; the bubble fails the test when a
// goroutine is left.
func serve(t *testing.T, maxPeers int, f func(t *testing.T, s *fakeSocket, l *Listener)) {
	synctest.Test(t, func(t *testing.T) {
		s := newSocket()
		l := Listen(s, maxPeers)
		f(t, s, l)
		require.NoError(t, l.Close())
		_, err := l.Accept()
		require.ErrorIs(t, err, net.ErrClosed)
		assert.Empty(t, l.conns)
	})
}

func accept(t *testing.T, l *Listener) net.Conn {
	t.Helper()
	c, err := l.Accept()
	require.NoError(t, err)
	return c
}

func read(t *testing.T, c net.Conn) string {
	t.Helper()
	buf := make([]byte, 100)
	n, err := c.Read(buf)
	require.NoError(t, err)
	return string(buf[:n])
}

func TestPeersAreToldApart(t *testing.T) {
	serve(t, 0, func(t *testing.T, s *fakeSocket, l *Listener) {
		s.in <- datagram{1, "a1"}
		s.in <- datagram{2, "b1"}
		s.in <- datagram{1, "a2"}
		a, b := accept(t, l), accept(t, l)
		assert.Equal(t, "a1", read(t, a))
		assert.Equal(t, "a2", read(t, a))
		assert.Equal(t, "b1", read(t, b))
		assert.Equal(t, at(1).String(), a.RemoteAddr().String())
		_, err := b.Write([]byte("to b"))
		require.NoError(t, err)
		assert.Equal(t, datagram{2, "to b"}, <-s.out)

		require.NoError(t, a.Close())
		require.NoError(t, a.Close())
		_, err = a.Read(nil)
		require.ErrorIs(t, err, io.EOF)
		_, err = a.Write(nil)
		require.ErrorIs(t, err, net.ErrClosed)
		s.in <- datagram{1, "again"}
		assert.Equal(t, "again", read(t, accept(t, l)), "a new session")
	})
}

func TestBounds(t *testing.T) {
	serve(t, 3, func(t *testing.T, s *fakeSocket, l *Listener) {
		for port := range 1000 {
			s.in <- datagram{port + 1, "x"}
		}
		synctest.Wait()
		assert.LessOrEqual(t, len(l.conns), 3)
		assert.Len(t, l.accept, backlog)
	})
	serve(t, 2, func(t *testing.T, s *fakeSocket, l *Listener) {
		s.in <- datagram{1, "old"}
		time.Sleep(time.Second)
		s.in <- datagram{2, "idle"}
		time.Sleep(time.Second)
		s.in <- datagram{1, "fresh"}
		s.in <- datagram{3, "new"}
		synctest.Wait() // a datagram is taken before it is seen to
		one, two := accept(t, l), accept(t, l)
		assert.Equal(t, "old", read(t, one))
		_, err := two.Read(make([]byte, 10))
		require.ErrorIs(t, err, io.EOF, "silent for longest")
	})
	serve(t, 0, func(t *testing.T, s *fakeSocket, l *Listener) {
		for range 2 * queueLen {
			s.in <- datagram{1, "x"}
		}
		synctest.Wait()
		assert.Len(t, accept(t, l).(*conn).in, queueLen)
	})
}

func TestDeadline(t *testing.T) {
	serve(t, 0, func(t *testing.T, s *fakeSocket, l *Listener) {
		s.in <- datagram{1, "x"}
		c := accept(t, l)
		assert.Equal(t, "x", read(t, c))
		start := time.Now()
		require.NoError(t, c.SetReadDeadline(start.Add(time.Minute)))
		_, err := c.Read(nil)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		assert.Equal(t, time.Minute, time.Since(start))
		_, err = c.Read(nil)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded, "it stays")

		require.NoError(t, c.SetReadDeadline(time.Time{}))
		s.in <- datagram{1, "y"}
		assert.Equal(t, "y", read(t, c), "it goes")
		require.NoError(t, c.SetReadDeadline(start))
		_, err = c.Read(nil)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded, "in the past")
		require.NoError(t, c.SetDeadline(time.Now().Add(time.Hour)))
		s.in <- datagram{1, "long"}
		_, err = c.Read(make([]byte, 2))
		require.ErrorIs(t, err, io.ErrShortBuffer)
		require.NoError(t, c.SetDeadline(time.Time{}))
	})
}

func TestDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSocket()
		c := Dial(s, at(7))
		go func() {
			s.in <- datagram{8, "stranger"}
			s.in <- datagram{7, "peer"}
		}()
		assert.Equal(t, "peer", read(t, c))
		_, err := c.Write([]byte("hi"))
		require.NoError(t, err)
		assert.Equal(t, datagram{7, "hi"}, <-s.out)
		require.NoError(t, c.Close())
		_, err = c.Read(nil)
		require.ErrorIs(t, err, net.ErrClosed)
	})
}
