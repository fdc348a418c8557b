package activation_test

import (
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/activation"
)

func TestNotifier(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: path})
	if err != nil {
		t.Skip("no such sockets here: ", err)
	}
	defer manager.Close()
	n := activation.NewNotifier(func(string) string { return path })
	for _, tt := range []struct {
		tell func() error
		want string
	}{
		{n.Ready, "READY=1"},
		{n.Stopping, "STOPPING=1"},
		{n.Alive, "WATCHDOG=1"},
		{func() error { return n.MainPID(42) }, "MAINPID=42"},
		{func() error { return n.Status("one\nREADY=1") }, "STATUS=one; READY=1"},
	} {
		require.NoError(t, tt.tell())
		assert.Equal(t, tt.want, read(t, manager))
	}
	require.NoError(t, n.Reloading())
	first, second, _ := strings.Cut(read(t, manager), "\n")
	assert.Equal(t, "RELOADING=1", first)
	if second != "" {
		value, ok := strings.CutPrefix(second, "MONOTONIC_USEC=")
		assert.True(t, ok)
		_, err := strconv.ParseUint(value, 10, 64)
		assert.NoError(t, err)
	}
}

func read(t *testing.T, from *net.UnixConn) string {
	b := make([]byte, 1000)
	n, err := from.Read(b)
	require.NoError(t, err)
	return string(b[:n])
}

func TestNoManager(t *testing.T) {
	for _, address := range []string{"", "relative", "vsock:2:1"} {
		assert.NoError(t, activation.NewNotifier(func(string) string { return address }).Ready(), address)
	}
	gone := filepath.Join(t.TempDir(), "gone")
	assert.Error(t, activation.NewNotifier(func(string) string { return gone }).Ready())
}

func TestWatchdogInterval(t *testing.T) {
	for _, tt := range []struct {
		usec, pid string
		want      time.Duration
	}{
		{"", "", 0},
		{"2000000", "", time.Second},
		{"2000000", "7", time.Second},
		{"2000000", "8", 0},
		{"-1", "7", 0},
		{"x", "7", 0},
		{"9223372036854775807", "7", 0},
	} {
		got := activation.WatchdogInterval(func(name string) string {
			return map[string]string{"WATCHDOG_USEC": tt.usec, "WATCHDOG_PID": tt.pid}[name]
		}, 7)
		assert.Equal(t, tt.want, got, "%+v", tt)
	}
}
