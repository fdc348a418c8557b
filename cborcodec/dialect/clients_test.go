package dialect

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestClients: every request that recorded clients make has a row, and every key of
// their queries. Preflights of browsers do not go over the link.
func TestClients(t *testing.T) {
	files, err := filepath.Glob("../../testdata/clients/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			f, err := os.Open(file)
			require.NoError(t, err)
			defer f.Close()
			requests := 0
			for lines := bufio.NewScanner(f); lines.Scan(); {
				// count, method, path, q=keys
				fields := strings.Fields(lines.Text())
				if len(fields) < 4 || !strings.HasPrefix(fields[2], "/") || fields[1] == "OPTIONS" {
					continue
				}
				requests++
				segments := strings.Split(fields[2][1:], "/")
				_, ok := routes.match(fields[1], segments)
				assert.True(t, ok, "%s %s", fields[1], fields[2])
				for key := range strings.SplitSeq(strings.TrimPrefix(fields[3], "q="), ",") {
					if key != "-" {
						assert.Contains(t, argumentNumbers, key)
					}
				}
			}
			assert.Greater(t, requests, 5)
		})
	}
}
