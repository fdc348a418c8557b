package sdnotify_test

import (
	"net"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/sdnotify"
)

func TestSend(t *testing.T) {
	for _, name := range []string{filepath.Join(t.TempDir(), "notify"), "@coapgw/" + t.Name()} {
		listener, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
		require.NoError(t, err)
		require.NoError(t, sdnotify.Send(name, sdnotify.Ready))
		require.NoError(t, sdnotify.Send(name, sdnotify.Stopping))
		buf := make([]byte, 100)
		for _, want := range []string{"READY=1", "STOPPING=1"} {
			n, err := listener.Read(buf)
			require.NoError(t, err)
			assert.Equal(t, want, string(buf[:n]))
		}
		require.NoError(t, listener.Close())
	}
}

func TestNobodyListens(t *testing.T) {
	t.Setenv(sdnotify.SocketEnv, "")
	assert.NoError(t, sdnotify.Send(sdnotify.Socket(), sdnotify.Ready))
}

func TestSendFails(t *testing.T) {
	for _, socket := range []string{filepath.Join(t.TempDir(), "none"), "vsock:2:1234"} {
		t.Setenv(sdnotify.SocketEnv, socket)
		var failed *sdnotify.Error
		require.ErrorAs(t, sdnotify.Send(sdnotify.Socket(), sdnotify.Ready), &failed)
		assert.Equal(t, "READY=1", failed.State)
	}
}
