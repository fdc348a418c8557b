package golden

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Table is a file of lines whose columns are separated by tabs. It begins with a comment,
// whose lines begin with "#", and the names of the columns.
type Table struct{ File, Comment, Columns string }

// Rows returns the columns of each row, as many as have names.
func (table Table) Rows(t testing.TB) (rows [][]string) {
	t.Helper()
	f, err := os.Open(table.File)
	require.NoError(t, err)
	defer f.Close()
	columns := strings.Split(table.Columns, "\t")
	named := false
	in := bufio.NewScanner(f)
	for in.Scan() {
		switch line := in.Text(); {
		case strings.HasPrefix(line, "#"):
		case !named:
			require.Equal(t, table.Columns, line, table.File)
			named = true
		default:
			row := strings.Split(line, "\t")
			require.Len(t, row, len(columns), "%s: %s", table.File, line)
			rows = append(rows, row)
		}
	}
	require.NoError(t, in.Err())
	require.True(t, named, "%s has no names of columns", table.File)
	return rows
}

// Write writes the table with these rows, each without the end of its line.
func Write[Row fmt.Stringer](t testing.TB, table Table, rows []Row) {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(table.Comment) {
		b.WriteString("# " + line)
	}
	b.WriteString(table.Columns + "\n")
	for _, r := range rows {
		b.WriteString(r.String() + "\n")
	}
	require.NoError(t, os.WriteFile(table.File, []byte(b.String()), 0o644))
}

// Scan reads numbers and words from columns of a row.
func Scan(t testing.TB, row []string, to ...any) {
	t.Helper()
	require.Len(t, to, len(row), row)
	for i, column := range row {
		_, err := fmt.Sscan(column, to[i])
		require.NoError(t, err, row)
	}
}
