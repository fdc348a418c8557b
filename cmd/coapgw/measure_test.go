//go:build !clientonly

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/measure"
)

// TestMeasure: the report has both versions, each kind, and each way to write version 2.
func TestMeasure(t *testing.T) {
	recording, err := os.ReadFile("../../testdata/corpus/recorded/kaspi-port.kz/lebrun.jsonl")
	require.NoError(t, err)
	const some = 40
	lines := slices.Collect(strings.Lines(string(recording)))[:some]
	file := filepath.Join(t.TempDir(), "session.jsonl")
	require.NoError(t, os.WriteFile(file, []byte(strings.Join(lines, "")), 0o600))

	r := coapgw(t, "", "measure", "--json", "--variants", file)
	require.Equal(t, exitOK, r.code, r.err)
	var report struct {
		Total    map[string]int
		Kinds    map[string]map[string]int
		Variants map[string]int `json:"v2_variants"`
	}
	require.NoError(t, json.Unmarshal([]byte(r.out), &report))
	total := report.Total
	assert.Equal(t, some, total["count"])
	assert.Positive(t, total["v2"])
	assert.Equal(t, total["v2"], total["v2_up"]+total["v2_down"])
	assert.Less(t, total["v2"], total["v1"])
	assert.Less(t, total["v1"], total["json"])
	sum := 0
	for _, kind := range report.Kinds {
		sum += kind["v2"]
	}
	assert.Equal(t, total["v2"], sum)
	for _, v := range measure.Variants()[1:] {
		assert.GreaterOrEqual(t, report.Variants[v.Name], total["v2"], v.Name)
	}

	r = coapgw(t, "", "measure", file)
	assert.Equal(t, exitOK, r.code, r.err)
	assert.Contains(t, r.out, "version 2")
	assert.Contains(t, r.out, "total")
}
