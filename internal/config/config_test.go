package config_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/internal/config"
)

func validServe() config.Serve {
	s := config.Default().Serve
	s.Homeserver = "http://127.0.0.1:8008"
	s.PSKFile = "keys"
	return s
}

func validConnect() config.Connect {
	c := config.Default().Connect
	c.Server = "coaps://gw.example:5684"
	c.PSKIdentity, c.PSKKeyFile = "boat", "boat.key"
	return c
}

// check demands that err is absent where option is empty, and otherwise one line
// that names the option.
func check(t *testing.T, err error, option string) {
	t.Helper()
	if option == "" {
		require.NoError(t, err)
		return
	}
	var e *config.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, option, e.Option)
	assert.NotContains(t, err.Error(), "\n")
	assert.True(t, strings.HasPrefix(err.Error(), "--"+option+": "))
}

func TestServeCheck(t *testing.T) {
	tests := []struct {
		name   string
		change func(*config.Serve)
		option string
	}{
		{"as is", func(*config.Serve) {}, ""},
		{"base path", func(s *config.Serve) { s.Homeserver = "https://h/base" }, ""},
		{"certificate", func(s *config.Serve) { s.PSKFile, s.Cert, s.Key = "", "c", "k" }, ""},
		{"no homeserver", func(s *config.Serve) { s.Homeserver = "" }, "homeserver"},
		{"homeserver without scheme", func(s *config.Serve) { s.Homeserver = "localhost:8008" }, "homeserver"},
		{"homeserver with password", func(s *config.Serve) { s.Homeserver = "http://u:p@h" }, "homeserver"},
		{"homeserver with query", func(s *config.Serve) { s.Homeserver = "http://h/?" }, "homeserver"},
		{"listen without port", func(s *config.Serve) { s.Listen = "localhost" }, "listen"},
		{"listen on a named port", func(s *config.Serve) { s.Listen = ":coaps" }, "listen"},
		{"port too large", func(s *config.Serve) { s.Listen = ":65536" }, "listen"},
		{"no key", func(s *config.Serve) { s.PSKFile = "" }, "psk-file"},
		{"cert without key", func(s *config.Serve) { s.Cert = "c" }, "key"},
		{"key without cert", func(s *config.Serve) { s.Key = "k" }, "cert"},
		{"client CA without cert", func(s *config.Serve) { s.ClientCA = "ca" }, "client-ca"},
		{"plain", func(s *config.Serve) { s.PlainInsecure, s.PSKFile = true, "" }, ""},
		{"plain with keys", func(s *config.Serve) { s.PlainInsecure = true }, "plain-insecure"},
		{"advertise", func(s *config.Serve) { s.Advertise = "coaps://gw" }, "advertise"},
		{"no session for an identity", func(s *config.Serve) { s.MaxPerIdentity = 0 }, "max-sessions-per-identity"},
		{"sessions end at once", func(s *config.Serve) { s.IdleLifetime = 0 }, "idle-lifetime"},
		{"no connect timeout", func(s *config.Serve) { s.ConnectTimeout = 0 }, "connect-timeout"},
		{"path", func(s *config.Serve) { s.Paths = []string{"/_matrix/client"} }, ""},
		{"path without a slash", func(s *config.Serve) { s.Paths = []string{"_matrix"} }, "path"},
		{"no limit", func(s *config.Serve) { s.Rate = 0 }, ""},
		{"negative rate", func(s *config.Serve) { s.Rate = -1 }, "rate"},
		{"rate without burst", func(s *config.Serve) { s.Burst = 0 }, "rate"},
		{"authority of a homeserver without TLS", func(s *config.Serve) { s.HomeserverCA = "ca" }, "homeserver-ca"},
		{"authority of a homeserver", func(s *config.Serve) { s.Homeserver, s.HomeserverCA = "https://h", "ca" }, ""},
		{"thumbnails of what is not refused", func(s *config.Serve) { s.SlowLinks, s.Thumbnails = false, true }, "thumbnails"},
		{"negative response timeout", func(s *config.Serve) { s.ResponseTimeout = -1 }, "response-timeout"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := validServe()
			tt.change(&s)
			check(t, s.Check(), tt.option)
		})
	}
}

