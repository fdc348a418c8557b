package trace

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func TestLog(t *testing.T) {
	var l Log
	var out bytes.Buffer
	l.Record(Event{Kind: Sent})
	require.NoError(t, l.Start(&out, 7))
	require.ErrorIs(t, l.Start(&out, 8), ErrStarted)
	l.Record(Event{Session: 7, Kind: Sent, At: noon, MessageID: 0, Type: 0, Code: 2, Bytes: 40})
	l.Record(Event{Session: 8, Kind: Sent})
	l.Record(Event{Session: 7, Kind: Measured, At: noon, MessageID: 5, Type: 1, Code: 69, RoundTrip: 1500 * time.Millisecond})
	l.Record(Event{Session: 7, Kind: Malformed, At: noon, Bytes: 3})
	dropped, err := l.Stop()
	require.NoError(t, err)
	assert.Zero(t, dropped)
	l.Record(Event{Session: 7, Kind: Sent})
	_, err = l.Stop()
	require.NoError(t, err)
	assert.Equal(t, `{"at":"2026-03-14T12:00:00Z","session":7,"kind":"sent","type":"CON","code":"0.02","mid":0,"bytes":40}
{"at":"2026-03-14T12:00:00Z","session":7,"kind":"measured","type":"NON","code":"2.05","mid":5,"bytes":0,"round_trip":1.5}
{"at":"2026-03-14T12:00:00Z","session":7,"kind":"malformed","bytes":3}
`, out.String())
	require.NoError(t, l.Start(&out, 0), "it can be switched on again")
	_, err = l.Stop()
	require.NoError(t, err)
}

// TestLogWhileSessionsRun: it is switched again and again while others record.
func TestLogWhileSessionsRun(t *testing.T) {
	var l Log
	done := make(chan struct{})
	var sessions sync.WaitGroup
	for n := range uint64(3) {
		sessions.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					l.Record(Event{Session: n + 1, Kind: Sent, At: noon})
					time.Sleep(10 * time.Microsecond)
				}
			}
		})
	}
	for range 20 {
		var out bytes.Buffer
		require.NoError(t, l.Start(&out, 2))
		time.Sleep(time.Millisecond)
		_, err := l.Stop()
		require.NoError(t, err)
		for text := range strings.Lines(out.String()) {
			var got struct{ Session uint64 }
			require.NoError(t, json.Unmarshal([]byte(text), &got))
			require.EqualValues(t, 2, got.Session)
		}
	}
	close(done)
	sessions.Wait()
}

// blocked is a disk that does not answer until it is let go, and then is full.
type blocked struct{ let chan struct{} }

func (b blocked) Write([]byte) (int, error) {
	<-b.let
	return 0, errors.New("no space")
}

// TestLogNeverWaits: a disk that is slow costs events, not messages, and one that is full is
// told of.
func TestLogNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Log
		disk := blocked{make(chan struct{})}
		require.NoError(t, l.Start(disk, 0))
		for range 3 * maxQueued {
			l.Record(Event{Kind: Sent, At: noon})
		}
		time.Sleep(time.Minute)
		for range maxQueued {
			l.Record(Event{Kind: Sent, At: noon})
		}
		close(disk.let)
		dropped, err := l.Stop()
		assert.EqualError(t, err, "no space")
		assert.Greater(t, dropped, uint64(maxQueued))
	})
}

// TestLogIsReadable: what was recorded is there soon, though the log stays on.
func TestLogIsReadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Log
		out := &guarded{}
		require.NoError(t, l.Start(out, 0))
		l.Record(Event{Kind: GaveUp, At: noon})
		time.Sleep(2 * flushPause)
		assert.Contains(t, out.String(), "gave-up")
		_, err := l.Stop()
		require.NoError(t, err)
	})
}

type guarded struct {
	mu sync.Mutex
	bytes.Buffer
}

func (g *guarded) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.Buffer.Write(p)
}

func (g *guarded) String() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.Buffer.String()
}

func TestTee(t *testing.T) {
	var a, b counter
	assert.Nil(t, Tee())
	assert.Nil(t, Tee(nil, nil))
	assert.Equal(t, &a, Tee(nil, &a))
	Tee(&a, nil, &b).Record(Event{})
	assert.Equal(t, counter{1}, a)
	assert.Equal(t, counter{1}, b)
	assert.Equal(t, "sent", Sent.String())
	assert.Equal(t, "kind-0", Kind(0).String())
	assert.Equal(t, "kind-99", Kind(99).String())
}

type counter struct{ n int }

func (c *counter) Record(Event) { c.n++ }
