//go:build unix

package upgrade

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestInheritWaits: nothing is opened before the predecessor has let go, and it is told
// first that it may.
func TestInheritWaits(t *testing.T) {
	ready, says, err := os.Pipe()
	require.NoError(t, err)
	gone, hold, err := os.Pipe()
	require.NoError(t, err)
	p := &Process{log: slog.New(slog.DiscardHandler), ready: says, gone: gone}
	inherited := make(chan error, 1)
	go func() { inherited <- p.Inherit() }()
	told, err := io.ReadAll(ready) // until it is closed
	require.NoError(t, err)
	assert.Equal(t, []byte{1}, told)
	assert.Empty(t, inherited)
	require.NoError(t, hold.Close())
	assert.NoError(t, <-inherited)
	require.NoError(t, ready.Close())
}

// TestNobodyWaits: a successor whose predecessor has given up on it does not serve.
func TestNobodyWaits(t *testing.T) {
	ready, says, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, ready.Close())
	gone, hold, err := os.Pipe()
	require.NoError(t, err)
	defer hold.Close()
	defer gone.Close()
	p := &Process{log: slog.New(slog.DiscardHandler), ready: says, gone: gone}
	assert.ErrorContains(t, p.Inherit(), "does not wait")
}

// TestEnvironment: what concerns one process is kept from its successor and its
// children, and the rest is not.
func TestEnvironment(t *testing.T) {
	for _, name := range own {
		t.Setenv(name, "1")
	}
	t.Setenv("COAPGW_LISTEN", "here")
	p, err := Begin(slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { assert.NoError(t, p.Close()) }()
	assert.Contains(t, p.environ, "COAPGW_LISTEN=here")
	for _, name := range own {
		assert.NotContains(t, p.environ, name+"=1")
		_, found := os.LookupEnv(name)
		assert.False(t, found, name)
	}
}

func TestRun(t *testing.T) {
	p, err := Begin(slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	assert.NoError(t, p.Run(ctx, func(ctx context.Context) error {
		cancel()
		<-ctx.Done()
		return nil
	}))
	broken := errors.New("broken")
	assert.ErrorIs(t, p.Run(t.Context(), func(context.Context) error { return broken }), broken)
	assert.NoError(t, p.Close())
}
