package dtls

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/coapgw/coapgw/coap/link"
)

// MinKey is the least length of a pre-shared key, in bytes: shorter ones fall to
// a search over one recorded handshake.
const MinKey = 16

// Bounds used where Config says 0.
const (
	defaultMaxSessions   = 10_000
	defaultMaxHalfOpen   = 1024
	defaultMaxCookieless = 32
	defaultIdleLifetime  = 7 * 24 * time.Hour
)

// addressLifetime is the longest idle lifetime of a session without Connection ID.
const addressLifetime = 24 * time.Hour

// Config says who the peers are and what the link bears. A server may serve keys
// and certificates on one port; a client uses either.
type Config struct {
	// Profile gives the MTU and, to a client, the flight interval and the
	// handshake timeout.
	Profile link.Profile
	// Slowest is the slowest link that a server's clients may have, which gives
	// its flight interval and handshake timeout: a server cannot know the link
	// before the handshake, so it answers repetitions of the client's flight and
	// is in no hurry to repeat its own. Zero fields mean the longest among the
	// built-in profiles.
	Slowest link.Profile

	// Identity and Key are the client's own pre-shared key. The identity travels
	// in clear, so it should be opaque. Key has at least MinKey bytes.
	Identity string
	Key      []byte
	// Keys is the server's lookup. It is called concurrently and must not block.
	// A key shorter than MinKey counts as unknown; the log tells. A stored session
	// ends when its identity has no key any more, or another one.
	Keys func(identity string) (key []byte, ok bool)

	// Certificates are this side's own: Ed25519 or ECDSA.
	Certificates []tls.Certificate
	// RootCAs are whom the client trusts to sign the server's certificate for
	// ServerName; nil means the host's.
	RootCAs    *x509.CertPool
	ServerName string
	// Fingerprint, when set, is the SHA-256 of the only server certificate (DER)
	// that the client accepts; RootCAs and ServerName are not used then.
	Fingerprint []byte
	// ClientCAs, when set, makes the server demand a client certificate signed
	// by one of them. Clients with a key are not asked for one.
	ClientCAs *x509.CertPool
	// Current, when set, is asked at each handshake of a server with certificates for those
	// to use from then on, in place of Certificates and ClientCAs, which say whether there are
	// any. It is called concurrently and must not block.
	Current func() (certificates []tls.Certificate, clientCAs *x509.CertPool)

	// Recover has a panic over a datagram drop that, and not end the program.
	Recover bool

	// RequireForwardSecrecy leaves out suites without it: those that RFC 7252
	// peers use with keys, and the short handshake below 300 bit/s.
	RequireForwardSecrecy bool

	// MaxSessions bounds the completed sessions of a listener; beyond it the one
	// idle for longest goes to the store, or is closed where there is none. 0
	// means 10,000, and 30,000 is the most. With those in the store there are never
	// more than 30,000; the one there that was not used for longest has to go.
	MaxSessions int
	// MaxPerIdentity bounds the sessions of one identity, those in the store
	// included; beyond it the one idle for longest is closed. 0 means no bound.
	MaxPerIdentity int
	// IdleLifetime is after how long without a record a session is closed. 0
	// means 7 days; a session without a Connection ID never lives longer than
	// 24 hours, since nothing finds it once its client's address has changed.
	IdleLifetime time.Duration
	// MaxHalfOpen bounds handshakes under way; beyond it a random one that has
	// not proven its address gives way. 0 means 1024, which is the most.
	MaxHalfOpen int
	// MaxCookieless bounds the handshakes under way up to which clients with a
	// key need not return a cookie (RFC 6347 §4.2.1), which saves a round trip.
	// 0 means 32, a negative number asks everyone for a cookie.
	MaxCookieless int

	// Store, when set, keeps sessions with a Connection ID beyond the life of the
	// process. A server may use one store for all that it listens on only once: a
	// second Listener needs its own.
	Store Store
	// SessionName names a client's session in its Store, one for each server and
	// identity.
	SessionName string
	// ResetKey is a server's static key for reset tokens, 32 bytes that outlive
	// even its store. Without it the Store keeps a random one; without both there
	// are no resets.
	ResetKey []byte
	// CheckPaths holds back what exceeds three times the bytes received, after a
	// client's address has changed, until Conn.PathVerified is called.
	CheckPaths bool

	// Meter, when set, counts what crosses the link outside of sessions.
	Meter *Meter
	// Log receives what an operator should know; nil discards it.
	Log *slog.Logger
}

