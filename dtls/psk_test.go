package dtls

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTenSecondRoundTrip(t *testing.T) {
	in(t, 5*time.Second, serverConfig(), func(t *testing.T, w *world) {
		start := time.Now()
		cfg := clientConfig()
		cfg.Profile.FlightInterval = 15 * time.Second
		client, server := w.connect(clientAddress, cfg)
		assert.Equal(t, 20*time.Second, time.Since(start), "two round trips")
		assert.Len(t, w.net.sentLog(), 4, "nothing is repeated")
		carries(t, client, server, "hello")
	})
}

// A copy of a ClientHello that arrives when its handshake is complete starts
// nothing.
func TestLateCopyOfClientHello(t *testing.T) {
	in(t, 5*time.Second, serverConfig(), func(t *testing.T, w *world) {
		cfg := clientConfig()
		cfg.Profile.FlightInterval = 15 * time.Second
		client, server := w.connect(clientAddress, cfg)
		w.net.send(w.net.sentLog()[0])
		time.Sleep(10 * time.Second)
		assert.Zero(t, w.listener.Stats().HalfOpen)
		time.Sleep(10 * time.Minute)
		assert.Len(t, w.net.sentLog(), 1, "not even an answer")
		carries(t, client, server, "hello")
	})
}

// A client listens to the peer that it dialled only.
func TestStrangerCannotRefuse(t *testing.T) {
	in(t, 50*time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
		time.AfterFunc(20*time.Millisecond, func() {
			w.net.send(sent{from: "203.0.113.66:5684", to: clientAddress, data: rec(typeAlert, 0, 2, 40)})
		})
		client, server := w.connect(clientAddress, clientConfig())
		carries(t, client, server, "hello")
	})
	in(t, 50*time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
		time.AfterFunc(20*time.Millisecond, func() {
			w.net.send(sent{from: serverAddress, to: clientAddress, data: rec(typeAlert, 0, 2, 40)})
		})
		_, err := w.dial(clientAddress, clientConfig())
		var he *HandshakeError
		require.ErrorAs(t, err, &he, "the same from the server's address counts")
		assert.Equal(t, uint8(40), he.Alert)
	})
}

// Any one datagram of the handshake may be lost.
func TestLostFlight(t *testing.T) {
	for lost := range 4 {
		t.Run(string(rune('1'+lost)), func(t *testing.T) {
			in(t, 50*time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
				i := -1
				w.net.setFilter(func(sent) bool { i++; return i != lost })
				start := time.Now()
				client, server := w.connect(clientAddress, clientConfig())
				assert.Less(t, time.Since(start), 3*time.Second)
				carries(t, client, server, "hello")
				carries(t, server, client, "hello")
			})
		})
	}
}

func TestRefusedKeys(t *testing.T) {
	unknown := clientConfig()
	unknown.Identity = "nobody"
	wrong := clientConfig()
	wrong.Key = []byte(strings.Repeat("w", MinKey))
	weak := clientConfig()
	weak.Identity = "weak"
	server := serverConfig()
	server.Keys = keysOf(map[string][]byte{identity: testKey(), "weak": []byte("15 bytes or so.")})

	t.Run("unknown identity", func(t *testing.T) {
		in(t, 50*time.Millisecond, server, func(t *testing.T, w *world) {
			start := time.Now()
			_, err := w.dial(clientAddress, unknown)
			require.ErrorIs(t, err, ErrUnknownIdentity)
			var he *HandshakeError
			require.ErrorAs(t, err, &he)
			assert.Equal(t, uint8(alertUnknownIdentity), he.Alert)
			assert.Less(t, time.Since(start), time.Second, "told at once")
		})
	})
	t.Run("wrong key", func(t *testing.T) {
		var log bytes.Buffer
		server := server
		server.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
		in(t, 50*time.Millisecond, server, func(t *testing.T, w *world) {
			start := time.Now()
			_, err := w.dial(clientAddress, wrong)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			var he *HandshakeError
			require.ErrorAs(t, err, &he)
			assert.True(t, he.Answered)
			assert.Contains(t, err.Error(), "keys may differ")
			assert.Equal(t, wrong.Profile.HandshakeTimeout, time.Since(start))
			synctest.Wait()
			assert.Equal(t, 1, strings.Count(log.String(), "\n"), "the operator need not wait for the slowest link")
			assert.Contains(t, log.String(), "the keys may differ")
			assert.Contains(t, log.String(), identity)
		})
	})
	t.Run("short key at the server", func(t *testing.T) {
		in(t, 50*time.Millisecond, server, func(t *testing.T, w *world) {
			_, err := w.dial(clientAddress, weak)
			require.ErrorIs(t, err, ErrUnknownIdentity)
		})
	})
	t.Run("short key at the client", func(t *testing.T) {
		in(t, 50*time.Millisecond, server, func(t *testing.T, w *world) {
			cfg := clientConfig()
			cfg.Key = cfg.Key[:MinKey-1]
			_, err := w.dial(clientAddress, cfg)
			var short *ShortKeyError
			require.ErrorAs(t, err, &short)
			assert.Equal(t, ShortKeyError{Identity: identity, Len: 15}, *short)
			assert.Empty(t, w.net.sentLog(), "not a byte on the wire")
		})
	})
	t.Run("no server", func(t *testing.T) {
		in(t, 50*time.Millisecond, server, func(t *testing.T, w *world) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			_, err := Dial(ctx, w.net.socket(clientAddress), addr("192.0.2.99:5684"), clientConfig())
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Contains(t, err.Error(), "no answer")
		})
	})
}
