package corpus

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = "../.."

// TestHeldOut: no session to learn from is of a homeserver that is held out, nor names one.
func TestHeldOut(t *testing.T) {
	held, err := HeldOutServers(root)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(held), 8)
	trained := map[string]bool{}
	require.NoError(t, Training(root, func(s Session) error {
		trained[s.Server] = true
		assert.NotContains(t, held, s.Server)
		for _, e := range s.Entries {
			for _, name := range held {
				if strings.Contains(e.Target, name) || strings.Contains(string(e.Request), name) || strings.Contains(string(e.Response), name) {
					t.Errorf("%s: %s %s names %s", s.Name, e.Method, e.Target, name)
				}
			}
		}
		return nil
	}))
	require.GreaterOrEqual(t, len(trained), 20)
	seen := map[string]bool{}
	require.NoError(t, HeldOut(root, func(s Session) error {
		seen[s.Server] = true
		assert.True(t, slices.Contains(held, s.Server), s.Server)
		assert.False(t, trained[s.Server], s.Server)
		return nil
	}))
	assert.Len(t, seen, len(held), "each has sessions")
}
