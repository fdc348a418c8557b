package dtls

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/coapgw/coapgw/internal/keys"
	pion "github.com/pion/dtls/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// foreign shakes hands as a peer that knows the suites of RFC 7252 only, and no
// Connection ID.
func (w *world) foreign(t *testing.T, from string, options ...pion.ClientOption) (*pion.Conn, *Conn) {
	t.Helper()
	c, err := pion.ClientWithOptions(w.net.socket(from), addr(serverAddress),
		append([]pion.ClientOption{pion.WithLoggerFactory(pionLog{Config{}.log()})}, options...)...)
	require.NoError(t, err)
	require.NoError(t, c.HandshakeContext(t.Context()))
	return c, w.accept()
}

func foreignPSK() []pion.ClientOption {
	return []pion.ClientOption{
		pion.WithCipherSuites(pion.TLS_PSK_WITH_AES_128_CCM_8),
		pion.WithPSK(func([]byte) ([]byte, error) { return testKey(), nil }),
		pion.WithPSKIdentityHint([]byte(identity)),
	}
}

// talk asserts that datagrams pass both ways.
func talk(t *testing.T, client *pion.Conn, server *Conn) {
	t.Helper()
	buf := make([]byte, 100)
	_, err := client.Write([]byte("up"))
	require.NoError(t, err)
	n, err := server.Read(buf)
	require.NoError(t, err)
	assert.Equal(t, "up", string(buf[:n]))
	_, err = server.Write([]byte("down"))
	require.NoError(t, err)
	n, err = client.Read(buf)
	require.NoError(t, err)
	assert.Equal(t, "down", string(buf[:n]))
}

// The mandatory suites of RFC 7252 §9.1.3.1 and §9.1.3.3.
func TestRFC7252Peers(t *testing.T) {
	pair := selfSigned(t, keys.P256)
	in(t, 50*time.Millisecond, withCertificate(serverConfig(), pair.TLS()), func(t *testing.T, w *world) {
		client, server := w.foreign(t, clientAddress, foreignPSK()...)
		assert.Equal(t, Info{Suite: PSKWithAES128CCM8, Identity: identity, Peer: addr(clientAddress)}, server.Info())
		assert.Equal(t, 29, server.Overhead())
		talk(t, client, server)
		require.NoError(t, client.Close())

		client, server = w.foreign(t, "198.51.100.8:1",
			pion.WithCipherSuites(pion.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8), pion.WithInsecureSkipVerify(true))
		assert.Equal(t, ECDHEECDSAWithAES128CCM8, server.Info().Suite)
		assert.Equal(t, 29, server.Overhead())
		talk(t, client, server)
		require.NoError(t, client.Close())
	})
}

// Without Connection IDs the address is all there is: the old association keeps
// its application data until the new handshake is complete, and ends then.
func TestRebootWithoutConnectionID(t *testing.T) {
	in(t, 50*time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
		old, oldServer := w.foreign(t, clientAddress, foreignPSK()...)
		w.net.setFilter(func(d sent) bool { return d.data[0] != typeHandshake || d.from != serverAddress })
		reborn, err := pion.ClientWithOptions(w.net.socket(clientAddress), addr(serverAddress),
			append(foreignPSK(), pion.WithLoggerFactory(pionLog{Config{}.log()}))...)
		require.NoError(t, err)
		result := make(chan error, 1)
		go func() { result <- reborn.HandshakeContext(t.Context()) }()
		time.Sleep(500 * time.Millisecond)
		require.Equal(t, 1, w.listener.Stats().HalfOpen)

		_, err = old.Write([]byte("still the old one"))
		require.NoError(t, err)
		buf := make([]byte, 100)
		n, err := oldServer.Read(buf)
		require.NoError(t, err)
		assert.Equal(t, "still the old one", string(buf[:n]))

		w.net.setFilter(nil)
		require.NoError(t, <-result)
		server := w.accept()
		talk(t, reborn, server)
		_, err = oldServer.Read(buf)
		require.Error(t, err)
		synctest.Wait()
		assert.Equal(t, 1, w.listener.Stats().Sessions)
		require.NoError(t, reborn.Close())
		require.NoError(t, old.Close())
	})
}

func TestRequireForwardSecrecy(t *testing.T) {
	cfg := serverConfig()
	cfg.RequireForwardSecrecy = true
	in(t, 50*time.Millisecond, cfg, func(t *testing.T, w *world) {
		slow := clientConfig()
		slow.Profile.RateUp = 75
		_, err := w.dial(clientAddress, slow)
		var he *HandshakeError
		require.ErrorAs(t, err, &he)
		assert.Equal(t, uint8(71), he.Alert, "insufficient_security")
		slow.RequireForwardSecrecy = true
		client, _ := w.connect("198.51.100.8:1", slow)
		assert.True(t, client.Info().Suite.ForwardSecret())
	})
}

// Without Extended Master Secret (RFC 7627) nobody gets in.
func TestExtendedMasterSecretRequired(t *testing.T) {
	in(t, 50*time.Millisecond, serverConfig(), func(t *testing.T, w *world) {
		c, err := pion.ClientWithOptions(w.net.socket(clientAddress), addr(serverAddress),
			append(foreignPSK(), pion.WithExtendedMasterSecret(pion.DisableExtendedMasterSecret), pion.WithLoggerFactory(pionLog{Config{}.log()}))...)
		require.NoError(t, err)
		require.ErrorContains(t, c.HandshakeContext(t.Context()), "InsufficientSecurity")
		c.Close()
	})
}