func TestConnectCheck(t *testing.T) {
	noKey := func(c *config.Connect) { c.PSKIdentity, c.PSKKeyFile = "", "" }
	tests := []struct {
		name   string
		change func(*config.Connect)
		option string
	}{
		{"as is", func(*config.Connect) {}, ""},
		{"pairing alone", func(c *config.Connect) { noKey(c); c.Server, c.Pairing = "", "line" }, ""},
		{"pairing with another server", func(c *config.Connect) { noKey(c); c.Pairing = "line" }, ""},
		{"fingerprint", func(c *config.Connect) { noKey(c); c.Fingerprint = "00" }, ""},
		{"authority and client certificate", func(c *config.Connect) { noKey(c); c.CA, c.Cert, c.Key = "ca", "c", "k" }, ""},
		{"no server", func(c *config.Connect) { c.Server = "" }, "server"},
		{"no scheme", func(c *config.Connect) { c.Server = "gw:5684" }, "server"},
		{"http", func(c *config.Connect) { c.Server = "http://gw" }, "server"},
		{"path", func(c *config.Connect) { c.Server = "coaps://gw/x" }, "server"},
		{"plain", func(c *config.Connect) { noKey(c); c.Server = "coap://gw" }, "server"},
		{"plain accepted", func(c *config.Connect) { noKey(c); c.Server, c.PlainInsecure = "coap://gw", true }, ""},
		{"plain with keys", func(c *config.Connect) { c.Server, c.PlainInsecure = "coap://gw", true }, "server"},
		{"plain without cause", func(c *config.Connect) { c.PlainInsecure = true }, "plain-insecure"},
		{"no key", noKey, "pairing"},
		{"pairing and key", func(c *config.Connect) { c.Pairing = "line" }, "pairing"},
		{"key and authority", func(c *config.Connect) { c.CA = "ca" }, "psk-identity"},
		{"authority and fingerprint", func(c *config.Connect) { noKey(c); c.CA, c.Fingerprint = "ca", "00" }, "fingerprint"},
		{"identity without key", func(c *config.Connect) { c.PSKKeyFile = "" }, "psk-key-file"},
		{"client certificate without key", func(c *config.Connect) { noKey(c); c.CA, c.Cert = "ca", "c" }, "key"},
		{"nothing to listen on", func(c *config.Connect) { c.Listen = "" }, "listen"},
		{"listen without port", func(c *config.Connect) { c.Listen = "127.0.0.1" }, "listen"},
		{"HTTPS", func(c *config.Connect) { c.HTTPSListen, c.TLSCert, c.TLSKey = ":8448", "c", "k" }, ""},
		{"HTTPS alone", func(c *config.Connect) { c.Listen, c.HTTPSListen, c.TLSCert, c.TLSKey = "", ":8448", "c", "k" }, ""},
		{"HTTPS without certificate", func(c *config.Connect) { c.HTTPSListen = ":8448" }, "tls-cert"},
		{"HTTPS certificate without address", func(c *config.Connect) { c.TLSCert, c.TLSKey = "c", "k" }, "https-listen"},
		{"HTTPS without port", func(c *config.Connect) { c.HTTPSListen, c.TLSCert, c.TLSKey = "host", "c", "k" }, "https-listen"},
		{"advertise", func(c *config.Connect) { c.Advertise = "//gw" }, "advertise"},
		{"keeps nothing", func(c *config.Connect) { c.KeepAnswers = 0 }, ""},
		{"keeps less than nothing", func(c *config.Connect) { c.KeepAnswers = -1 }, "keep-answers"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := validConnect()
			tt.change(&c)
			check(t, c.Check(), tt.option)
		})
	}
}

func TestLimitsCheck(t *testing.T) {
	check(t, config.Default().Limits.Check(), "")
	for option, change := range map[string]func(*config.Limits){
		"max-body":     func(l *config.Limits) { l.MaxBody = 0 },
		"max-sessions": func(l *config.Limits) { l.MaxSessions = -1 },
		"stop-timeout": func(l *config.Limits) { l.StopTimeout = 0 },
	} {
		l := config.Default().Limits
		change(&l)
		check(t, l.Check(), option)
	}
}

func TestRelayCheck(t *testing.T) {
	valid := config.Default().Relay
	valid.Profile, valid.To = "hf-vara500", "127.0.0.1:5683"
	check(t, valid.Check(), "")
	p, err := valid.Emulated()
	require.NoError(t, err)
	assert.Equal(t, "hf-vara500", p.Name)
	for option, change := range map[string]func(*config.Relay){
		"profile":     func(r *config.Relay) { r.Profile = "" },
		"to":          func(r *config.Relay) { r.To = "" },
		"listen":      func(r *config.Relay) { r.Listen = "localhost" },
		"stats":       func(r *config.Relay) { r.Stats = -1 },
		"rebind":      func(r *config.Relay) { r.Rebind = -1 },
		"max-clients": func(r *config.Relay) { r.MaxClients = 0 },
	} {
		r := valid
		change(&r)
		check(t, r.Check(), option)
	}
	valid.To = "host"
	check(t, valid.Check(), "to")
	valid.Profile = "pigeon"
	_, err = valid.Emulated()
	check(t, err, "profile")
}

func TestLinkProfile(t *testing.T) {
	field, _ := reflect.TypeFor[config.Link]().FieldByName("Name")
	for _, name := range link.Names() {
		p, err := config.Link{Name: name}.Profile()
		require.NoError(t, err)
		assert.Equal(t, name, p.Name)
		assert.Contains(t, field.Tag.Get("help"), name)
	}
	_, err := config.Link{Name: "pigeon"}.Profile()
	check(t, err, "link")
	assert.ErrorContains(t, err, "meshtastic-lf")
	_, err = config.Link{Name: "mtu=1,nstart=0"}.Profile()
	check(t, err, "link")
	p, err := config.Link{Name: "base=gprs,name=ours,mtu=1200"}.Profile()
	require.NoError(t, err)
	assert.Equal(t, "ours", p.Name)
}

func TestSlowestLink(t *testing.T) {
	slowest := func(name string, own string) (link.Profile, error) {
		p, ok := link.ByName(own)
		require.True(t, ok)
		return config.Serve{SlowestLink: name}.Slowest(p)
	}
	for name, own := range map[string]string{"": "iridium-sbd", "hf-vara500": "geo-vsat", "geo-vsat": "default", "leo-broadband": "default"} {
		p, err := slowest(name, own)
		require.NoError(t, err)
		assert.Equal(t, name, p.Name)
	}
	for name, own := range map[string]string{"pigeon": "default", "geo-vsat": "hf-vara500"} {
		_, err := slowest(name, own)
		check(t, err, "slowest-link")
	}
}

func TestLogThreshold(t *testing.T) {
	level, err := config.Default().Log.Threshold()
	require.NoError(t, err)
	assert.Equal(t, "INFO", level.String())
	_, err = config.Log{Level: "loud", Format: "text"}.Threshold()
	check(t, err, "log-level")
	_, err = config.Log{Level: "warn", Format: "xml"}.Threshold()
	check(t, err, "log-format")
}
