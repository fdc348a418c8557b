package demo_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/demo"
)

func TestRun(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, demo.Run(t.Context(), demo.Options{Out: &out, JSON: true}))
	var report demo.Report
	require.NoError(t, json.Unmarshal(out.Bytes(), &report))
	assert.Contains(t, report.Link, "geo-vsat")
	require.NotEmpty(t, report.Steps)
	for _, s := range report.Steps {
		assert.Positive(t, s.CoAP.Up, s.Name)
		assert.Less(t, s.CoAP.Up+s.CoAP.Down, s.HTTPS.Up+s.HTTPS.Down, s.Name)
		t.Logf("%-40s %5.1f s  %5d %5d   %5d %5d", s.Name, s.Seconds, s.CoAP.Up, s.CoAP.Down, s.HTTPS.Up, s.HTTPS.Down)
	}
	assert.Less(t, report.Total.CoAP.Up+report.Total.CoAP.Down, (report.Total.HTTPS.Up+report.Total.HTTPS.Down)/2)
}
