package footprint

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coapgw/coapgw/conformance/golden"
)

// table is the file of budgets and of what was measured.
func table() golden.Table {
	return golden.Table{
		File: "../../testdata/footprint.tsv",
		Comment: `What our programs take. Sizes in bytes are of stripped files, as they are and with gzip -9; they are budgets.
Memory in kB is what is resident: before the first request, at most in a conversation, and how much of that is the program's own, not pages of its file. Times in ms until it takes requests.
Memory and times were measured when this was written (go test ./conformance/footprint -update); other than amd64 and 386 under qemu-user, whose own memory is left out and whose time is not that of a processor. What no program here can run has zeros.
`,
		Columns: "program\ttarget\tsize\tpacked\tstart\tidle\tused\town",
	}
}

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
	var rows []row
	for _, c := range table().Rows(t) {
		var r row
		golden.Scan(t, c, &r.program, &r.target, &r.size, &r.packed, &r.start, &r.idle, &r.used, &r.own)
		rows = append(rows, r)
	}
	return rows
}

// merged are the rows of what there is, in its order: measured, or as they were where only some
// programs were looked at (-run).
func merged(before, measured []row) (rows []row) {
	for _, p := range programs {
		for _, a := range targets {
			if !p.fits(a) {
				continue
			}
			is := func(r row) bool { return r.program == p.name && r.target == a.name }
			if i := slices.IndexFunc(measured, is); i >= 0 {
				rows = append(rows, measured[i])
			} else if i := slices.IndexFunc(before, is); i >= 0 {
				rows = append(rows, before[i])
			}
		}
	}
	return rows
}

func TestMerged(t *testing.T) {
	before := []row{{program: "gone", target: "amd64"}, {program: "gateway", target: "386", size: 1}, {program: "gateway", target: "amd64", size: 2}}
	assert.Equal(t, []row{{program: "gateway", target: "amd64", size: 3}, {program: "gateway", target: "386", size: 1}},
		merged(before, []row{{program: "gateway", target: "amd64", size: 3}}))
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
