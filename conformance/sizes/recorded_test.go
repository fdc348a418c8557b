package sizes

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/internal/measure"
)

// TestRecorded: what the recordings take that were learnt from, in both versions; and
// everything comes out as it went in.
func TestRecorded(t *testing.T) {
	format, err := wire2.Shipped(1)
	require.NoError(t, err)
	m := measure.NewMeter(format, measure.Options{})
	files, err := filepath.Glob(root + "/testdata/corpus/sessions/*.jsonl")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		f, err := os.Open(name)
		require.NoError(t, err)
		require.NoError(t, m.JSONLines(f), name)
		require.NoError(t, f.Close())
	}
	total := m.Report().Total
	t.Logf("%d exchanges: JSON %d, CBOR %d, version 1 %d, version 2 %d bytes", total.Count, total.JSON, total.CBOR, total.V1, total.V2)
	assert.LessOrEqual(t, float64(total.V1), 0.78*float64(total.JSON))
	assert.LessOrEqual(t, float64(total.V2), 0.20*float64(total.JSON))
}
