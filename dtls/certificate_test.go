//go:build !coapgw_psk

package dtls

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/internal/keys"
	"github.com/coapgw/coapgw/pairing"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func pinned(f pairing.Fingerprint) Config {
	return Config{Profile: link.Default(), Fingerprint: f[:]}
}

func pool(t *testing.T, p keys.Pair) *x509.CertPool {
	t.Helper()
	c, err := x509.ParseCertificate(p.DER)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(c)
	return pool
}

// One port serves keys and certificates. Certificates cost a cookie first.
func TestPinnedFingerprint(t *testing.T) {
	for _, alg := range []keys.Algorithm{keys.Ed25519, keys.P256} {
		pair := selfSigned(t, alg)
		in(t, 50*time.Millisecond, withCertificate(serverConfig(), pair.TLS()), func(t *testing.T, w *world) {
			client, server := w.connect(clientAddress, pinned(pair.Fingerprint()))
			carries(t, client, server, "up")
			carries(t, server, client, "down")
			assert.Equal(t, ECDHEECDSAWithChaCha20, server.Info().Suite)
			assert.Empty(t, server.PeerIdentity())
			f, err := pairing.ParseFingerprint(client.PeerIdentity())
			require.NoError(t, err)
			assert.Equal(t, pair.Fingerprint(), f)
			assert.Equal(t, 32, client.Overhead())
			assert.Equal(t, 29, server.Overhead())

			keyed, keyedServer := w.connect("198.51.100.8:1", clientConfig())
			carries(t, keyed, keyedServer, "up")
			assert.Equal(t, identity, keyedServer.PeerIdentity())

			other := pair.Fingerprint()
			other[0] ^= 1
			_, err = w.dial("198.51.100.9:1", pinned(other))
			require.ErrorIs(t, err, ErrFingerprint)
		})
	}
}

func TestCertificateAuthority(t *testing.T) {
	ca, err := keys.NewCA("Boat", issued())
	require.NoError(t, err)
	stranger, err := keys.NewCA("Boat", issued())
	require.NoError(t, err)
	server, err := ca.IssueServer([]string{"gw.example", "192.0.2.1"}, issued())
	require.NoError(t, err)
	cfg := withCertificate(Config{Profile: link.Default()}, server.TLS())
	trust := func(ca keys.Pair, name string) Config {
		return Config{Profile: link.Default(), RootCAs: pool(t, ca), ServerName: name}
	}
	in(t, 50*time.Millisecond, cfg, func(t *testing.T, w *world) {
		for i, name := range []string{"gw.example", "192.0.2.1"} {
			client, s := w.connect([]string{"198.51.100.8:1", "198.51.100.8:2"}[i], trust(ca, name))
			carries(t, client, s, "up")
		}
		for _, bad := range []Config{trust(ca, "other.example"), trust(stranger, "gw.example")} {
			_, err := w.dial(clientAddress, bad)
			var he *HandshakeError
			require.ErrorAs(t, err, &he)
		}
		_, err = w.dial(clientAddress, trust(ca, ""))
		require.ErrorIs(t, err, ErrNoServerName)
		_, err = w.dial(clientAddress, Config{Profile: link.Default()})
		require.ErrorIs(t, err, ErrNoCredentials)
		_, err = w.dial(clientAddress, clientConfig())
		require.Error(t, err, "the server has no keys")
	})
}

func TestClientCertificate(t *testing.T) {
	ca, err := keys.NewCA("Boat", issued())
	require.NoError(t, err)
	// Client authentication asks for another usage than servers have.
	client, err := ca.IssueClient("alice", issued())
	require.NoError(t, err)
	server := selfSigned(t, keys.Ed25519)
	cfg := withCertificate(serverConfig(), server.TLS())
	cfg.ClientCAs = pool(t, ca)
	in(t, 50*time.Millisecond, cfg, func(t *testing.T, w *world) {
		c, s := w.connect(clientAddress, withCertificate(pinned(server.Fingerprint()), client.TLS()))
		carries(t, c, s, "up")
		f, err := pairing.ParseFingerprint(s.PeerIdentity())
		require.NoError(t, err)
		assert.Equal(t, client.Fingerprint(), f)

		_, err = w.dial("198.51.100.8:1", pinned(server.Fingerprint()))
		require.Error(t, err, "no certificate")
		_, err = w.dial("198.51.100.8:2", withCertificate(pinned(server.Fingerprint()), selfSigned(t, keys.P256).TLS()))
		require.Error(t, err, "a certificate of nobody")
		keyed, keyedServer := w.connect("198.51.100.8:3", clientConfig())
		carries(t, keyed, keyedServer, "keys are not asked for one")
	})
}

// Certificates are cut to fit the MTU.
func TestFlightsFitMTU(t *testing.T) {
	pair := selfSigned(t, keys.P256, "gw.example")
	server, client := withCertificate(serverConfig(), pair.TLS()), pinned(pair.Fingerprint())
	server.Profile.MTU, client.Profile.MTU = 128, 128
	in(t, 50*time.Millisecond, server, func(t *testing.T, w *world) {
		c, s := w.connect(clientAddress, client)
		for _, size := range flights(w.net.sentLog()) {
			assert.LessOrEqual(t, max(size, -size), 128)
		}
		carries(t, c, s, "up")
	})
}

// A minimal certificate that never varies in size: at most 1000 B in all.
func TestHandshakeBytesCertificate(t *testing.T) {
	pair := selfSigned(t, keys.Ed25519)
	in(t, 50*time.Millisecond, withCertificate(serverConfig(), pair.TLS()), func(t *testing.T, w *world) {
		w.connect(clientAddress, pinned(pair.Fingerprint()))
		assert.Equal(t, []int{109, -48, 129, -473, 128, -67}, flights(w.net.sentLog()))
	})
}
