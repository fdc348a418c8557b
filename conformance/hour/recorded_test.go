package hour

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recordings are the requests of real clients.
const recordings = "../../testdata/clients"

var recordedLine = regexp.MustCompile(`(?m)^ *\d+ ([A-Z]+) +(\S+) +q=(\S+) `)

// TestRecorded: each recorded client is among the kinds, and each asks for nothing that
// it was not recorded to ask for.
func TestRecorded(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(recordings, "*.txt"))
	require.NoError(t, err)
	var have []string
	for _, k := range kinds() {
		have = append(have, filepath.Join(recordings, k.file))
		text, err := os.ReadFile(filepath.Join(recordings, k.file))
		require.NoError(t, err)
		recorded := make(map[string][]string) // query keys by request
		for _, m := range recordedLine.FindAllStringSubmatch(string(text), -1) {
			recorded[m[1]+" "+m[2]] = strings.Split(m[3], ",")
		}
		for _, c := range k.calls() {
			keys, ok := recorded[c.request]
			if !assert.True(t, ok, "%s: %s", k.name, c.request) {
				continue
			}
			query, err := url.ParseQuery(c.query)
			require.NoError(t, err)
			if k.queryToken && !c.anonymous {
				assert.Contains(t, keys, "access_token", c.request)
			}
			for key := range query {
				assert.Contains(t, keys, key, "%s: %s", k.name, c.request)
			}
		}
	}
	slices.Sort(have)
	assert.Equal(t, files, have)
}

// calls are all that the client may make.
func (k *kind) calls() []call {
	all := slices.Concat(k.login, k.start, k.ready, k.keepAlive, k.share, k.typing, k.typed, k.receipt)
	return append(all, k.message, call{request: k.sync, query: k.first}, call{request: k.sync, query: k.next})
}
