package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"

	"github.com/coapgw/coapgw/pairing"
)

// Algorithm is the kind of a certificate's key.
type Algorithm uint8

// Algorithms. Ed25519 has the smaller certificates, and signatures that are
// always of one size. P256 is for HTTPS: browsers and phones know no Ed25519.
const (
	Ed25519 Algorithm = iota
	P256
)

func (a Algorithm) generate() (crypto.Signer, error) {
	if a == P256 {
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}

// Lifetimes of certificates. Phones refuse server certificates that live longer
// than MaxServerLifetime, whoever signed them.
const (
	MaxServerLifetime = 397 * 24 * time.Hour
	caLifetime        = 10 * 365 * 24 * time.Hour
	pinnedLifetime    = 20 * 365 * 24 * time.Hour
	// backdate forgives clocks that are behind.
	backdate = time.Hour
)

// Errors of certificates.
var (
	// ErrNoNames: a server certificate needs at least one name or IP address.
	ErrNoNames = errors.New("keys: a server certificate needs a name or an IP address")
	// ErrNotCA: the certificate may not sign others.
	ErrNotCA = errors.New("keys: the certificate is not a CA's")
)

// Pair is a certificate and its private key.
type Pair struct {
	// DER is the certificate.
	DER []byte
	// Key is the private key: ed25519.PrivateKey or *ecdsa.PrivateKey.
	Key crypto.Signer
}

// NewSelfSigned makes a certificate for a DTLS server whose clients pin its
// fingerprint. It is as small as can be. Names are optional.
func NewSelfSigned(alg Algorithm, names []string, now time.Time) (Pair, error) {
	t := &x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature, NotAfter: now.Add(pinnedLifetime)}
	setNames(t, names)
	return create(alg, t, now, nil)
}

// NewCA makes a CA for a household. It signs certificates of servers and clients,
// no other CAs.
func NewCA(name string, now time.Time) (Pair, error) {
	return create(P256, &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		NotAfter:              now.Add(caLifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}, now, nil)
}

// IssueServer makes a certificate for a server with the given DNS names and IP
// addresses, signed by the CA. It lives for MaxServerLifetime, but not longer
// than the CA.
func (ca Pair) IssueServer(names []string, now time.Time) (Pair, error) {
	if len(names) == 0 {
		return Pair{}, ErrNoNames
	}
	return ca.issue(names, x509.ExtKeyUsageServerAuth, now)
}

// IssueClient makes a certificate with which a client proves itself to a DTLS
// server that trusts the CA.
func (ca Pair) IssueClient(name string, now time.Time) (Pair, error) {
	return ca.issue([]string{name}, x509.ExtKeyUsageClientAuth, now)
}

func (ca Pair) issue(names []string, usage x509.ExtKeyUsage, now time.Time) (Pair, error) {
	parent, err := x509.ParseCertificate(ca.DER)
	if err != nil {
		return Pair{}, err
	}
	if !parent.IsCA {
		return Pair{}, ErrNotCA
	}
	t := &x509.Certificate{
		NotAfter:              now.Add(MaxServerLifetime - backdate),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{usage},
		BasicConstraintsValid: true,
	}
	setNames(t, names)
	if parent.NotAfter.Before(t.NotAfter) {
		t.NotAfter = parent.NotAfter
	}
	return create(P256, t, now, &ca)
}

// setNames puts names where verifiers look for them (RFC 9525 §2).
func setNames(t *x509.Certificate, names []string) {
	if len(names) > 0 {
		t.Subject.CommonName = names[0]
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, n)
		}
	}
}

// create signs a template with the issuer's key, its own when there is none.
func create(alg Algorithm, t *x509.Certificate, now time.Time, issuer *Pair) (Pair, error) {
	key, err := alg.generate()
	if err != nil {
		return Pair{}, err
	}
	var serial [8]byte
	rand.Read(serial[:])
	serial[0] = serial[0]&0x7f | 1 // positive (RFC 5280 §4.1.2.2)
	t.SerialNumber = new(big.Int).SetBytes(serial[:])
	t.NotBefore = now.Add(-backdate)

	parent, signer := t, key
	if issuer != nil {
		signer = issuer.Key
		if parent, err = x509.ParseCertificate(issuer.DER); err != nil {
			return Pair{}, err
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), signer)
	if err != nil {
		return Pair{}, err
	}
	return Pair{DER: der, Key: key}, nil
}

// TLS returns the pair as crypto/tls and dtls take it, with the certificates of
// its issuers, if any, in order.
func (p Pair) TLS(issuers ...[]byte) tls.Certificate {
	return tls.Certificate{Certificate: append([][]byte{p.DER}, issuers...), PrivateKey: p.Key}
}

// Fingerprint is the SHA-256 of the certificate.
func (p Pair) Fingerprint() pairing.Fingerprint { return sha256.Sum256(p.DER) }

// CertificatePEM returns the certificate as PEM.
func (p Pair) CertificatePEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.DER})
}

// KeyPEM returns the private key as PEM (PKCS #8).
func (p Pair) KeyPEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(p.Key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// Write makes two new files, the key's readable by its owner only. It overwrites
// nothing.
func (p Pair) Write(certPath, keyPath string) error {
	key, err := p.KeyPEM()
	if err != nil {
		return err
	}
	if err := writeNew(keyPath, key, 0o600); err != nil {
		return err
	}
	if err := writeNew(certPath, p.CertificatePEM(), 0o644); err != nil {
		return errors.Join(err, os.Remove(keyPath)) // ours, and of no use alone
	}
	return nil
}

// LoadPair reads a certificate and its key from PEM files.
func LoadPair(certPath, keyPath string) (Pair, error) {
	c, err := tls.LoadX509KeyPair(certPath, keyPath)
	if err != nil {
		return Pair{}, err
	}
	key, ok := c.PrivateKey.(crypto.Signer)
	if !ok {
		return Pair{}, fmt.Errorf("keys: a private key of type %T cannot sign", c.PrivateKey)
	}
	return Pair{DER: c.Certificate[0], Key: key}, nil
}
