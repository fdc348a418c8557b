package https

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coapgw/coapgw/conformance/golden"
)

// table is what operations cost.
func table() golden.Table {
	return golden.Table{
		File: "../../testdata/https.tsv",
		Comment: `What the operations of budgets.tsv cost over HTTPS, in bytes of whole IPv4 packets: TLS 1.3 and TCP, acknowledgements and handshakes included,
over 10 Mbit/s with 20 ms each way. HTTP/1.1 is without compression, HTTP/2 with gzip level 6. go -C conformance/https test -update rewrites it.
`,
		Columns: "operation\tHTTP/1.1 up\tHTTP/1.1 down\tHTTP/2 up\tHTTP/2 down",
	}
}

// row is a row of the table: an operation and its numbers.
type row struct{ operation, numbers string }

func (r row) String() string { return r.operation + "\t" + r.numbers }

// assertNear compares two rows column by column. What is no number has to be equal.
func assertNear(t *testing.T, want, got, name string) {
	t.Helper()
	wants, gots := strings.Split(want, "\t"), strings.Split(got, "\t")
	if !assert.Len(t, gots, len(wants), name) {
		return
	}
	for i := range wants {
		a, errA := strconv.ParseFloat(wants[i], 64)
		b, errB := strconv.ParseFloat(gots[i], 64)
		if errA != nil || errB != nil {
			assert.Equal(t, wants[i], gots[i], name)
			continue
		}
		assert.LessOrEqual(t, math.Abs(a-b), toleratedFlat+tolerated*a, "%s: %s, and the table has %s (-update)", name, got, want)
	}
}

// TestAssertNear: what it lets pass and what not.
func TestAssertNear(t *testing.T) {
	for _, tt := range []struct {
		want, got string
		near      bool
	}{
		{"1000\t10", "1100\t0", true},
		{"1000", "1151", false},
		{"1000", "–", false},
		{"–", "–", true},
		{"1\t2", "1", false},
	} {
		var inner testing.T
		assertNear(&inner, tt.want, tt.got, "")
		assert.Equal(t, tt.near, !inner.Failed(), "%q, %q", tt.want, tt.got)
	}
}
