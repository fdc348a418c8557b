package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"sync/atomic"

	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/config"
)

// Security is a ServerSecurity whose keys and certificates may change while sessions go on:
// who opens one is judged by those that hold at the time.
type Security struct {
	current atomic.Pointer[dtls.Config]
}

// NewSecurity reads what cfg names, as ServerSecurity does. Both are nil where there is no
// encryption.
func NewSecurity(cfg config.Serve) (*Security, *dtls.Config, error) {
	read, err := ServerSecurity(cfg)
	if read == nil || err != nil {
		return nil, nil, err
	}
	s := &Security{}
	s.current.Store(read)
	live := *read
	if read.Keys != nil {
		live.Keys = func(identity string) ([]byte, bool) { return s.current.Load().Keys(identity) }
	}
	live.Current = func() ([]tls.Certificate, *x509.CertPool) {
		now := s.current.Load()
		return now.Certificates, now.ClientCAs
	}
	return s, &live, nil
}

// errNeedsRestart: a kind of key came or went, by which a listener is made.
var errNeedsRestart = errors.New("whether there are keys, certificates or authorities for clients changes with a restart only")

// Reload reads keys and certificates again. After an error those from before hold. Sessions
// that are open go on, even where their key is gone.
func (s *Security) Reload(cfg config.Serve) error {
	read, err := ServerSecurity(cfg)
	if err != nil {
		return err
	}
	was := s.current.Load()
	if read == nil || (read.Keys == nil) != (was.Keys == nil) || (read.ClientCAs == nil) != (was.ClientCAs == nil) ||
		len(read.Certificates) != len(was.Certificates) {
		return errNeedsRestart
	}
	s.current.Store(read)
	return nil
}

// WebCertificate is the certificate of an HTTPS address, which may change while it is open.
type WebCertificate struct {
	current atomic.Pointer[tls.Certificate]
}

// NewWebCertificate reads a chain, leaf first, and its key.
func NewWebCertificate(certFile, keyFile string) (*WebCertificate, error) {
	c := &WebCertificate{}
	return c, c.Reload(certFile, keyFile)
}

// Reload reads them again. After an error those from before hold.
func (c *WebCertificate) Reload(certFile, keyFile string) error {
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return err
	}
	c.current.Store(&cert)
	return nil
}

// Switch is an http.Handler that may be exchanged for another one; requests under way
// finish in the one that they began in.
type Switch struct {
	current atomic.Pointer[http.Handler]
}

// NewSwitch returns a Switch that begins with h.
func NewSwitch(h http.Handler) *Switch {
	s := &Switch{}
	s.Set(h)
	return s
}

// Set has h answer from now on.
func (s *Switch) Set(h http.Handler) { s.current.Store(&h) }

// ServeHTTP implements http.Handler.
func (s *Switch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*s.current.Load()).ServeHTTP(w, r)
}
