package footprint

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const tablePath = "../../testdata/footprint.tsv"

const tableHeader = `# What our programs take. Sizes in bytes are of stripped files, as they are and with gzip -9; they are budgets.
# Memory in kB is what is resident: before the first request, at most in a conversation, and how much of that is the program's own, not pages of its file. Times in ms until it takes requests.
# Memory and times were measured when this was written (go test ./conformance/footprint -update); other than amd64 and 386 under qemu-user, whose own memory is left out and whose time is not that of a processor.
program	target	size	packed	start	idle	used	own
`

// row is a row of the table.
type row struct {
	program, target string
	size, packed    int64
	start           int64
	idle, used, own int
}

func (r row) String() string {
	return fmt.Sprintf("%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d", r.program, r.target, r.size, r.packed, r.start, r.idle, r.used, r.own)
}

func readTable(t *testing.T) []row {
	t.Helper()
	f, err := os.Open(tablePath)
	require.NoError(t, err)
	defer f.Close()
	var rows []row
	in := bufio.NewScanner(f)
	for in.Scan() {
		if strings.HasPrefix(in.Text(), "#") || strings.HasPrefix(in.Text(), "program\t") {
			continue
		}
		var r row
		_, err := fmt.Sscanf(in.Text(), "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d", &r.program, &r.target, &r.size, &r.packed, &r.start, &r.idle, &r.used, &r.own)
		require.NoError(t, err, in.Text())
		rows = append(rows, r)
	}
	require.NoError(t, in.Err())
	return rows
}

func writeTable(t *testing.T, rows []row) {
	t.Helper()
	var b strings.Builder
	b.WriteString(tableHeader)
	for _, r := range rows {
		b.WriteString(r.String() + "\n")
	}
	require.NoError(t, os.WriteFile(tablePath, []byte(b.String()), 0o644))
}

// Tolerances, in thousandths of a budget: another release of Go moves sizes a little, and not
// every commit should have to write them down.
const (
	mayExceed = 10
	mayBeat   = 30
)

// judge holds a size to its budget; "" is well.
func judge(what string, budget, measured int64) string {
	switch {
	case measured > budget+budget*mayExceed/1000:
		return fmt.Sprintf("%s: %d bytes, the budget is %d", what, measured, budget)
	case measured < budget-budget*mayBeat/1000:
		return fmt.Sprintf("%s: %d bytes instead of %d: tighten the budget with -update", what, measured, budget)
	}
	return ""
}

func TestJudge(t *testing.T) {
	for measured, problem := range map[int64]string{1000: "", 1010: "", 1011: "the budget", 970: "", 969: "tighten"} {
		if problem == "" {
			assert.Empty(t, judge("x", 1000, measured))
		} else {
			assert.Contains(t, judge("x", 1000, measured), problem)
		}
	}
}
