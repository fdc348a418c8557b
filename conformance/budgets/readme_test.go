package budgets

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/operations"
)

const (
	readmePath = "../../README.md"
	httpsPath  = "../../testdata/https.tsv"
	tableBegin = "<!-- budgets: written by make budgets -->\n"
	tableEnd   = "<!-- /budgets -->"
)

// webCost is what an operation costs over HTTPS, in bytes of whole IPv4 packets.
type webCost struct{ up1, down1, up2, down2 int }

// readHTTPS reads what conformance/https measured.
func readHTTPS(t *testing.T) map[string]webCost {
	t.Helper()
	costs := make(map[string]webCost)
	f, err := os.Open(httpsPath)
	require.NoError(t, err)
	defer f.Close()
	in := bufio.NewScanner(f)
	for in.Scan() {
		c := strings.Split(in.Text(), "\t")
		if strings.HasPrefix(in.Text(), "#") || c[0] == "operation" {
			continue
		}
		require.Len(t, c, 5, in.Text())
		var w webCost
		_, err := fmt.Sscan(strings.Join(c[1:], " "), &w.up1, &w.down1, &w.up2, &w.down2)
		require.NoError(t, err, in.Text())
		costs[c[0]] = w
	}
	require.NoError(t, in.Err())
	return costs
}

// TestReadme holds README to both tables, or writes it after them.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile(readmePath)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), tableBegin)
	require.True(t, found)
	current, after, found := strings.Cut(rest, tableEnd)
	require.True(t, found)
	table := readmeTable(t)
	if *update {
		require.NoError(t, os.WriteFile(readmePath, []byte(before+tableBegin+table+tableEnd+after), 0o644))
		return
	}
	require.Equal(t, table, current, "README does not say what was measured (make budgets)")
}

// readmeTable is what README says of the operations: version 1 between two coapgw
// on the default link, /v3/ paths.
func readmeTable(t *testing.T) string {
	all, err := operations.All()
	require.NoError(t, err)
	budgets := make(map[string]cost)
	for _, r := range readTable(t) {
		if r.version == "1" && r.peer == gatewayPeer && r.link == link.Default().Name && r.path != "r0" {
			budgets[r.operation] = r.cost
		}
	}
	web := readHTTPS(t)
	var b strings.Builder
	b.WriteString("\n| operation | coapgw | its datagrams, turns | reference | HTTP/2 + gzip | HTTPS/1.1 |\n|---|---|---|---|---|---|\n")
	for _, op := range all {
		c, ok := budgets[op.Name]
		require.True(t, ok, op.Name)
		w, ok := web[op.Name]
		require.True(t, ok, "HTTPS: %s", op.Name)
		ref := "–"
		if r, ok := reference[op.Name]; ok {
			ref = upDown(r.up, r.down)
		}
		fmt.Fprintf(&b, "| %s | %s | %d + %d, %d | %s | %s | %s |\n",
			op.About, upDown(c.up, c.down), c.datagramsUp, c.datagramsDown, c.turns, ref, upDown(w.up2, w.down2), upDown(w.up1, w.down1))
	}
	return b.String() + "\n"
}

// upDown is a cell of the table.
func upDown(up, down int) string { return fmt.Sprintf("%d / %d", up, down) }
