package gateway

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/config"
	"github.com/coapgw/coapgw/internal/keys"
	"github.com/coapgw/coapgw/pairing"
)

// files writes what the tests read and returns where.
type files struct {
	dir                             string
	psk                             keys.PSK
	pskFile, keyFile, pairing       string
	ca, cert, certKey, junk, absent string
	fingerprint                     pairing.Fingerprint
}

func newFiles(t *testing.T) files {
	t.Helper()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	f := files{
		dir: dir, psk: keys.NewPSK(), pskFile: at("psk"), keyFile: at("psk.key"), pairing: at("pairing"),
		ca: at("ca.pem"), cert: at("cert.pem"), certKey: at("cert.key"), junk: at("junk"), absent: at("absent"),
	}
	require.NoError(t, keys.AppendPSK(f.pskFile, f.psk))
	require.NoError(t, os.WriteFile(f.keyFile, []byte(f.psk.Key.Hex()+"\n"), 0o600))
	line, err := pairing.Pairing{Addresses: []string{"gw.example:7", "192.0.2.1"}, PSK: f.psk}.Secret()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(f.pairing, []byte(line+"\n"), 0o600))
	ca, err := keys.NewCA("ca", time.Now())
	require.NoError(t, err)
	require.NoError(t, ca.Write(f.ca, at("ca.key")))
	pair, err := keys.NewSelfSigned(keys.Ed25519, nil, time.Now())
	require.NoError(t, err)
	require.NoError(t, pair.Write(f.cert, f.certKey))
	f.fingerprint = pair.Fingerprint()
	require.NoError(t, os.WriteFile(f.junk, []byte("beefjunk"), 0o600))
	return f
}

func TestServerSecurity(t *testing.T) {
	f := newFiles(t)
	sec, err := ServerSecurity(config.Serve{PSKFile: f.pskFile, Cert: f.cert, Key: f.certKey, ClientCA: f.ca})
	require.NoError(t, err)
	key, ok := sec.Keys(f.psk.Identity)
	assert.True(t, ok)
	assert.Equal(t, []byte(f.psk.Key), key)
	assert.Len(t, sec.Certificates, 1)
	assert.NotNil(t, sec.ClientCAs)

	sec, err = ServerSecurity(config.Serve{PlainInsecure: true})
	require.NoError(t, err)
	assert.Nil(t, sec)

	for name, cfg := range map[string]config.Serve{
		"no PSK file":     {PSKFile: f.absent},
		"no such format":  {PSKFile: f.junk},
		"no certificate":  {Cert: f.absent, Key: f.certKey},
		"key of another":  {Cert: f.ca, Key: f.certKey},
		"no authority":    {PSKFile: f.pskFile, ClientCA: f.absent},
		"empty authority": {PSKFile: f.pskFile, ClientCA: f.junk},
	} {
		_, err := ServerSecurity(cfg)
		require.Error(t, err, name)
		assert.NotContains(t, err.Error(), "\n", name)
		assert.NotContains(t, err.Error(), "beef", name)
	}
}

func TestPeerSecurity(t *testing.T) {
	f := newFiles(t)
	line, err := os.ReadFile(f.pairing)
	require.NoError(t, err)
	for _, pairing := range []string{"@" + f.pairing, string(line)} {
		addresses, sec, err := PeerSecurity(config.Peer{Pairing: pairing})
		require.NoError(t, err)
		assert.Equal(t, []string{"gw.example:7", "192.0.2.1:5684"}, addresses)
		assert.Equal(t, f.psk.Identity, sec.Identity)
		assert.Equal(t, []byte(f.psk.Key), sec.Key)
	}

	for server, want := range map[string]string{
		"coaps://gw.example":        "gw.example:5684",
		"coaps://gw.example:1":      "gw.example:1",
		"coaps://[2001:db8::1]":     "[2001:db8::1]:5684",
		"coaps://[2001:db8::1]:9/":  "[2001:db8::1]:9",
		"coaps://192.0.2.1":         "192.0.2.1:5684",
		"coaps://[fe80::1%25eth0]":  "[fe80::1%eth0]:5684",
		"coaps://[fe80::1%25en0]:9": "[fe80::1%en0]:9",
	} {
		addresses, sec, err := PeerSecurity(config.Peer{Server: server, Pairing: "@" + f.pairing})
		require.NoError(t, err)
		assert.Equal(t, []string{want}, addresses, "--server goes before the pairing line")
		assert.Equal(t, f.psk.Identity, sec.Identity)
	}

	addresses, sec, err := PeerSecurity(config.Peer{Server: "coap://gw.example", PlainInsecure: true})
	require.NoError(t, err)
	assert.Equal(t, []string{"gw.example:5683"}, addresses)
	assert.Nil(t, sec)

	const server = "coaps://gw.example"
	_, sec, err = PeerSecurity(config.Peer{Server: server, PSKIdentity: "me", PSKKeyFile: f.keyFile})
	require.NoError(t, err)
	assert.Equal(t, "me", sec.Identity)
	assert.Equal(t, []byte(f.psk.Key), sec.Key)

	_, sec, err = PeerSecurity(config.Peer{Server: server, CA: f.ca, Cert: f.cert, Key: f.certKey})
	require.NoError(t, err)
	assert.NotNil(t, sec.RootCAs)
	assert.Equal(t, "gw.example", sec.ServerName)
	assert.Len(t, sec.Certificates, 1)

	_, sec, err = PeerSecurity(config.Peer{Server: server, Fingerprint: f.fingerprint.String()})
	require.NoError(t, err)
	assert.Equal(t, f.fingerprint[:], sec.Fingerprint)

	for name, cfg := range map[string]config.Peer{
		"no pairing file": {Pairing: "@" + f.absent},
		"no pairing line": {Pairing: "@" + f.junk},
		"no key file":     {Server: server, PSKIdentity: "me", PSKKeyFile: f.absent},
		"no key":          {Server: server, PSKIdentity: "me", PSKKeyFile: f.junk},
		"no authority":    {Server: server, CA: f.absent},
		"no fingerprint":  {Server: server, Fingerprint: "00"},
		"no certificate":  {Server: server, CA: f.ca, Cert: f.absent, Key: f.certKey},
	} {
		_, _, err := PeerSecurity(cfg)
		require.Error(t, err, name)
		assert.NotContains(t, err.Error(), "beef", name)
	}
}
