//go:build unix

package upgrade

import (
	"log/slog"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/activation"
)

// passed returns a copy of the socket as a manager passes it.
func passed(t *testing.T, conn interface{ File() (*os.File, error) }) activation.Socket {
	f, err := conn.File()
	require.NoError(t, err)
	fd, err := syscall.Dup(int(f.Fd())) // whose end Socket is to see to
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return activation.Socket{FD: fd}
}

func TestSocketPassed(t *testing.T) {
	held, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	defer held.Close()
	p := &Process{log: slog.New(slog.DiscardHandler), passed: []activation.Socket{passed(t, held)}}
	client, err := net.DialUDP("udp", nil, held.LocalAddr().(*net.UDPAddr))
	require.NoError(t, err)
	defer client.Close()
	_, err = client.Write([]byte("early")) // before anybody reads
	require.NoError(t, err)

	pc, err := p.Socket(t.Context(), "nowhere")
	require.NoError(t, err)
	assert.Equal(t, held.LocalAddr(), pc.LocalAddr())
	b := make([]byte, 100)
	n, from, err := pc.ReadFrom(b)
	require.NoError(t, err)
	assert.Equal(t, "early", string(b[:n]))
	assert.Equal(t, client.LocalAddr().String(), from.String())
	assert.NoError(t, pc.Close())
	_, err = held.WriteTo([]byte("x"), client.LocalAddr())
	assert.NoError(t, err, "the manager's is open")
}

func TestSocketsRefused(t *testing.T) {
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	defer udp.Close()
	tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	defer tcp.Close()
	for name, sockets := range map[string][]activation.Socket{
		"two":    {passed(t, udp), passed(t, udp)},
		"a TCP":  {passed(t, tcp)},
		"closed": {{FD: 1 << 20}},
	} {
		p := &Process{log: slog.New(slog.DiscardHandler), passed: sockets}
		_, err := p.Socket(t.Context(), "127.0.0.1:0")
		assert.ErrorIs(t, err, ErrSockets, name)
	}
}

func TestSocketOfOnesOwn(t *testing.T) {
	p := &Process{log: slog.New(slog.DiscardHandler)}
	pc, err := p.Socket(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	assert.Same(t, pc, p.socket)
	require.NoError(t, pc.Close())
}
