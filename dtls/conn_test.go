package dtls

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// inject sends a record of the client under its next number.
func (w *world) inject(c *Conn, typ uint8, content ...byte) {
	w.t.Helper()
	require.NoError(w.t, c.transmit(typ, content))
	time.Sleep(time.Second)
}

func TestAlerts(t *testing.T) {
	for _, tc := range []struct {
		name  string
		alert []byte
		ends  bool
	}{
		{"warning", []byte{alertWarning, 100}, false},
		{"cut short", []byte{alertFatal}, false},
		{"empty", nil, false},
		{"fatal", []byte{alertFatal, 40}, true},
		{"close_notify", []byte{alertWarning, alertCloseNotify}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in(t, time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
				client, server := w.connect(clientAddress, clientConfig())
				w.inject(client, typeApplicationData, []byte("before")...)
				w.inject(client, typeAlert, tc.alert...)
				buf := make([]byte, 10)
				n, err := server.Read(buf)
				require.NoError(t, err)
				assert.Equal(t, "before", string(buf[:n]), "what came before is read before the end")
				require.NoError(t, server.SetReadDeadline(time.Now().Add(time.Second)))
				_, err = server.Read(buf)
				if tc.ends {
					require.ErrorIs(t, err, io.EOF)
					assert.Zero(t, w.listener.Stats().Sessions)
				} else {
					require.ErrorIs(t, err, os.ErrDeadlineExceeded)
				}
			})
		})
	}
}

// Records that a session has no use for: a handshake that wants to begin again, a
// type that does not exist. Nothing answers them.
func TestRecordsWithoutUse(t *testing.T) {
	in(t, time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
		client, server := w.connect(clientAddress, clientConfig())
		carries(t, client, server, "one")
		w.net.sentLog()
		for _, content := range [][]byte{nil, {msgClientHello}, {msgFinished, 0, 0, 12}, {0, 0, 0, 0}} {
			w.inject(client, typeHandshake, content...)
		}
		w.inject(client, typeChangeCipherSpec, 1)
		w.inject(client, 99, 1)
		for _, n := range flights(w.net.sentLog()) {
			assert.Positive(t, n)
		}
		carries(t, client, server, "two")
		carries(t, server, client, "three")
	})
}

// The client's last flight can be recorded and replayed; the server repeats its own
// a few times, to whoever asks, and not at all once the client has sent data.
func TestReplayedFinishedIsBounded(t *testing.T) {
	in(t, time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
		client, server := w.connect(clientAddress, clientConfig())
		flight := w.net.sentLog()[2]
		flight.from = "203.0.113.66:666"
		for range 3 * maxRepeats {
			w.net.send(flight)
		}
		time.Sleep(time.Second)
		answers := 0
		for _, d := range w.net.sentLog() {
			if d.from == serverAddress {
				assert.Equal(t, flight.from, d.to)
				assert.LessOrEqual(t, len(d.data), len(flight.data))
				answers++
			}
		}
		assert.Equal(t, maxRepeats, answers)
		carries(t, client, server, "data")
		server.repeats = 0
		w.net.sentLog()
		w.net.send(flight)
		time.Sleep(time.Second)
		assert.Len(t, w.net.sentLog(), 1)
		assert.Equal(t, clientAddress, server.RemoteAddr().String())
	})
}

func TestForgeryAlarm(t *testing.T) {
	for suite, alarms := range map[Suite]bool{PSKWithAES128CCM8: true, ECDHEPSKWithChaCha20: false} {
		var log bytes.Buffer
		cfg := serverConfig()
		cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
		in(t, time.Millisecond, cfg, func(t *testing.T, w *world) {
			s := testSecrets(suite, []byte{1, 2}).mirrored()
			a := w.listener.newAssociation(0)
			c, err := newConn(a, s, newLedger(0, window{}), newPath(addr(clientAddress), false), true)
			require.NoError(t, err)
			c.forged.Store(forgeryAlarm - 2)
			forged := rec(typeCID, 1, make([]byte, 40)...)
			copy(forged[11:], s.peer.cid)
			for range 3 {
				c.receive(forged, addr(clientAddress))
			}
			synctest.Wait()
		})
		assert.Equal(t, alarms, bytes.Contains(log.Bytes(), []byte("many forged records")), suite)
	}
}

// Deadlines of the past and the future, changed and taken back.
func TestWriteDeadline(t *testing.T) {
	in(t, time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
		client, server := w.connect(clientAddress, clientConfig())
		require.NoError(t, client.SetDeadline(time.Now().Add(-time.Second)))
		_, err := client.Write([]byte("late"))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		_, err = client.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.NoError(t, client.SetDeadline(time.Time{}))
		carries(t, client, server, "in time")
	})
}

// When the keys have protected all that they may, both ends learn it at once, and a
// store keeps nothing: a silent session would cost the peer its timeouts.
func TestExhaustedSessionEnds(t *testing.T) {
	server, cfg := lasting()
	in(t, time.Millisecond, server, func(t *testing.T, w *world) {
		client, s := w.connect(clientAddress, cfg)
		s.numbers.mu.Lock()
		s.numbers.next, s.numbers.limit = maxRecords-2, maxRecords
		s.numbers.mu.Unlock()
		carries(t, s, client, "the last one")
		_, err := s.Write([]byte("one more"))
		require.ErrorIs(t, err, ErrExhausted)
		_, err = client.Read(make([]byte, 10))
		require.ErrorIs(t, err, io.EOF)
		_, err = s.Read(make([]byte, 10))
		require.ErrorIs(t, err, ErrExhausted)
		time.Sleep(time.Second)
		assert.Empty(t, storedSessions(t, server.Store))
		_, err = Resume(w.net.socket(clientAddress), addr(serverAddress), cfg)
		require.ErrorIs(t, err, ErrNoSession)
	})
}
