package https

import (
	"bufio"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// readTable reads a table of testdata: the first columns of a line are its key, by
// which the rest is found.
func readTable(t *testing.T, path string, key int) map[string]string {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	rows := make(map[string]string)
	header := true
	in := bufio.NewScanner(f)
	for in.Scan() {
		if strings.HasPrefix(in.Text(), "#") {
			continue
		}
		if header { // the names of the columns
			header = false
			continue
		}
		columns := strings.Split(in.Text(), "\t")
		require.Greater(t, len(columns), key, in.Text())
		rows[strings.Join(columns[:key], "\t")] = strings.Join(columns[key:], "\t")
	}
	require.NoError(t, in.Err())
	return rows
}

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
