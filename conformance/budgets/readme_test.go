package budgets

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/golden"
	"github.com/coapgw/coapgw/conformance/operations"
)

// httpsTable is what conformance/https measured.
func httpsTable() golden.Table {
	return golden.Table{File: "../../testdata/https.tsv", Columns: "operation\tHTTP/1.1 up\tHTTP/1.1 down\tHTTP/2 up\tHTTP/2 down"}
}

// webCost is what an operation costs over HTTPS, in bytes of whole IPv4 packets.
type webCost struct{ up1, down1, up2, down2 int }

// readHTTPS reads what operations cost over HTTPS.
func readHTTPS(t *testing.T) map[string]webCost {
	t.Helper()
	costs := make(map[string]webCost)
	for _, c := range httpsTable().Rows(t) {
		var w webCost
		golden.Scan(t, c[1:], &w.up1, &w.down1, &w.up2, &w.down2)
		costs[c[0]] = w
	}
	return costs
}

// TestReadme holds README to both tables, or writes it after them.
func TestReadme(t *testing.T) {
	golden.WrittenBy("../../README.md", "budgets", "make budgets").Hold(t, readmeTable(t), *update)
}

// readmeTable is what README says of the operations: between two coapgw on the default
// link, /v3/ paths.
func readmeTable(t *testing.T) string {
	all, err := operations.All()
	require.NoError(t, err)
	budgets := make(map[string]map[string]cost)
	for _, r := range readTable(t) {
		if r.peer == gatewayPeer && r.link == link.Default().Name && r.path != "r0" {
			if budgets[r.version] == nil {
				budgets[r.version] = make(map[string]cost)
			}
			budgets[r.version][r.operation] = r.cost
		}
	}
	web := readHTTPS(t)
	var b strings.Builder
	b.WriteString("\n| operation | coapgw | its datagrams, turns | version 1 | reference | HTTP/2 + gzip | HTTPS/1.1 |\n|---|---|---|---|---|---|---|\n")
	for _, op := range all {
		c, ok := budgets["2"][op.Name]
		require.True(t, ok, op.Name)
		old, ok := budgets["1"][op.Name]
		require.True(t, ok, op.Name)
		w, ok := web[op.Name]
		require.True(t, ok, "HTTPS: %s", op.Name)
		ref := "–"
		if r, ok := reference[op.Name]; ok {
			ref = upDown(r.up, r.down)
		}
		fmt.Fprintf(&b, "| %s | %s | %d + %d, %d | %s | %s | %s | %s |\n",
			op.About, upDown(c.up, c.down), c.datagramsUp, c.datagramsDown, c.turns, upDown(old.up, old.down), ref, upDown(w.up2, w.down2), upDown(w.up1, w.down1))
	}
	return b.String() + "\n"
}

// TestTargets holds the table to what version 2 is for: each operation in fewer bytes than
// over HTTP/2 with gzip, and the commonest within what was promised.
func TestTargets(t *testing.T) {
	web := readHTTPS(t)
	promised := map[string]int{"send": 190, "sync-pushed": 200, "receipt": 145}
	for _, r := range readTable(t) {
		if r.version != "2" || r.link != link.Default().Name || r.path == "r0" {
			continue
		}
		if w, ok := web[r.operation]; ok {
			assert.Less(t, r.up+r.down, w.up2+w.down2, r.operation)
			if r.operation == "initial" {
				assert.LessOrEqual(t, float64(r.up+r.down), 0.8*float64(w.up2+w.down2))
			}
		}
		if most, ok := promised[r.operation]; ok {
			assert.LessOrEqual(t, r.up+r.down, most, r.operation)
		}
	}
}

// upDown is a cell of the table.
func upDown(up, down int) string { return fmt.Sprintf("%d / %d", up, down) }
