package coap

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestConvertedIsShared: what sessions hold as JSON beyond what is their own is bounded
// together; none is kept from its own by others, nor from short requests by anything.
func TestConvertedIsShared(t *testing.T) {
	const maxBody = 8 << 20
	run := &serving{Server: &Server{MaxBody: maxBody}, conversions: newConversions()}
	var held []func()
	hold := func(s *serverSession, n int64) bool {
		release, err := s.hold(n)
		if err != nil {
			var problem *Error
			require.ErrorAs(t, err, &problem)
			assert.Equal(t, 503, problem.Status)
			return false
		}
		held = append(held, release)
		return true
	}
	var greedy []*serverSession
	admitted := 0
	for range 64 { // as many as one key has
		s := &serverSession{serving: run}
		greedy = append(greedy, s)
		for range 20 {
			if hold(s, 1<<20) {
				admitted++
			}
		}
	}
	assert.Equal(t, 64+sharesConverted*maxBody>>20, admitted)
	other := &serverSession{serving: run}
	assert.True(t, hold(other, ownConverted))
	assert.False(t, hold(other, 1<<20))
	for range 64 {
		assert.True(t, hold(other, shortConversion))
		assert.True(t, hold(greedy[0], 0))
	}
	for _, release := range held {
		release()
	}
	assert.Zero(t, run.conversions.beyond.Load())
	assert.True(t, hold(other, 100*maxBody), "one alone is as long as it may be")
	assert.False(t, hold(other, 1<<20))
}
