package https

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// serverName is the name of the homeserver in the certificate.
const serverName = "matrix.example.org"

// timestamps is the size of the extension with two signed certificate timestamps
// (RFC 6962 §3.3), which browsers require.
const timestamps = 242

// chain is what a server shows as one with a certificate of Let's Encrypt does: a
// P-256 certificate and the P-384 one that signed it. TestChain has the sizes.
type chain struct {
	certificate tls.Certificate
	roots       *x509.CertPool
}

// newChain makes a chain with the cryptographic randomness of the process.
func newChain(t *testing.T) chain {
	key := func(c elliptic.Curve) *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(c, rand.Reader)
		require.NoError(t, err)
		return k
	}
	sign := func(template, parent *x509.Certificate, public, signer *ecdsa.PrivateKey) []byte {
		template.NotBefore, template.NotAfter = time.Unix(0, 0), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
		der, err := x509.CreateCertificate(rand.Reader, template, parent, &public.PublicKey, signer)
		require.NoError(t, err)
		return der
	}
	authority := func(name string, serial int64) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(serial), IsCA: true, BasicConstraintsValid: true,
			KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
			ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
			Subject:               pkix.Name{Country: []string{"US"}, Organization: []string{"Example Encrypt"}, CommonName: name},
			IssuingCertificateURL: []string{"http://x1.i.example.org/"},
			CRLDistributionPoints: []string{"http://x1.c.example.org/"},
			Policies:              []x509.OID{domainValidated(t)},
		}
	}
	rootKey, issuerKey, leafKey := key(elliptic.P384()), key(elliptic.P384()), key(elliptic.P256())
	root, issuer := authority("Root X1", 1), authority("E1", 1<<62)
	issuer.MaxPathLenZero = true
	leaf := &x509.Certificate{
		SerialNumber: new(big.Int).Lsh(big.NewInt(3), 138), DNSNames: []string{serverName},
		Subject:  pkix.Name{CommonName: serverName},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		SubjectKeyId:          make([]byte, 20),
		IssuingCertificateURL: []string{"http://e1.i.example.org/"},
		CRLDistributionPoints: []string{"http://e1.c.example.org/42.crl"},
		Policies:              []x509.OID{domainValidated(t)},
		ExtraExtensions: []pkix.Extension{{
			Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}, Value: make([]byte, timestamps),
		}},
	}
	rootDER := sign(root, root, rootKey, rootKey)
	root, err := x509.ParseCertificate(rootDER)
	require.NoError(t, err)
	issuerDER := sign(issuer, root, issuerKey, rootKey)
	issuer, err = x509.ParseCertificate(issuerDER)
	require.NoError(t, err)
	c := chain{roots: x509.NewCertPool(), certificate: tls.Certificate{
		Certificate: [][]byte{sign(leaf, issuer, leafKey, issuerKey), issuerDER}, PrivateKey: leafKey,
	}}
	c.roots.AddCert(root)
	return c
}

// domainValidated is the policy of certificates for names (CA/Browser Forum).
func domainValidated(t *testing.T) x509.OID {
	oid, err := x509.OIDFromInts([]uint64{2, 23, 140, 1, 2, 1})
	require.NoError(t, err)
	return oid
}

// TestChain: the certificates are as large as usual ones.
func TestChain(t *testing.T) {
	c := newChain(t).certificate.Certificate
	require.InDelta(t, 898, len(c[0]), 10)
	require.InDelta(t, 666, len(c[1]), 10)
}
