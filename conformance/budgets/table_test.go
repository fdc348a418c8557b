package budgets

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const tablePath = "../../testdata/budgets.tsv"

// key names a row of the table.
type key struct{ operation, version, path string }

// row is what an operation may cost: bytes of whole IPv4 packets and datagrams.
type row struct{ up, down, datagramsUp, datagramsDown int }

const tableHeader = "# Bytes of whole IPv4 packets (IP 20, UDP 8), PSK session (ECDHE_PSK-CHACHA20, 2-byte CID); go test ./conformance/budgets -update rewrites it.\n" +
	"operation\tversion\tpath\tup\tdown\tdatagrams up\tdatagrams down\n"

func readTable(t *testing.T) map[key]row {
	t.Helper()
	f, err := os.Open(tablePath)
	require.NoError(t, err)
	defer f.Close()
	rows := make(map[key]row)
	for in := bufio.NewScanner(f); in.Scan(); {
		c := strings.Split(in.Text(), "\t")
		if strings.HasPrefix(in.Text(), "#") || c[0] == "operation" {
			continue
		}
		require.Len(t, c, 7, in.Text())
		var r row
		_, err := fmt.Sscan(strings.Join(c[3:], " "), &r.up, &r.down, &r.datagramsUp, &r.datagramsDown)
		require.NoError(t, err, in.Text())
		rows[key{c[0], c[1], c[2]}] = r
	}
	return rows
}

func writeTable(t *testing.T, order []key, rows map[key]row) {
	t.Helper()
	var b strings.Builder
	b.WriteString(tableHeader)
	for _, k := range order {
		r := rows[k]
		fmt.Fprintf(&b, "%s\t%s\t%s\t%d\t%d\t%d\t%d\n", k.operation, k.version, k.path, r.up, r.down, r.datagramsUp, r.datagramsDown)
	}
	require.NoError(t, os.WriteFile(tablePath, []byte(b.String()), 0o644))
}
