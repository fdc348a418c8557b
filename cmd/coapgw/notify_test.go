//go:build !clientonly

package main

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Both sides tell systemd that they are ready, and that they stop.
func TestServicesNotify(t *testing.T) {
	for _, args := range [][]string{
		{"serve", "--homeserver", "http://127.0.0.1:1", "--server-name", "h", "--plain-insecure", "--listen", "127.0.0.1:0", "--log-level", "error"},
		{"connect", "--server", "coap://127.0.0.1:1", "--plain-insecure", "--listen", "127.0.0.1:0", "--log-level", "error"},
	} {
		t.Run(args[0], func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "notify")
			listener, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
			require.NoError(t, err)
			defer listener.Close()
			t.Setenv("NOTIFY_SOCKET", name)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan int)
			go func() {
				ended <- run(ctx, args, streams{out: t.Output(), err: t.Output()})
				_ = listener.Close() // so that no read below waits for ever
			}()
			state := make([]byte, 100)
			n, err := listener.Read(state)
			if assert.NoError(t, err) {
				assert.Equal(t, "READY=1", string(state[:n]))
			}
			cancel()
			n, err = listener.Read(state)
			if assert.NoError(t, err) {
				assert.Equal(t, "STOPPING=1", string(state[:n]))
			}
			assert.Equal(t, exitOK, <-ended)
		})
	}
}

// A listener that is gone stops nobody.
func TestNobodyToNotify(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "none"))
	ctx, cancel := context.WithCancel(t.Context())
	log := slog.New(slog.DiscardHandler)
	done := notifyReady(ctx, log)
	cancel()
	done()
	notifyReady(t.Context(), log)()
}
