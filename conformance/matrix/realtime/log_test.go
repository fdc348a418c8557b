package realtime

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/matrix/pair"
)

// A log tells how long each step of a session took.
type log struct {
	t     *testing.T
	begin time.Time
	steps []string
	// longest is what the longest step took.
	longest time.Duration
}

func newLog(t *testing.T) *log { return &log{t: t, begin: time.Now()} }

// step does something that must succeed and notes how long it took.
func (l *log) step(name string, do func() error) {
	l.t.Helper()
	begin := time.Now()
	err := do()
	took := time.Since(begin)
	l.longest = max(l.longest, took)
	l.steps = append(l.steps, fmt.Sprintf("%s %.1f s", name, took.Seconds()))
	require.NoError(l.t, err, "%s; times: %s", name, strings.Join(l.steps, ", "))
}

// done writes the session's line of a table.
func (l *log) done(name string, gaveUp int64, stats pair.LinkStats) {
	l.t.Helper()
	lane := func(d pair.LaneStats) string {
		return fmt.Sprintf("%d B in %d, %d lost", d.Bytes, d.Datagrams, d.Lost)
	}
	l.t.Logf("| %s | %.0f s | %s | %d given up | %s | %s |", name, time.Since(l.begin).Seconds(),
		strings.Join(l.steps, ", "), gaveUp, lane(stats.Up), lane(stats.Down))
}
