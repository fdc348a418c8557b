package budgets

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coapgw/coapgw/conformance/golden"
)

// table is the file of budgets.
func table() golden.Table {
	return golden.Table{
		File: "../../testdata/budgets.tsv",
		Comment: `What each operation may cost at most: bytes of whole IPv4 packets (28 of each are IP and UDP), datagrams, and changes of direction.
PSK session (ECDHE_PSK-CHACHA20, 2-byte CID), links without loss, the default one of 10 Mbit/s and 20 ms each way. Rewritten by: go test ./conformance/budgets -update
`,
		Columns: "operation\tversion\tpeer\tlink\tpath\tup\tdown\tdatagrams up\tdatagrams down\tturns",
	}
}

// columns are the numbers of a row.
var columns = [...]string{"up", "down", "datagrams up", "datagrams down", "turns"}

// key names a row of the table.
type key struct{ operation, version, peer, link, path string }

// row is a row of the table.
type row struct {
	key
	cost
}

func (c cost) numbers() [len(columns)]int {
	return [...]int{c.up, c.down, c.datagramsUp, c.datagramsDown, c.turns}
}

func (r row) String() string {
	n := r.numbers()
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d", r.operation, r.version, r.peer, r.link, r.path, n[0], n[1], n[2], n[3], n[4])
}

func readTable(t *testing.T) []row {
	t.Helper()
	var rows []row
	for _, c := range table().Rows(t) {
		r := row{key: key{c[0], c[1], c[2], c[3], c[4]}}
		golden.Scan(t, c[5:], &r.up, &r.down, &r.datagramsUp, &r.datagramsDown, &r.turns)
		rows = append(rows, r)
	}
	return rows
}

// judge holds what was measured to the budget: over says where it is exceeded,
// slack where it can be tightened.
func judge(budget, measured cost) (over, slack []string) {
	b, m := budget.numbers(), measured.numbers()
	for i, name := range columns {
		switch {
		case m[i] > b[i]:
			over = append(over, fmt.Sprintf("%s: %d, allowed are %d", name, m[i], b[i]))
		case m[i] < b[i]:
			slack = append(slack, fmt.Sprintf("%s: %d instead of %d", name, m[i], b[i]))
		}
	}
	return over, slack
}

func TestJudge(t *testing.T) {
	budget := cost{100, 200, 1, 2, 3}
	over, slack := judge(budget, budget)
	assert.Empty(t, over)
	assert.Empty(t, slack)
	over, slack = judge(budget, cost{101, 200, 1, 3, 3})
	assert.Equal(t, []string{"up: 101, allowed are 100", "datagrams down: 3, allowed are 2"}, over)
	assert.Empty(t, slack)
	over, slack = judge(budget, cost{100, 199, 1, 2, 4})
	assert.Equal(t, []string{"turns: 4, allowed are 3"}, over)
	assert.Equal(t, []string{"down: 199 instead of 200"}, slack)
}
