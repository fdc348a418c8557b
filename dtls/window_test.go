package dtls

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestWindow(t *testing.T) {
	var w window
	require.True(t, w.fresh(0))
	assert.True(t, w.add(0))
	assert.False(t, w.fresh(0))
	assert.True(t, w.add(70))
	assert.False(t, w.fresh(70))
	assert.False(t, w.fresh(6), "too old to know")
	require.True(t, w.fresh(7))
	assert.False(t, w.add(7), "not the newest")
	assert.False(t, w.fresh(7))
	assert.True(t, w.add(1<<48-1))
	assert.False(t, w.fresh(70))

	closed := closedWindow(10)
	assert.False(t, closed.fresh(9))
	assert.True(t, closed.fresh(10))
}

// Whatever the order, no number passes twice, and none that is near enough is
// refused.
func TestWindowAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w window
		seen := map[uint64]bool{}
		for _, seq := range rapid.SliceOf(rapid.Uint64Range(0, 300)).Draw(t, "numbers") {
			near := seq+windowSize >= w.next
			require.Equal(t, near && !seen[seq], w.fresh(seq))
			if w.fresh(seq) {
				require.Equal(t, seq >= w.next, w.add(seq))
				seen[seq] = true
			}
		}
	})
}
