package main

import (
	"bufio"
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/ashore"
)

// TestListen: what others say before and after is printed as it comes, once.
func TestListen(t *testing.T) {
	far, err := ashore.Start()
	require.NoError(t, err)
	defer func() { assert.NoError(t, far.Close()) }()
	ctx := t.Context()
	alice, err := far.SignUp(ctx, "alice")
	require.NoError(t, err)
	bob, err := far.SignUp(ctx, "bob")
	require.NoError(t, err)
	room, err := alice.CreateRoom(ctx)
	require.NoError(t, err)
	require.NoError(t, bob.Join(ctx, room))
	require.NoError(t, alice.Say(ctx, room, "1", "before"))

	listening, stop := context.WithCancel(ctx)
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- listen(listening, far.Pairing, room, bob.Token, in) }()
	lines := bufio.NewScanner(out)
	for i, text := range []string{"before", "hello", "again"} {
		if i > 0 {
			require.NoError(t, alice.Say(ctx, room, text, text))
		}
		require.True(t, lines.Scan())
		assert.Equal(t, "@alice:ship.example: "+text, lines.Text())
	}
	stop()
	require.ErrorIs(t, <-ended, context.Canceled)
}
