package endpoint

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// No life of a session hands out a token that another one handed out, however they
// were used; and from the 256th on one that is that long ago.
func TestTokensOfAllLives(t *testing.T) {
	owner := map[token]uint32{}
	for life := range uint32(256) {
		tokens := newTokens(life)
		for i := range 700 {
			tok := tokens.take(uint64(i))
			if of, used := owner[tok]; used {
				require.Equal(t, life, of, "%x", tok.bytes())
			}
			owner[tok] = life
			if i%3 > 0 {
				tokens.release(tok, uint64(i))
			}
		}
	}
	require.Equal(t, newTokens(1), newTokens(256))
}

// Tokens are short while each exchange ends before the next begins.
func TestTokenLength(t *testing.T) {
	for life, size := range map[uint32]uint8{0: 1, 1: 2, 300: 2} {
		tokens := newTokens(life)
		for i := range uint64(2000) {
			tok := tokens.take(i)
			require.Equal(t, size, tok.n)
			tokens.release(tok, i)
		}
	}
}
