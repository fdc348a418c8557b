package dtls

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestConfigRefused(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	rsaCertificate := []tls.Certificate{{Certificate: [][]byte{{1}}, PrivateKey: rsaKey}}
	change := func(cfg Config, f func(*Config)) Config { f(&cfg); return cfg }
	for _, tc := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"nothing", Config{Profile: link.Default()}, ErrNoCredentials.Error()},
		{"no profile", Config{Keys: serverConfig().Keys, Identity: identity, Key: testKey()}, "flight interval"},
		{"tiny MTU", change(serverConfig(), func(c *Config) { c.Profile.MTU = 40; c.Identity, c.Key = identity, testKey() }), "MTU of 40"},
		{"RSA", change(serverConfig(), func(c *Config) { c.Certificates = rsaCertificate; c.Fingerprint = make([]byte, 32) }), "*rsa.PrivateKey"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := newNetwork(0)
			_, err := Listen(n.socket(serverAddress), tc.cfg)
			require.ErrorContains(t, err, tc.want)
			_, err = Dial(t.Context(), n.socket(clientAddress), addr(serverAddress), tc.cfg)
			require.ErrorContains(t, err, tc.want)
			assert.NotContains(t, n.hosts, clientAddress, "Dial closes the socket")
		})
	}
	for _, tc := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"key without identity", Config{Profile: link.Default(), Key: testKey()}, "no identity"},
		{"identity without key", Config{Profile: link.Default(), Identity: "a"}, "0 bytes"},
		{"short fingerprint", Config{Profile: link.Default(), Fingerprint: []byte{1}}, "32 bytes, not 1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Dial(t.Context(), newNetwork(0).socket(clientAddress), addr(serverAddress), tc.cfg)
			require.ErrorContains(t, err, tc.want)
		})
	}
}

// The network is down for a while on either side: datagrams are lost, no more.
func TestSocketErrorsAreLosses(t *testing.T) {
	in(t, 50*time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
		down := errors.New("network is unreachable")
		s := w.net.socket(clientAddress)
		s.failSends(down)
		time.AfterFunc(2*time.Second, func() { s.failSends(nil) })
		client, err := Dial(t.Context(), s, addr(serverAddress), clientConfig())
		require.NoError(t, err)
		w.clients = append(w.clients, client)
		server := w.accept()

		w.listener.pc.(*socket).failSends(down)
		_, err = server.Write([]byte("lost"))
		require.NoError(t, err)
		w.listener.pc.(*socket).failSends(nil)
		carries(t, server, client, "not lost")
		assert.Equal(t, uint64(1), w.listener.Stats().SendErrors)
	})
	in(t, 50*time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
		down := errors.New("network is unreachable")
		s := w.net.socket(clientAddress)
		s.failSends(down)
		_, err := Dial(t.Context(), s, addr(serverAddress), clientConfig())
		require.ErrorIs(t, err, down, "the reason is told in the end")
	})
}

// What is logged, even at debug level, holds no key and no content, and nothing is
// printed besides.
func TestLogHoldsNoSecrets(t *testing.T) {
	var log bytes.Buffer
	cfg := serverConfig()
	cfg.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	read, write, err := os.Pipe()
	require.NoError(t, err)
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = write, write
	in(t, 50*time.Millisecond, cfg, func(t *testing.T, w *world) {
		client, server := w.connect(clientAddress, clientConfig())
		carries(t, client, server, "sesame")
		wrong := clientConfig()
		wrong.Key = bytes.Repeat([]byte{8}, MinKey)
		_, err := w.dial("198.51.100.8:1", wrong)
		require.Error(t, err)
	})
	os.Stdout, os.Stderr = stdout, stderr
	require.NoError(t, write.Close())
	printed := make([]byte, 100)
	n, _ := read.Read(printed)
	assert.Empty(t, string(printed[:n]))

	text := log.String()
	assert.Contains(t, text, "suite=TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256")
	assert.Contains(t, text, "level=WARN msg=\"dtls: handshake failed\" peer=198.51.100.8:1 identity="+identity)
	for _, secret := range []string{"sesame", hex.EncodeToString(testKey()), string(testKey())} {
		assert.NotContains(t, text, secret)
	}
}

// A reset key of another length would make weak tokens.
func TestResetKeyLength(t *testing.T) {
	cfg := serverConfig()
	cfg.ResetKey = []byte("short")
	pc := newNetwork(0).socket(serverAddress)
	_, err := Listen(pc, cfg)
	require.ErrorContains(t, err, "not 5")
}

// A server's timers are the slowest link's, each for itself, unless it is told
// another.
func TestSlowest(t *testing.T) {
	cfg := serverConfig()
	cfg.Slowest.FlightInterval = 7 * time.Second
	cfg, err := cfg.server()
	require.NoError(t, err)
	assert.Equal(t, 7*time.Second, cfg.Slowest.FlightInterval)
	for _, p := range link.Profiles() {
		assert.GreaterOrEqual(t, cfg.Slowest.HandshakeTimeout, p.HandshakeTimeout)
	}
}

// An identity is told in clear: whoever has heard one cannot fill the log with its failures.
func TestFailuresFillNoLog(t *testing.T) {
	var log bytes.Buffer
	cfg := serverConfig()
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	in(t, 50*time.Millisecond, cfg, func(t *testing.T, w *world) {
		wrong := clientConfig()
		wrong.Key = bytes.Repeat([]byte{8}, MinKey)
		const several = 10
		failed := make(chan error, several)
		for i := range several {
			go func() {
				_, err := w.dial(fmt.Sprintf("198.51.100.9:%d", i+1), wrong)
				failed <- err
			}()
		}
		for range several {
			require.Error(t, <-failed)
		}
		time.Sleep(w.listener.cfg.Slowest.HandshakeTimeout) // of the server
	})
	assert.Contains(t, log.String(), "identity="+identity)
	assert.LessOrEqual(t, bytes.Count(log.Bytes(), []byte("handshake failed")), 3)
	assert.LessOrEqual(t, bytes.Count(log.Bytes(), []byte("does not complete")), 3)
}
