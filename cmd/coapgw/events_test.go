package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/trace"
)

// TestEventsAreSwitched: what happens while the trace is on is in the file, and nothing else.
func TestEventsAreSwitched(t *testing.T) {
	file := filepath.Join(t.TempDir(), "events")
	e := newEvents(file, slog.New(slog.DiscardHandler))
	for i := range 3 {
		e.log.Record(trace.Event{Session: 7, Kind: trace.Sent, Bytes: 1000 + i})
		e.toggle()
	}
	e.log.Record(trace.Event{Session: 7, Kind: trace.Sent, Bytes: 1003})
	e.toggle()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, 2, strings.Count(string(text), "\n"), string(text))
	assert.Contains(t, string(text), "1001")
	assert.Contains(t, string(text), "1003")
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.EqualValues(t, 0o600, info.Mode().Perm())
}
