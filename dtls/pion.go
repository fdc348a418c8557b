package dtls

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"slices"

	pion "github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/elliptic"
	"github.com/pion/logging"
)

// signatureSchemes are those that our certificates are signed with and sign with.
func signatureSchemes() []tls.SignatureScheme {
	return []tls.SignatureScheme{tls.Ed25519, tls.ECDSAWithP256AndSHA256, tls.ECDSAWithP384AndSHA384}
}

// serverOptions configures one handshake. pion has no renegotiation.
func serverOptions(cfg Config, a *association) []pion.ServerOption {
	suites := cfg.accepted()
	flight := cfg.Slowest.FlightInterval
	if !a.cookie {
		// The address is not proven: the flight is sent once and repeated only
		// with the ClientHello, and a certificate, many times as long as the
		// question, must not be had for it.
		suites = slices.DeleteFunc(suites, func(s Suite) bool { return !s.PSK() })
		flight = 2 * cfg.Slowest.HandshakeTimeout
	}
	opts := []pion.ServerOption{
		pion.WithCipherSuites(pionSuites(suites)...),
		pion.WithEllipticCurves(elliptic.X25519, elliptic.P256),
		pion.WithExtendedMasterSecret(pion.RequireExtendedMasterSecret),
		pion.WithConnectionIDGenerator(a.id.bytes),
		pion.WithInsecureSkipVerifyHello(!a.cookie),
		pion.WithFlightInterval(flight),
		pion.WithMTU(cfg.handshakeFragment()),
		pion.WithLoggerFactory(pionLog{cfg.log()}),
	}
	if cfg.Keys != nil {
		opts = append(opts, pion.WithPSK(a.lookUp))
	}
	if len(cfg.Certificates) > 0 && a.cookie {
		certificates, clientCAs := cfg.Certificates, cfg.ClientCAs
		if cfg.Current != nil {
			certificates, clientCAs = cfg.Current()
		}
		opts = append(opts, pion.WithCertificates(certificates...), pion.WithSignatureSchemes(signatureSchemes()...))
		if cfg.ClientCAs != nil {
			opts = append(opts, pion.WithClientCAs(clientCAs), pion.WithClientAuth(pion.RequireAndVerifyClientCert))
		}
	}
	return opts
}

// lookUp finds the key of a PSK identity.
func (a *association) lookUp(claimed []byte) ([]byte, error) {
	identity := string(claimed)
	key, ok := a.l.cfg.Keys(identity)
	if !ok {
		a.unknownIdentity.Store(true)
		return nil, ErrUnknownIdentity
	}
	a.claimed.Store(&claim{identity, keyCheck(key)})
	if len(key) < MinKey {
		a.unknownIdentity.Store(true)
		return nil, &ShortKeyError{Identity: identity, Len: len(key)}
	}
	return key, nil
}

// pionLog passes the handshake library's messages on at debug level: what an
// operator should know is logged by the listener.
type pionLog struct{ log *slog.Logger }

// NewLogger implements logging.LoggerFactory.
func (p pionLog) NewLogger(string) logging.LeveledLogger { return p }

func (p pionLog) logf(format string, args ...any) {
	if p.log.Enabled(context.Background(), slog.LevelDebug) {
		p.log.Debug("dtls: " + fmt.Sprintf(format, args...))
	}
}

// Trace and the methods below implement logging.LeveledLogger.
func (p pionLog) Trace(string)                 {}
func (p pionLog) Tracef(string, ...any)        {}
func (p pionLog) Debug(m string)               { p.logf("%s", m) }
func (p pionLog) Debugf(f string, args ...any) { p.logf(f, args...) }
func (p pionLog) Info(m string)                { p.logf("%s", m) }
func (p pionLog) Infof(f string, args ...any)  { p.logf(f, args...) }
func (p pionLog) Warn(m string)                { p.logf("%s", m) }
func (p pionLog) Warnf(f string, args ...any)  { p.logf(f, args...) }
func (p pionLog) Error(m string)               { p.logf("%s", m) }
func (p pionLog) Errorf(f string, args ...any) { p.logf(f, args...) }
