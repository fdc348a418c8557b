//go:build !coapgw_psk

package dtls

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"fmt"
	"net"
	"slices"

	pion "github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/elliptic"
	"github.com/pion/dtls/v3/pkg/protocol/extension"
	"github.com/pion/dtls/v3/pkg/protocol/handshake"
)

// shake runs one handshake.
func (l *clientLink) shake(ctx context.Context, peer net.Addr, cfg Config) (*Conn, error) {
	p := &pipe{in: l.early, out: l.attempt, local: l.localAddr}
	c, err := pion.ClientWithOptions(p, peer, clientOptions(cfg)...)
	if err != nil {
		return nil, fmt.Errorf("dtls: configuration not accepted: %w", err)
	}
	if err := c.HandshakeContext(ctx); err != nil {
		c.Close()
		return nil, l.explain(ctx, peer, err)
	}
	t, err := takeOver(c, p)
	if err != nil {
		return nil, err
	}
	return l.establish(t, cfg)
}

// clientOptions configures a client, whose ClientHello holds nothing that the
// server does not need.
func clientOptions(cfg Config) []pion.ClientOption {
	suites := clientSuites(cfg.psk(), cfg.RequireForwardSecrecy, cfg.Profile)
	opts := []pion.ClientOption{
		pion.WithCipherSuites(pionSuites(suites)...),
		pion.WithEllipticCurves(clientCurves(cfg.psk())...),
		pion.WithExtendedMasterSecret(pion.RequireExtendedMasterSecret),
		// An empty Connection ID: we send the server's but want none ourselves
		// (RFC 9146 §3).
		pion.WithConnectionIDGenerator(func() []byte { return []byte{} }),
		pion.WithFlightInterval(cfg.Profile.FlightInterval),
		pion.WithMTU(cfg.handshakeFragment()),
		pion.WithLoggerFactory(pionLog{cfg.log()}),
		pion.WithClientHelloMessageHook(trimHello(suites)),
	}
	if cfg.psk() {
		key := slices.Clone(cfg.Key)
		return append(opts,
			pion.WithPSK(func([]byte) ([]byte, error) { return key, nil }),
			pion.WithPSKIdentityHint([]byte(cfg.Identity)))
	}
	opts = append(opts, pion.WithSignatureSchemes(signatureSchemes()...))
	if len(cfg.Certificates) > 0 {
		opts = append(opts, pion.WithCertificates(cfg.Certificates...))
	}
	if cfg.Fingerprint != nil {
		return append(opts, pion.WithInsecureSkipVerify(true), pion.WithVerifyPeerCertificate(pin(cfg.Fingerprint)))
	}
	return append(opts, pion.WithRootCAs(cfg.RootCAs), pion.WithServerName(cfg.ServerName))
}

// clientCurves keeps a key's hello to one group, which every coapgw has.
func clientCurves(psk bool) []elliptic.Curve {
	if psk {
		return []elliptic.Curve{elliptic.X25519}
	}
	return []elliptic.Curve{elliptic.X25519, elliptic.P256}
}

// pin accepts one certificate only. The handshake has already proven that the
// server holds its key.
func pin(fingerprint []byte) func([][]byte, [][]*x509.Certificate) error {
	want := slices.Clone(fingerprint)
	return func(chain [][]byte, _ [][]*x509.Certificate) error {
		if len(chain) == 0 {
			return ErrFingerprint
		}
		if sum := sha256.Sum256(chain[0]); subtle.ConstantTimeCompare(sum[:], want) != 1 {
			return ErrFingerprint
		}
		return nil
	}
}

// trimHello leaves out extensions without a use: point formats, whose only value
// is the default (RFC 8422 §5.1.2); renegotiation_info and signature algorithms
// among peers with keys, who neither renegotiate nor sign; and groups where no
// offered suite uses one.
func trimHello(suites []Suite) func(handshake.MessageClientHello) handshake.Message {
	signs := slices.ContainsFunc(suites, func(s Suite) bool { return !s.PSK() })
	groups := slices.ContainsFunc(suites, Suite.ForwardSecret)
	return func(m handshake.MessageClientHello) handshake.Message {
		m.Extensions = slices.DeleteFunc(m.Extensions, func(e extension.Extension) bool {
			switch e.(type) {
			case *extension.SupportedPointFormats:
				return true
			case *extension.RenegotiationInfo, *extension.SupportedSignatureAlgorithms:
				return !signs
			case *extension.SupportedEllipticCurves:
				return !groups
			default:
				return false
			}
		})
		return &m
	}
}
