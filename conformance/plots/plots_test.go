package main

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFigures: what docs/img holds is drawn from the tables that are there.
func TestFigures(t *testing.T) {
	const docs = "../../docs/img"
	dir := t.TempDir()
	require.NoError(t, run("../../testdata", dir))
	drawn, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	there, err := filepath.Glob(filepath.Join(docs, "*.svg"))
	require.NoError(t, err)
	assert.Len(t, there, len(drawn))
	for _, path := range drawn {
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(docs, filepath.Base(path)))
		require.NoError(t, err, "make plots")
		assert.Equal(t, string(want), string(got), "%s is not of the present tables (make plots)", path)
	}
}

// TestScale: a value that would lie outside of the figure is an error.
func TestScale(t *testing.T) {
	c := chart{scale: times, rows: []string{"a", "b", "c"}, series: empty()[:1]}
	c.series[0].values = []float64{1, math.NaN(), math.Inf(1)}
	_, err := c.svg()
	require.NoError(t, err)
	c.series[0].values[0] = 8000
	_, err = c.svg()
	require.Error(t, err)
}

func TestReadTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "table")
	require.NoError(t, os.WriteFile(path, []byte("# comment\na\tb\n1\t2\nx\t3\n"), 0o600))
	lines, err := readTable(path)
	require.NoError(t, err)
	require.Len(t, lines, 2)
	assert.Equal(t, 3.0, lines[0].sum("a", "b"))
	assert.True(t, math.IsNaN(lines[1].sum("a", "b")))
	require.NoError(t, os.WriteFile(path, []byte("a\tb\n1\n"), 0o600))
	_, err = readTable(path)
	require.Error(t, err)
}
