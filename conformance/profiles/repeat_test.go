package profiles

import (
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
)

// TestRunsRepeat: a seed decides everything. The same datagrams cross a link at the same
// times, and meet the same fate, however many processors there are; other seeds are
// other runs.
func TestRunsRepeat(t *testing.T) {
	for _, p := range link.Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			first := packets(t, p, p, 1)
			require.Greater(t, len(first), 30)
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			assert.True(t, slices.Equal(first, packets(t, p, p, 1)))
			assert.False(t, slices.Equal(first, packets(t, p, p, 2)))
		})
	}
}
