package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Sessions alone end in use; make test sees programs end.
func TestRecovers(t *testing.T) {
	t.Setenv("COAPGW_PANIC", "")
	assert.True(t, recovers())
	t.Setenv("COAPGW_PANIC", "exit")
	assert.False(t, recovers())
	text, err := os.ReadFile("../../Makefile")
	require.NoError(t, err)
	assert.Contains(t, string(text), "\nexport COAPGW_PANIC := exit\n")
}
