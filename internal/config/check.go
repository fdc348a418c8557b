package config

import (
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/coapgw/coapgw/cborcodec/idtable"
	"github.com/coapgw/coapgw/coap/link"
)

// Error is one thing wrong with the configuration. It fits one line and says what
// to do.
type Error struct {
	// Option is the flag without its dashes.
	Option string
	// Problem says what is wrong and what would be right.
	Problem string
}

func (e *Error) Error() string { return "--" + e.Option + ": " + e.Problem }

func fail(option, format string, args ...any) error {
	return &Error{Option: option, Problem: fmt.Sprintf(format, args...)}
}

// first returns the first error of the checks.
func first(checks ...error) error {
	for _, err := range checks {
		if err != nil {
			return err
		}
	}
	return nil
}

// Check reports the first thing wrong with s as an *Error. It opens no file.
func (s Serve) Check() error {
	if err := first(
		hostPort("listen", s.Listen),
		httpURL("homeserver", s.Homeserver, true),
		httpURL("advertise", s.Advertise, false),
		pair("cert", s.Cert, "key", s.Key),
		positive("max-sessions-per-identity", int64(s.MaxPerIdentity)),
		positive("idle-lifetime", int64(s.IdleLifetime)),
		positive("connect-timeout", int64(s.ConnectTimeout)),
		positive("response-timeout", int64(s.ResponseTimeout)),
	); err != nil {
		return err
	}
	for _, path := range s.Paths {
		if !strings.HasPrefix(path, "/") {
			return fail("path", "%q does not begin with a slash", path)
		}
	}
	if s.Rate < 0 || s.Burst < 0 || s.Rate > 0 && s.Burst == 0 {
		return fail("rate", "must not be negative, and --burst at least 1 with it")
	}
	if s.HomeserverCA != "" && !strings.HasPrefix(s.Homeserver, "https:") {
		return fail("homeserver-ca", "is of no use with a homeserver that is not https")
	}
	if s.Thumbnails && !s.SlowLinks {
		return fail("thumbnails", "is of no use with --no-slow-links")
	}
	if clear, err := integrity(s.LinkSecurity, s.Stations != "", "stations"); clear || err != nil {
		return first(err, s.checkClear())
	}
	keyed := s.PSKFile != "" || s.Cert != ""
	switch {
	case s.PlainInsecure && (keyed || s.ClientCA != ""):
		return fail("plain-insecure", "serves without encryption, so it excludes --psk-file, --cert and --client-ca")
	case !s.PlainInsecure && !keyed:
		return fail("psk-file", "no key: give --psk-file (make one with keygen psk), or --cert and --key")
	case s.ClientCA != "" && s.Cert == "":
		return fail("client-ca", "needs --cert and --key too")
	}
	return nil
}

// maxPadding bounds Padding, in bytes: more than a datagram of any link.
const maxPadding = 4096

// Check reports the first thing wrong with w as an *Error.
func (w Wire) Check() error {
	switch {
	case w.Version != 1 && w.Version != 2:
		return fail("wire-version", "%d is not 1 or 2", w.Version)
	case w.Entries < 0 || w.Entries > idtable.MaxSize || w.Entries > 0 && w.Entries < idtable.MinSize:
		return fail("table-entries", "%d is not 0 and not between %d and %d", w.Entries, idtable.MinSize, idtable.MaxSize)
	case w.Padding < 0 || w.Padding > maxPadding:
		return fail("padding", "%d is not between 0 and %d", w.Padding, maxPadding)
	}
	switch w.Device {
	case ServerDevice, HandheldDevice, MicrocontrollerDevice:
		return nil
	}
	return fail("device", "%q is not server, handheld or microcontroller", w.Device)
}

// Slowest returns the link that SlowestLink describes, the zero value for none, or
// an *Error; own is the server's own link.
func (s Serve) Slowest(own link.Profile) (link.Profile, error) {
	if s.SlowestLink == "" {
		return link.Profile{}, nil
	}
	slowest, err := profile("slowest-link", s.SlowestLink)
	if err != nil {
		return slowest, err
	}
	if b := link.BoundsOf(slowest); own.MaxTransmitWait() > b.MaxTransmitWait || own.ExchangeLifetime() > b.ExchangeLifetime {
		return slowest, fail("slowest-link", "%s has shorter times than --link %s", slowest.Name, own.Name)
	}
	return slowest, nil
}

