package config_test

import (
	"testing"

	"github.com/coapgw/coapgw/internal/config"
)

func TestServeIntegrityCheck(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*config.Serve)
		option string
	}{
		{"as is", func(*config.Serve) {}, ""},
		{"no stations", func(s *config.Serve) { s.Stations = "" }, "stations"},
		{"with keys", func(s *config.Serve) { s.PSKFile = "keys" }, "psk-file"},
		{"with a certificate", func(s *config.Serve) { s.Cert, s.Key = "c", "k" }, "cert"},
		{"with an authority", func(s *config.Serve) { s.ClientCA = "ca" }, "client-ca"},
		{"plain", func(s *config.Serve) { s.PlainInsecure = true }, "plain-insecure"},
		{"unknown", func(s *config.Serve) { s.LinkSecurity = "none" }, "link-security"},
		{"stations without", func(s *config.Serve) { s.LinkSecurity = config.DTLS }, "stations"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := validServe()
			s.PSKFile, s.LinkSecurity, s.Stations = "", config.Integrity, "stations"
			tt.change(&s)
			check(t, s.Check(), tt.option)
		})
	}
}

func TestConnectIntegrityCheck(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*config.Connect)
		option string
	}{
		{"as is", func(*config.Connect) {}, ""},
		{"no call sign", func(c *config.Connect) { c.Station = "" }, "station"},
		{"no key", func(c *config.Connect) { c.StationKeyFile = "" }, "station-key-file"},
		{"no server", func(c *config.Connect) { c.Server = "" }, "server"},
		{"encrypted server", func(c *config.Connect) { c.Server = "coaps://gw" }, "server"},
		{"plain server", func(c *config.Connect) { c.Server = "coap://gw" }, "server"},
		{"server with a path", func(c *config.Connect) { c.Server = "coap+integrity://gw/x" }, "server"},
		{"pairing", func(c *config.Connect) { c.Pairing = "@boat" }, "pairing"},
		{"keys", func(c *config.Connect) { c.PSKIdentity, c.PSKKeyFile = "a", "b" }, "psk-identity"},
		{"certificate", func(c *config.Connect) { c.Cert, c.Peer.Key = "a", "b" }, "cert"},
		{"authority", func(c *config.Connect) { c.CA = "a" }, "ca"},
		{"fingerprint", func(c *config.Connect) { c.Fingerprint = "a" }, "fingerprint"},
		{"plain", func(c *config.Connect) { c.PlainInsecure = true }, "plain-insecure"},
		{"foreign server", func(c *config.Connect) { c.FoldV3 = true }, "fold-v3"},
		{"unknown", func(c *config.Connect) { c.LinkSecurity = "" }, "link-security"},
		{"station without", func(c *config.Connect) { c.LinkSecurity = config.DTLS }, "station"},
		{"scheme without", func(c *config.Connect) { c.LinkSecurity, c.Station, c.StationKeyFile = config.DTLS, "", "" }, "server"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := config.Default().Connect
			c.Server, c.LinkSecurity = "coap+integrity://gw.example", config.Integrity
			c.Station, c.StationKeyFile = "OE1XYZ-7", "key"
			tt.change(&c)
			check(t, c.Check(), tt.option)
		})
	}
}
