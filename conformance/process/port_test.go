package process

import (
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFreeAddr: nobody who asks the kernel for any port gets one of these.
func TestFreeAddr(t *testing.T) {
	for _, network := range []string{"tcp", "udp"} {
		addr, err := FreeAddr(network)
		require.NoError(t, err)
		require.NoError(t, probe(network, addr))
		_, port, err := net.SplitHostPort(addr)
		require.NoError(t, err)
		ours, err := strconv.Atoi(port)
		require.NoError(t, err)
		for range 100 {
			pc, err := net.ListenPacket("udp", "127.0.0.1:0")
			require.NoError(t, err)
			assert.Greater(t, pc.LocalAddr().(*net.UDPAddr).Port, ours)
			require.NoError(t, pc.Close())
		}
	}
}

// TestProbe: what is taken is not free.
func TestProbe(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	assert.Error(t, probe("tcp", l.Addr().String()))
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer pc.Close()
	assert.Error(t, probe("udp", pc.LocalAddr().String()))
}
