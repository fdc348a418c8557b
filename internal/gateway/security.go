package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/dtls/dialer"
	"github.com/coapgw/coapgw/internal/config"
	"github.com/coapgw/coapgw/internal/keys"
	"github.com/coapgw/coapgw/pairing"
)

// plainPort is the port of coap (RFC 7252 §6.1).
const plainPort = "5683"

// ServerSecurity reads the keys and certificates that cfg names; nil means that there
// is no encryption.
func ServerSecurity(cfg config.Serve) (*dtls.Config, error) {
	if cfg.PlainInsecure || cfg.LinkSecurity == config.Integrity {
		return nil, nil
	}
	var sec dtls.Config
	if cfg.PSKFile != "" {
		psks, err := keys.LoadPSKs(cfg.PSKFile)
		if err != nil {
			return nil, err
		}
		sec.Keys = psks.Lookup
	}
	if err := loadCertificate(&sec, cfg.Cert, cfg.Key); err != nil {
		return nil, err
	}
	if cfg.ClientCA != "" {
		pool, err := loadPool(cfg.ClientCA)
		if err != nil {
			return nil, err
		}
		sec.ClientCAs = pool
	}
	return &sec, nil
}

// PeerSecurity reads what cfg says of the server: its addresses, best first, and
// how it is known; nil means coap:// without encryption.
func PeerSecurity(cfg config.Peer) (addresses []string, _ *dtls.Config, err error) {
	var sec dtls.Config
	if cfg.Pairing != "" {
		p, err := loadPairing(cfg.Pairing)
		if err != nil {
			return nil, nil, err
		}
		var paired *dtls.Config
		addresses, paired = dialer.FromPairing(p)
		sec = *paired
	}
	if cfg.Server != "" {
		u, err := url.Parse(cfg.Server)
		if err != nil {
			return nil, nil, err
		}
		if u.Scheme == "coap" {
			return []string{dialer.WithPort(u.Host, plainPort)}, nil, nil
		}
		addresses = []string{dialer.WithPort(u.Host, dialer.Port)}
		sec.ServerName = u.Hostname()
	}
	if err := loadCertificate(&sec, cfg.Cert, cfg.Key); err != nil {
		return nil, nil, err
	}
	switch {
	case cfg.PSKIdentity != "":
		sec.Identity = cfg.PSKIdentity
		sec.Key, err = loadKey(cfg.PSKKeyFile)
	case cfg.Fingerprint != "":
		var f pairing.Fingerprint
		f, err = pairing.ParseFingerprint(cfg.Fingerprint)
		sec.Fingerprint = f[:]
	case cfg.CA != "":
		sec.RootCAs, err = loadPool(cfg.CA)
	}
	if err != nil {
		return nil, nil, err
	}
	return addresses, &sec, nil
}

// loadPairing reads a pairing line, or the file of one after "@".
func loadPairing(text string) (pairing.Pairing, error) {
	if name, ok := strings.CutPrefix(text, "@"); ok {
		b, err := os.ReadFile(name)
		if err != nil {
			return pairing.Pairing{}, err
		}
		text = string(b)
	}
	return pairing.Parse(text)
}

func loadKey(name string) ([]byte, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil {
		return nil, fmt.Errorf("%s: the key is not hexadecimal", name) // err would show a part of it
	}
	return key, nil
}

func loadCertificate(sec *dtls.Config, certFile, keyFile string) error {
	if certFile == "" {
		return nil
	}
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return err
	}
	if err := dtls.CheckCertificate(cert); err != nil {
		return fmt.Errorf("%s: %w", certFile, err)
	}
	sec.Certificates = []tls.Certificate{cert}
	return nil
}

// Roots reads the authorities in a PEM file; without a name it returns nil, which stands for
// those of the system.
func Roots(name string) (*x509.CertPool, error) {
	if name == "" {
		return nil, nil
	}
	return loadPool(name)
}

func loadPool(name string) (*x509.CertPool, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%s: no certificate (PEM) in it", name)
	}
	return pool, nil
}
