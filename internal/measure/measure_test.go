package measure_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// corpus returns the recordings in testdata.
func corpus(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("../../testdata/corpus/sessions/*.jsonl")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

func TestCorpusBudget(t *testing.T) {
	m := newMeter(t)
	for _, name := range corpus(t) {
		f, err := os.Open(name)
		require.NoError(t, err)
		require.NoError(t, m.JSONLines(f), name)
		require.NoError(t, f.Close())
	}
	total := m.Report().Total
	t.Logf("%d exchanges: JSON %d, CBOR %d, version 1 %d bytes (%.1f %%)", total.Count, total.JSON, total.CBOR, total.V1, 100*float64(total.V1)/float64(total.JSON))
	assert.LessOrEqual(t, float64(total.V1), 0.78*float64(total.JSON))
}
