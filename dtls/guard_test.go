package dtls

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A panic over a datagram loses that, where it was asked for, and the log tells where it was.
func TestPanicOverADatagram(t *testing.T) {
	var log bytes.Buffer
	cfg := &Config{Recover: true, Log: slog.New(slog.NewTextHandler(&log, nil))}
	cfg.guard(func() { panic("secret") })
	assert.Contains(t, log.String(), "TestPanicOverADatagram")
	assert.NotContains(t, log.String(), "secret")
	cfg.Recover = false
	assert.PanicsWithValue(t, "boom", func() { cfg.guard(func() { panic("boom") }) })
}
