package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/config"
)

// TestFullDiskFillsNoLog: with a disk that is full there is an error for each request, and
// the log, which may be on the same one, has it once, and then how often it was.
func TestFullDiskFillsNoLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var written bytes.Buffer
		log, err := newLog(config.Default().Log, streams{err: &written})
		require.NoError(t, err)
		full := errors.New("no space left on device")
		for range 400 {
			log.Error("an answer was not stored", "error", full)
			log.Info("something that is asked for")
			time.Sleep(10 * time.Second)
		}
		lines := strings.Split(strings.TrimSpace(written.String()), "\n")
		var told []string
		for _, l := range lines {
			if strings.Contains(l, "not stored") {
				told = append(told, l)
			}
		}
		require.Equal(t, 400+len(told), len(lines))
		require.Equal(t, 7, len(told), "at once, and after 1, 3, 7, 15, 31 and 63 minutes")
		assert.NotContains(t, told[0], "times")
		assert.Contains(t, told[1], "times=6")
		assert.Contains(t, told[2], "times=12")
		assert.Equal(t, 400, log.problems.List()[0].Times, "the page has all of them")

		// What happens again when it was over is told at once, with those that were left out.
		time.Sleep(15 * time.Minute)
		written.Reset()
		log.Error("an answer was not stored", "error", full)
		assert.Contains(t, written.String(), "times=22")
		log.With("peer", "boat").Error("an answer was not stored", "error", full)
		log.Error("an answer was not stored", "error", errors.New("input/output error"))
		assert.Equal(t, 3, strings.Count(written.String(), "not stored"))
	})
}

// TestFoldedWhateverThePort: connections that a homeserver resets differ in our port alone.
func TestFoldedWhateverThePort(t *testing.T) {
	var written bytes.Buffer
	log := slog.New(newFolding(slog.NewTextHandler(&written, nil)))
	for port := range 10 {
		for _, server := range []int{8008, 8009} {
			err := &net.OpError{
				Op: "read", Net: "tcp", Err: errors.New("connection reset by peer"),
				Source: &net.TCPAddr{IP: net.IPv6loopback, Port: 40000 + port}, Addr: &net.TCPAddr{IP: net.IPv6loopback, Port: server},
			}
			log.Warn("homeserver did not answer", "error", err)
		}
	}
	assert.Equal(t, 2, strings.Count(written.String(), "did not answer"))
}

// TestFoldedLinesAreBounded: lines that differ are all written, and few are remembered.
func TestFoldedLinesAreBounded(t *testing.T) {
	var written bytes.Buffer
	f := newFolding(slog.NewTextHandler(&written, nil))
	log := slog.New(f)
	for i := range 3 * maxFolded {
		log.Warn(fmt.Sprint("line ", i))
	}
	assert.Equal(t, 3*maxFolded, strings.Count(written.String(), "line "))
	assert.Len(t, f.seen.lines, maxFolded)
}
