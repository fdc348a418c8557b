package clib

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hang waits until so many requests have reached the homeserver, which does not answer.
func (w *world) hang(n int) {
	w.t.Helper()
	for range n {
		<-w.hangs
	}
}

// What ends a request that hangs; a session outlives sleep and a change of network.
func TestLifecycle(t *testing.T) {
	w := newWorld(t)
	p := start(t, w.env(), library(t).compile(t, source("lifecycle"), shared))
	p.hears("three hang")
	w.hang(3)
	p.say("cancel and sleep")
	p.hears("asleep")
	assert.Equal(t, 1, w.socket.handshakes())
	p.say("wake")
	p.hears("awake")
	before := w.socket.addresses()
	p.say("move")
	p.hears("two hang")
	assert.Greater(t, w.socket.addresses(), before)
	w.hang(2)
	p.say("close")
	p.succeeds()
	assert.Equal(t, 1, w.socket.handshakes(), "one handshake is enough")
}

// With a state file the session outlives the client and the process.
func TestState(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "sessions")
	program := library(t).compile(t, source("state"), shared)
	for range 2 {
		p := start(t, w.env(), program, file)
		p.succeeds()
		assert.Contains(t, p.String(), "the state file cannot be used: ")
	}
	assert.Equal(t, 1, w.socket.handshakes())
	for _, name := range []string{file, file + ".key"} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		assert.Zero(t, info.Mode().Perm()&0o077, "%s is for others too", name)
	}
}
