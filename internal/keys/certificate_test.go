package keys

import (
	"crypto/sha256"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/pairing"
)

func at() time.Time { return time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC) }

func parse(t *testing.T, p Pair) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(p.DER)
	require.NoError(t, err)
	return c
}

func TestSelfSigned(t *testing.T) {
	for _, tc := range []struct {
		alg  Algorithm
		want x509.PublicKeyAlgorithm
		max  int
	}{{Ed25519, x509.Ed25519, 300}, {P256, x509.ECDSA, 370}} {
		p, err := NewSelfSigned(tc.alg, []string{"gw.example", "192.0.2.1", "2001:db8::1"}, at())
		require.NoError(t, err)
		c := parse(t, p)
		assert.Equal(t, tc.want, c.PublicKeyAlgorithm)
		require.NoError(t, c.VerifyHostname("gw.example"))
		require.NoError(t, c.VerifyHostname("192.0.2.1"))
		require.NoError(t, c.VerifyHostname("2001:db8::1"))
		require.Error(t, c.VerifyHostname("other.example"))
		assert.False(t, c.IsCA)
		assert.Equal(t, pairing.Fingerprint(sha256.Sum256(p.DER)), p.Fingerprint())
		assert.LessOrEqual(t, len(p.DER), tc.max)

		bare, err := NewSelfSigned(tc.alg, nil, at())
		require.NoError(t, err)
		assert.Less(t, len(bare.DER), len(p.DER))
	}
}

func TestHouseholdCA(t *testing.T) {
	ca, err := NewCA("Boat", at())
	require.NoError(t, err)
	server, err := ca.IssueServer([]string{"matrix.boat.example", "192.168.7.1"}, at())
	require.NoError(t, err)

	roots := x509.NewCertPool()
	roots.AddCert(parse(t, ca))
	c := parse(t, server)
	verify := func(name string, when time.Time) error {
		_, err := c.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: when})
		return err
	}
	require.NoError(t, verify("matrix.boat.example", at()))
	require.NoError(t, verify("192.168.7.1", at()))
	require.NoError(t, verify("matrix.boat.example", at().Add(-30*time.Minute)), "a clock that is behind")
	require.Error(t, verify("elsewhere.example", at()))
	require.Error(t, verify("matrix.boat.example", at().Add(MaxServerLifetime)))
	assert.LessOrEqual(t, c.NotAfter.Sub(c.NotBefore), MaxServerLifetime)
	assert.Equal(t, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, c.ExtKeyUsage)
	assert.Equal(t, x509.ECDSA, c.PublicKeyAlgorithm)

	last, err := ca.IssueServer([]string{"x"}, at().Add(caLifetime-time.Hour))
	require.NoError(t, err)
	assert.Equal(t, parse(t, ca).NotAfter, parse(t, last).NotAfter)

	_, err = server.IssueServer([]string{"x"}, at())
	require.ErrorIs(t, err, ErrNotCA)
	_, err = ca.IssueServer(nil, at())
	require.ErrorIs(t, err, ErrNoNames)
}

func TestPairFiles(t *testing.T) {
	for _, alg := range []Algorithm{Ed25519, P256} {
		dir := t.TempDir()
		cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
		p, err := NewSelfSigned(alg, []string{"gw.example"}, at())
		require.NoError(t, err)
		require.NoError(t, p.Write(cert, key))
		require.NoError(t, CheckPrivate(key))
		got, err := LoadPair(cert, key)
		require.NoError(t, err)
		assert.Equal(t, p.DER, got.DER)
		assert.Equal(t, p.Key.Public(), got.Key.Public())
		require.ErrorIs(t, p.Write(cert, key), os.ErrExist, "no key is overwritten")

		other := filepath.Join(dir, "other.pem")
		require.ErrorIs(t, p.Write(cert, other), os.ErrExist)
		assert.NoFileExists(t, other, "no key stays behind without its certificate")
	}
}
