package clib

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Threads that call at once, callbacks that call back, and a close from two sides in the
// midst of it.
func TestThreads(t *testing.T) {
	w := newWorld(t)
	alice := w.signUp("alice")
	for _, how := range []linking{shared, static} {
		t.Run(string(how), func(t *testing.T) {
			start(t, w.env("TOKEN="+alice.Token), library(t).compile(t, source("threads"), how)).succeeds()
		})
	}
}

// observer runs the program that prints events.
func (u *user) observer(token string) *process {
	u.w.t.Helper()
	program := library(u.w.t).compile(u.w.t, source("observe"), shared)
	return start(u.w.t, u.w.env("TOKEN="+token), program)
}

// Events come once and in order, over sleep and over a nap that the callback takes itself, and go on from where an observation was left.
func TestObserve(t *testing.T) {
	w := newWorld(t)
	alice := w.signUp("alice")
	room := alice.createRoom()
	p := alice.observer(alice.Token)
	p.hears(`data 0 200`)
	for _, text := range []string{"one", "nap", "two"} {
		alice.say(room, text)
		p.hears(`"body":"` + text + `"`)
	}

	p.say("sleep")
	p.hears("asleep")
	alice.say(room, "three")
	p.say("wake")
	p.hears(`"body":"three"`)

	p.say("end")
	p.hears("end 4 0 canceled \nended\n")
	alice.say(room, "four")
	p.say("again")
	p.hears(`"body":"four"`)

	alice.say(room, "enough")
	p.hears("end 4 0 canceled \n")
	p.say("again")
	alice.say(room, "five")
	p.hears(`"body":"five"`)
	require.NoError(t, p.in.Close())
	p.succeeds()
	for _, text := range []string{"one", "nap", "two", "three", "four", "five"} {
		assert.Equal(t, 1, p.out.count(`"body":"`+text+`"`), text)
	}
	assert.Contains(t, p.out.String(), "end 3 0 the client was closed meanwhile")
	assert.NotContains(t, p.out.String(), "trouble")
	assert.Equal(t, 1, w.socket.handshakes())
}

// A room is observed as a stream of single events, over sleep, and from where it was left; one
// that does not fit is cut.
func TestObserveRoom(t *testing.T) {
	w := newWorld(t)
	alice := w.signUp("alice")
	room := alice.createRoom()
	program := library(t).compile(t, source("observe"), shared)
	p := start(t, w.env("TOKEN="+alice.Token, "TARGET=/~/"+room+"?f=body&m=64", "FIRST=&n=1", "AFTER=&s="), program)
	alice.say(room, "one")
	p.hears(`data 0 200  {"body":"one"}`)
	p.say("sleep")
	p.hears("asleep")
	alice.say(room, "two")
	p.say("wake")
	p.hears(`{"body":"two"}`)
	p.say("end")
	p.hears("end 4 0 canceled \nended\n")
	alice.say(room, "three")
	p.say("again")
	p.hears(`{"body":"three"}`)
	alice.say(room, strings.Repeat("x", 100))
	p.hears(` missing of data 0 200  {"body":"x`)
	require.NoError(t, p.in.Close())
	p.succeeds()
	assert.Equal(t, 1, p.out.count(`"body":"one"`))
	assert.Equal(t, 1, p.out.count(`"body":"two"`))
	assert.NotContains(t, p.out.String(), "trouble")

	p = start(t, w.env("TOKEN="+alice.Token, "TARGET=/~/!none:ship.example", "FIRST="), program)
	p.hears("end 12 0 the user is not in the room")
	require.NoError(t, p.in.Close())
	p.succeeds()
}

// What the homeserver refuses ends an observation.
func TestObserveRefused(t *testing.T) {
	w := newWorld(t)
	alice := w.signUp("alice")
	p := alice.observer("nobody's")
	p.hears("end 12 401 the homeserver answered 401 {")
	require.NoError(t, p.in.Close())
	p.succeeds()
	assert.Contains(t, p.String(), "M_UNKNOWN_TOKEN")
}
