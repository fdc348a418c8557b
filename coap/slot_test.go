package coap

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestServerSlotsAreNeverRedefined(t *testing.T) {
	var s serverSlots
	require.True(t, s.define(1, "a"))
	require.True(t, s.define(1, "a"), "a repeated definition is none")
	require.False(t, s.define(1, "b"))
	got, ok := s.token(1)
	assert.True(t, ok)
	assert.Equal(t, "a", got)
	_, ok = s.token(2)
	assert.False(t, ok)
}

// TestServerSlotsForgetTheLeastRecentlyUsed: use keeps a slot, not age.
func TestServerSlotsForgetTheLeastRecentlyUsed(t *testing.T) {
	var s serverSlots
	for n := uint32(1); n <= maxServerSlots; n++ {
		require.True(t, s.define(n, fmt.Sprint(n)))
	}
	_, ok := s.token(1) // used by a request
	require.True(t, ok)
	require.True(t, s.define(2, "2")) // used by a definition
	for n := uint32(maxServerSlots + 1); n <= maxServerSlots+2; n++ {
		require.True(t, s.define(n, fmt.Sprint(n)))
	}
	for n, want := range map[uint32]bool{1: true, 2: true, 3: false, 4: false, 5: true, maxServerSlots + 2: true} {
		_, ok := s.token(n)
		assert.Equal(t, want, ok, "slot %d", n)
	}
	assert.Len(t, s.byName, maxServerSlots)
}

func TestClientSlotsGrow(t *testing.T) {
	var c clientSlots
	a, ok := c.slot("a")
	require.True(t, ok)
	assert.EqualValues(t, impliedSlot, a.number)
	assert.False(t, a.confirmed)
	b, _ := c.slot("b")
	assert.EqualValues(t, 2, b.number)
	c.confirm("a", 1)
	a, _ = c.slot("a")
	assert.True(t, a.confirmed)

	// A late word about an old number concerns nobody.
	c.confirm("b", 1)
	c.forget("b", 1)
	b, _ = c.slot("b")
	assert.EqualValues(t, 2, b.number)
	assert.False(t, b.confirmed)

	c.forget("a", 1)
	a, _ = c.slot("a")
	assert.EqualValues(t, 3, a.number, "a forgotten number is not given again")
	assert.False(t, a.confirmed)
}

// TestClientSlotsAreBounded: programs that come up with tokens make a client remember no
// more of them, nor store more, than its server does; who goes on asking keeps its slot.
func TestClientSlotsAreBounded(t *testing.T) {
	var c clientSlots
	mine, ok := c.slot("mine")
	require.True(t, ok)
	seen := map[uint32]bool{mine.number: true}
	for n := range 10 * maxServerSlots {
		token := fmt.Sprint("made up ", n)
		slot, ok := c.slot(token)
		require.True(t, ok)
		require.False(t, seen[slot.number], "a number is never given to another token")
		seen[slot.number] = true
		c.confirm(token, slot.number)
		again, _ := c.slot("mine")
		require.Equal(t, mine.number, again.number)
	}
	assert.Len(t, c.byToken, maxServerSlots)
}

func TestClientSlotsUsedUp(t *testing.T) {
	c := clientSlots{last: maxSlot - 1}
	s, ok := c.slot("a")
	require.True(t, ok)
	assert.EqualValues(t, maxSlot, s.number)
	_, ok = c.slot("b")
	assert.False(t, ok)
	_, ok = c.slot("a")
	assert.True(t, ok)
}

// TestSlotsNeverMixTokens runs a client and a server against each other with
// messages that overtake each other and get lost: whatever happens, a slot stands
// for the token that its request bore, or for nothing.
func TestSlotsNeverMixTokens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type message struct {
			token   string // whose request it is
			number  uint32
			defines bool
		}
		var client clientSlots
		var server serverSlots
		var flying []message
		tokens := rapid.SampledFrom([]string{"a", "b", "c", "d"})
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				token := tokens.Draw(t, "token")
				s, ok := client.slot(token)
				require.True(t, ok)
				flying = append(flying, message{token, s.number, !s.confirmed})
			case 2: // one arrives, and its answer at once
				if len(flying) == 0 {
					continue
				}
				i := rapid.IntRange(0, len(flying)-1).Draw(t, "which")
				m := flying[i]
				flying = append(flying[:i], flying[i+1:]...)
				if m.defines {
					require.True(t, server.define(m.number, m.token))
					client.confirm(m.token, m.number)
					continue
				}
				got, ok := server.token(m.number)
				if !ok {
					client.forget(m.token, m.number)
					continue
				}
				require.Equal(t, m.token, got)
			case 3: // the server forgets
				if len(server.byName) > 0 {
					server.evict()
				}
			}
		}
	})
}
