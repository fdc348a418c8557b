package budgets

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	readmePath = "../../README.md"
	tableBegin = "<!-- budgets: written by go test ./conformance/budgets -update -->\n"
	tableEnd   = "<!-- /budgets -->"
)

// readmeTable is what README says of the budgets: version 1 between two coapgw,
// /v3/ paths, beside the reference.
func readmeTable(order []key, rows map[key]row) string {
	var b strings.Builder
	b.WriteString("\n| operation | up | down | reference up | reference down |\n|---|---|---|---|---|\n")
	for _, k := range order {
		if k.version != "1" || k.path == "r0" {
			continue
		}
		refUp, refDown := "–", "–"
		if ref, ok := reference[k.operation]; ok {
			refUp, refDown = fmt.Sprint(ref.up), fmt.Sprint(ref.down)
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %s | %s |\n", k.operation, rows[k].up, rows[k].down, refUp, refDown)
	}
	return b.String() + "\n"
}

// checkReadme holds README to the table, or writes it there.
func checkReadme(t *testing.T, table string) {
	t.Helper()
	text, err := os.ReadFile(readmePath)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), tableBegin)
	require.True(t, found)
	current, after, found := strings.Cut(rest, tableEnd)
	require.True(t, found)
	if *update && current != table {
		require.NoError(t, os.WriteFile(readmePath, []byte(before+tableBegin+table+tableEnd+after), 0o644))
		return
	}
	require.Equal(t, table, current, "README does not say what was measured (-update)")
}
