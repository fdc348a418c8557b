package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/ashore"
)

// TestSensor: each reading is a message in the room.
func TestSensor(t *testing.T) {
	far, err := ashore.Start()
	require.NoError(t, err)
	defer func() { assert.NoError(t, far.Close()) }()
	u, err := far.SignUp(t.Context(), "thermometer")
	require.NoError(t, err)
	room, err := u.CreateRoom(t.Context())
	require.NoError(t, err)
	require.NoError(t, run(far.Pairing, room, u.Token, strings.NewReader("21.5\n-3e1\n")))
	texts, err := u.Messages(t.Context(), room)
	require.NoError(t, err)
	assert.Equal(t, []string{"-3e1", "21.5"}, texts)
	require.ErrorContains(t, run(far.Pairing, room, "wrong", strings.NewReader("1\n")), "401")
}
