package policy

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the tables of docs/policy.md")

// compare holds a table of docs/policy.md to what was measured.
func compare(t *testing.T, what, table string) {
	t.Helper()
	const file = "../../docs/policy.md"
	begin, end := "<!-- "+what+": written by go test ./conformance/policy -update -->\n", "<!-- /"+what+" -->\n"
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	head, rest, ok := strings.Cut(string(data), begin)
	require.True(t, ok, what)
	got, tail, ok := strings.Cut(rest, end)
	require.True(t, ok, what)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(head+begin+table+end+tail), 0o644))
		return
	}
	assert.Equal(t, table, got, "if the change is meant, run the tests with -update")
}
