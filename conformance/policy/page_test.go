package policy

import (
	"flag"
	"testing"

	"github.com/coapgw/coapgw/conformance/golden"
)

var update = flag.Bool("update", false, "write the tables of docs/policy.md")

// compare holds a table of docs/policy.md to what was measured.
func compare(t *testing.T, what, table string) {
	t.Helper()
	golden.WrittenBy("../../docs/policy.md", what, "go test ./conformance/policy -update").Hold(t, table, *update)
}