// Check reports the first thing wrong with p as an *Error. It opens no file.
func (p Peer) Check() error {
	if err := first(
		pair("psk-identity", p.PSKIdentity, "psk-key-file", p.PSKKeyFile),
		pair("cert", p.Cert, "key", p.Key),
	); err != nil {
		return err
	}
	if p.Server == "" && p.Pairing == "" {
		return fail("server", "no server: give --server coaps://host:port, or --pairing with the line that keygen printed")
	}
	plain := false
	if p.Server != "" {
		u, err := url.Parse(p.Server)
		if err != nil || u.Host == "" || (u.Scheme != "coaps" && u.Scheme != "coap") {
			return fail("server", "%q is not of the form coaps://host:port", p.Server)
		}
		if (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.User != nil {
			return fail("server", "%q says more than coaps://host:port", p.Server)
		}
		plain = u.Scheme == "coap"
	}
	keyed := p.Pairing != "" || p.PSKIdentity != "" || p.CA != "" || p.Fingerprint != ""
	switch {
	case plain && !p.PlainInsecure:
		return fail("server", "coap:// is not encrypted: use coaps://, or accept that with --plain-insecure")
	case plain && (keyed || p.Cert != ""):
		return fail("server", "coap:// takes no keys: use coaps://")
	case !plain && p.PlainInsecure:
		return fail("plain-insecure", "is for a coap:// server; leave it out")
	case !plain && !keyed:
		return fail("pairing", "nothing to know the server by: give --pairing, --psk-identity and --psk-key-file, --ca or --fingerprint")
	case p.Pairing != "" && (p.PSKIdentity != "" || p.CA != "" || p.Fingerprint != ""):
		return fail("pairing", "holds the key already: leave out --psk-identity, --ca and --fingerprint")
	case p.PSKIdentity != "" && (p.CA != "" || p.Fingerprint != "" || p.Cert != ""):
		return fail("psk-identity", "give either a pre-shared key or certificate options, not both")
	case p.CA != "" && p.Fingerprint != "":
		return fail("fingerprint", "give either --ca or --fingerprint, not both")
	}
	return nil
}

// Check reports the first thing wrong with c as an *Error. It opens no file.
func (c Connect) Check() error {
	if c.Listen == "" && c.HTTPSListen == "" {
		return fail("listen", "nothing to listen on: give --listen or --https-listen")
	}
	if c.Listen != "" {
		if err := hostPort("listen", c.Listen); err != nil {
			return err
		}
	}
	if err := first(
		pair("tls-cert", c.TLSCert, "tls-key", c.TLSKey),
		httpURL("advertise", c.Advertise, false),
		c.checkPeer(),
	); err != nil {
		return err
	}
	switch {
	case c.KeepAnswers < 0:
		return fail("keep-answers", "must not be negative")
	case c.HTTPSListen != "" && c.TLSCert == "":
		return fail("tls-cert", "--https-listen needs --tls-cert and --tls-key (make them with keygen ca and keygen cert)")
	case c.HTTPSListen == "" && c.TLSCert != "":
		return fail("https-listen", "--tls-cert is of use only with --https-listen")
	case c.HTTPSListen != "":
		return hostPort("https-listen", c.HTTPSListen)
	}
	return nil
}

// Check reports the first thing wrong with r as an *Error.
func (r Relay) Check() error {
	switch {
	case r.Profile == "":
		return fail("profile", "no link: give --profile, for instance --profile hf-vara500")
	case r.To == "":
		return fail("to", "no server: give --to host:port")
	case r.Stats < 0:
		return fail("stats", "must not be negative")
	case r.Rebind < 0:
		return fail("rebind", "must not be negative")
	}
	return first(
		hostPort("listen", r.Listen),
		hostPort("to", r.To),
		positive("max-clients", int64(r.MaxClients)),
	)
}

// Check reports the first thing wrong with d as an *Error.
func (d Demo) Check() error {
	if err := httpURL("homeserver", d.Homeserver, false); err != nil || d.Listen == "" {
		return err
	}
	return hostPort("listen", d.Listen)
}

// Check reports the first thing wrong with r as an *Error.
func (r Request) Check() error {
	if r.Timeout < 0 {
		return fail("timeout", "must not be negative")
	}
	return nil
}

// Emulated returns the link that r asks for, or an *Error.
func (r Relay) Emulated() (link.Profile, error) { return profile("profile", r.Profile) }

// Check reports the first thing wrong with l as an *Error.
func (l Limits) Check() error {
	return first(
		positive("max-body", l.MaxBody),
		positive("max-sessions", int64(l.MaxSessions)),
		positive("stop-timeout", int64(l.StopTimeout)),
	)
}

// Profile returns the link profile that l describes, or an *Error.
func (l Link) Profile() (link.Profile, error) { return profile("link", l.Name) }

func profile(option, text string) (link.Profile, error) {
	p, err := link.Parse(text)
	if err != nil {
		return p, fail(option, "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return p, nil
}

// Check reports the first thing wrong with l as an *Error.
func (l Log) Check() error {
	_, err := l.Threshold()
	return err
}

// Threshold returns the least level that is logged, or an *Error.
func (l Log) Threshold() (slog.Level, error) {
	levels := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}
	level, ok := levels[l.Level]
	if !ok {
		return 0, fail("log-level", "%q is unknown: use debug, info, warn or error", l.Level)
	}
	if l.Format != "text" && l.Format != "json" {
		return 0, fail("log-format", "%q is unknown: use text or json", l.Format)
	}
	return level, nil
}

func hostPort(option, addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fail(option, "%q is not of the form host:port", addr)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fail(option, "%q: the port must be a number from 0 to 65535", addr)
	}
	return nil
}

func httpURL(option, raw string, required bool) error {
	if raw == "" {
		if required {
			return fail(option, "is needed, for instance http://127.0.0.1:8008")
		}
		return nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fail(option, "%q is not of the form http://host:port or https://host", raw)
	}
	if u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.User != nil {
		return fail(option, "leave out user, query and fragment")
	}
	return nil
}

func pair(a, aValue, b, bValue string) error {
	switch {
	case aValue != "" && bValue == "":
		return fail(b, "is needed with --%s", a)
	case aValue == "" && bValue != "":
		return fail(a, "is needed with --%s", b)
	}
	return nil
}

func positive(option string, n int64) error {
	if n <= 0 {
		return fail(option, "must be more than zero")
	}
	return nil
}
