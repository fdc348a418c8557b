package clib

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/people"
)

// example is the program that people are shown.
const example = "../../examples/c/room.c"

// runExample has the example log in, say something and listen, under whatever is put in
// front of it.
func runExample(t *testing.T, program string, under ...string) {
	w := newWorld(t)
	bob := w.signUp("bob")
	alice := w.signUp("alice")
	room := bob.createRoom()
	require.NoError(t, alice.Join(t.Context(), room))
	p := start(t, nil, append(under, program, w.lineFile, "alice", room, `hello "bob" \ π`, "bye")...)
	p.say(people.Password)
	p.hears("sent $")
	assert.Contains(t, bob.messages(room), `hello "bob" \ π`)
	p.hears("hello")
	for _, text := range []string{"one", "two", "bye"} {
		bob.say(room, text)
		p.hears(text + "\n")
	}
	p.succeeds()
	assert.Equal(t, 1, w.socket.handshakes())
}

func TestExample(t *testing.T) {
	for _, how := range []linking{shared, static} {
		t.Run(string(how), func(t *testing.T) {
			runExample(t, library(t).compile(t, example, how))
		})
	}
}
