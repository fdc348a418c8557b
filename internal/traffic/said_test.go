package traffic

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTalks: each message of the files is sent once, as it stands there.
func TestTalks(t *testing.T) {
	var want, got []string
	files, err := saidFiles.ReadDir("said")
	require.NoError(t, err)
	require.Greater(t, len(files), 20)
	for _, f := range files {
		b, err := saidFiles.ReadFile("said/" + f.Name())
		require.NoError(t, err)
		for line := range strings.Lines(string(b)) {
			assert.NotEmpty(t, strings.TrimSpace(line), f.Name())
			want = append(want, strings.TrimSuffix(line, "\n"))
		}
	}
	servers, makes := map[string]bool{}, map[string]bool{}
	for _, s := range Talks() {
		assert.False(t, servers[s.Server], s.Server)
		servers[s.Server], makes[s.Client] = true, true
		for _, e := range s.Entries {
			if e.Kind != "send_text" {
				continue
			}
			var content struct{ Body string }
			require.NoError(t, json.Unmarshal(e.Request, &content))
			got = append(got, content.Body)
		}
	}
	require.Equal(t, want, got)
	assert.GreaterOrEqual(t, len(makes), 9)
}
