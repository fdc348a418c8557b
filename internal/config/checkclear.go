package config

import (
	"net/url"
	"strings"
)

// ClearScheme is the scheme of the URL of a server with Integrity, after the manner of
// coap+tcp (RFC 8323 §8).
const ClearScheme = "coap+integrity"

// integrity tells whether the link is to be secured by integrity alone; given says
// whether option, which only this needs, is set.
func integrity(linkSecurity string, given bool, option string) (bool, error) {
	switch {
	case linkSecurity != DTLS && linkSecurity != Integrity:
		return false, fail("link-security", "%q is unknown: use dtls or integrity", linkSecurity)
	case linkSecurity == DTLS && given:
		return false, fail(option, "is of use only with --link-security integrity")
	}
	return linkSecurity == Integrity, nil
}

// setOption is an option and whether it is set.
type setOption struct {
	name string
	set  bool
}

// exclude refuses what would encrypt a link on which that is forbidden, or leave it
// without authentication.
func exclude(options ...setOption) error {
	for _, o := range options {
		if o.set {
			return fail(o.name, "leave it out with --link-security integrity, which neither encrypts nor goes without a key")
		}
	}
	return nil
}

// checkClear is Check for Integrity.
func (s Serve) checkClear() error {
	if err := exclude(
		setOption{"psk-file", s.PSKFile != ""}, setOption{"cert", s.Cert != ""},
		setOption{"client-ca", s.ClientCA != ""}, setOption{"plain-insecure", s.PlainInsecure},
	); err != nil {
		return err
	}
	if s.Stations == "" {
		return fail("stations", "no stations: give --stations (make one with keygen station)")
	}
	return nil
}

// checkPeer is Check for what of c is about the server.
func (c Connect) checkPeer() error {
	clear, err := integrity(c.LinkSecurity, c.Station != "" || c.StationKeyFile != "", "station")
	switch {
	case err != nil:
		return err
	case !clear && strings.HasPrefix(c.Server, ClearScheme+":"):
		return fail("server", "%s:// needs --link-security integrity", ClearScheme)
	case !clear:
		return c.Peer.Check()
	}
	if err := exclude(
		setOption{"pairing", c.Pairing != ""}, setOption{"psk-identity", c.PSKIdentity != ""},
		setOption{"psk-key-file", c.PSKKeyFile != ""}, setOption{"cert", c.Cert != ""}, setOption{"key", c.Peer.Key != ""},
		setOption{"ca", c.CA != ""}, setOption{"fingerprint", c.Fingerprint != ""},
		setOption{"plain-insecure", c.PlainInsecure}, setOption{"fold-v3", c.FoldV3},
	); err != nil {
		return err
	}
	switch {
	case c.Station == "":
		return fail("station", "no call sign: give --station")
	case c.StationKeyFile == "":
		return fail("station-key-file", "no key: give --station-key-file (make one with keygen station)")
	}
	u, err := url.Parse(c.Server)
	if err != nil || u.Scheme != ClearScheme || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return fail("server", "%q is not of the form %s://host:port", c.Server, ClearScheme)
	}
	return nil
}
