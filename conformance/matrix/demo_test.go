package matrix

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/demo"
)

// TestDemo runs the demonstration against a real homeserver.
func TestDemo(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, demo.Run(t.Context(), demo.Options{Homeserver: bed.homeserverURL, Out: &out, JSON: true}))
	var report demo.Report
	require.NoError(t, json.Unmarshal(out.Bytes(), &report))
	require.NotEmpty(t, report.Steps)
	for _, s := range report.Steps {
		assert.Positive(t, s.CoAP.Down, s.Name)
		assert.Less(t, s.CoAP.Up+s.CoAP.Down, s.HTTPS.Up+s.HTTPS.Down, s.Name)
	}
}
