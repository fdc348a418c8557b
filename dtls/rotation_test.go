package dtls

import (
	"bytes"
	"crypto/x509"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/keys"
)

// A key that was replaced under the same identity opens no stored session, on either
// side; the one that is restored finds nothing either, since the session has ended.
func TestReplacedKey(t *testing.T) {
	server, cfg := lasting()
	in(t, 50*time.Millisecond, server, func(t *testing.T, w *world) {
		client, _ := w.connect(clientAddress, cfg)
		fresh := bytes.Repeat([]byte{9}, MinKey)
		rotated := server
		rotated.Keys = keysOf(map[string][]byte{identity: fresh})
		w.restart(rotated, false)
		_, err := client.Write([]byte("hello"))
		require.NoError(t, err)
		time.Sleep(time.Second)
		assert.Zero(t, w.listener.Stats().Sessions)
		assert.Zero(t, w.listener.Stats().Stored)

		w.leave(client)
		for _, change := range []func(*Config){
			func(c *Config) { c.Key = fresh },
			func(c *Config) { c.Identity = "somebody else" },
			func(c *Config) { c.Identity, c.Key, c.ServerName = "", nil, "example.org" },
		} {
			other := cfg
			change(&other)
			_, err := Resume(w.net.socket(clientAddress), addr(serverAddress), other)
			require.ErrorIs(t, err, ErrNoSession)
		}
		w.resume(clientAddress, cfg)
	})
}

// What could not be made any more is not resumed.
func TestStricterConfig(t *testing.T) {
	psk := testSecrets(PSKWithChaCha20, nil)
	psk.keyCheck = keyCheck(testKey())
	pair := selfSigned(t, keys.P256)
	withCert := withCertificate(serverConfig(), pair.TLS())
	cert := testSecrets(ECDHEECDSAWithChaCha20, nil)
	anonymous := cert
	anonymous.identity = ""
	for name, tc := range map[string]struct {
		cfg    Config
		change func(*Config)
		s      secrets
		after  bool
	}{
		"nothing changed":              {serverConfig(), func(*Config) {}, psk, true},
		"forward secrecy is required":  {serverConfig(), func(c *Config) { c.RequireForwardSecrecy = true }, psk, false},
		"no keys":                      {withCert, func(c *Config) { c.Keys = nil }, psk, false},
		"no certificates":              {withCert, func(c *Config) { c.Certificates = nil }, cert, false},
		"clients need certificates":    {withCert, func(c *Config) { c.ClientCAs = x509.NewCertPool() }, anonymous, false},
		"clients who have one stay":    {withCert, func(c *Config) { c.ClientCAs = x509.NewCertPool() }, cert, true},
		"another server is pinned":     {Config{Fingerprint: make([]byte, 32)}, nil, cert, false},
		"a server that is not pinned":  {Config{ServerName: "example.org"}, nil, cert, true},
		"a client demands it":          {Config{Identity: identity, Key: testKey(), RequireForwardSecrecy: true}, nil, psk, false},
		"a client with the same key":   {Config{Identity: identity, Key: testKey()}, nil, psk, true},
		"a client with a longer key":   {Config{Identity: identity, Key: append(testKey(), 0)}, nil, psk, false},
		"a client with another's name": {Config{Identity: "x", Key: testKey()}, nil, psk, false},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.change == nil {
				assert.Equal(t, tc.after, tc.cfg.wouldMake(tc.s))
				return
			}
			assert.True(t, tc.cfg.wouldAccept(tc.s))
			tc.change(&tc.cfg)
			assert.Equal(t, tc.after, tc.cfg.wouldAccept(tc.s))
		})
	}
}