func (c Config) log() *slog.Logger {
	if c.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Log
}

// psk tells whether a client authenticates by key.
func (c Config) psk() bool { return c.Key != nil || c.Identity != "" }

func (c Config) checkProfile() error {
	p := c.Profile
	if p.FlightInterval <= 0 || p.HandshakeTimeout <= 0 {
		return errors.New("dtls: the profile has no flight interval or no handshake timeout")
	}
	if p.MTU < minMTU {
		return fmt.Errorf("dtls: an MTU of %d bytes is too small, at least %d are needed", p.MTU, minMTU)
	}
	return nil
}

func (c Config) checkCertificates() error {
	for _, cert := range c.Certificates {
		if err := CheckCertificate(cert); err != nil {
			return err
		}
	}
	return nil
}

// CheckCertificate reports why a certificate is of no use here: none of the suites has RSA.
func CheckCertificate(cert tls.Certificate) error {
	switch cert.PrivateKey.(type) {
	case ed25519.PrivateKey, *ecdsa.PrivateKey:
		return nil
	}
	return fmt.Errorf("dtls: a certificate key of type %T cannot be used, Ed25519 or ECDSA is needed", cert.PrivateKey)
}

func (c Config) checkClient() error {
	switch {
	case c.psk() && len(c.Key) < MinKey:
		return &ShortKeyError{Identity: c.Identity, Len: len(c.Key)}
	case c.psk() && c.Identity == "":
		return errors.New("dtls: the key has no identity")
	case !c.psk() && c.Fingerprint != nil && len(c.Fingerprint) != sha256.Size:
		return fmt.Errorf("dtls: a fingerprint has %d bytes, not %d", sha256.Size, len(c.Fingerprint))
	case !c.psk() && c.Fingerprint == nil && c.RootCAs == nil && c.ServerName == "":
		return ErrNoCredentials
	case !c.psk() && c.Fingerprint == nil && c.ServerName == "":
		return ErrNoServerName
	}
	return errors.Join(c.checkProfile(), c.checkCertificates())
}

// server returns the configuration with its defaults filled in.
func (c Config) server() (Config, error) {
	if c.Keys == nil && len(c.Certificates) == 0 {
		return c, ErrNoCredentials
	}
	var flight, timeout time.Duration
	for _, d := range []struct {
		v        *int
		def, max int
	}{
		{&c.MaxHalfOpen, defaultMaxHalfOpen, defaultMaxHalfOpen},
		{&c.MaxCookieless, defaultMaxCookieless, defaultMaxHalfOpen},
	} {
		if *d.v == 0 {
			*d.v = d.def
		}
		*d.v = min(*d.v, d.max)
	}
	for _, p := range link.Profiles() {
		flight, timeout = max(flight, p.FlightInterval), max(timeout, p.HandshakeTimeout)
	}
	limits := Limits{c.MaxSessions, c.MaxPerIdentity, c.IdleLifetime}.bounded()
	c.MaxSessions, c.IdleLifetime = limits.MaxSessions, limits.IdleLifetime
	c.Slowest.FlightInterval = cmp.Or(c.Slowest.FlightInterval, flight)
	c.Slowest.HandshakeTimeout = cmp.Or(c.Slowest.HandshakeTimeout, timeout)
	return c, errors.Join(c.checkProfile(), c.checkCertificates())
}

// minMTU leaves room for the largest record of a handshake message with a few
// bytes of content.
const minMTU = 64

// handshakeFragment is the content of one handshake fragment that fills the MTU.
func (c Config) handshakeFragment() int {
	return c.Profile.MTU - recordHeader - handshakeHeader
}

// accepted is what a server accepts.
func (c Config) accepted() []Suite {
	return serverSuites(c.Keys != nil, len(c.Certificates) > 0, c.RequireForwardSecrecy)
}

// Info describes a session for logs and status pages; it holds no secrets.
type Info struct {
	// Suite is the negotiated cipher suite.
	Suite Suite
	// Identity is what Conn.PeerIdentity returns.
	Identity string
	// ConnectionID tells whether the client sends a Connection ID, so that the
	// session survives a change of its address.
	ConnectionID bool
	// Peer is the current address of the peer.
	Peer net.Addr
}
