//go:build !clientonly

package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/fakehs"
)

// TestCheck gives both ends what works, and then one thing that does not.
func TestCheck(t *testing.T) {
	homeserver := httptest.NewServer(fakehs.New(fakehs.Config{}))
	defer homeserver.Close()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	made := coapgw(t, "", "keygen", "psk", "--psk-file", at("keys"), "--server", "127.0.0.1:5684")
	require.Equal(t, exitOK, made.code, made.err)
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(at(name), []byte(text), 0o600))
	}
	write("boat.pairing", made.out)
	write("serve.yaml", "homeserver: "+homeserver.URL+"\npsk-file: "+at("keys")+"\nlisten: 127.0.0.1:0\nstate: "+at("state")+"\n")
	write("connect.yaml", "pairing: \"@"+at("boat.pairing")+"\"\nlisten: 127.0.0.1:0\nstatus-listen: 127.0.0.1:0\n")

	for _, end := range []string{"serve", "connect"} {
		r := coapgw(t, "", "check", end, "--config", at(end+".yaml"))
		assert.Equal(t, exitOK, r.code, r.out+r.err)
		assert.NotContains(t, r.out, "WRONG")
		assert.Greater(t, strings.Count(r.out, "ok "), 3, r.out)
	}
	assert.NoFileExists(t, at("state"), "it changes nothing")

	r := coapgw(t, "", "check", "connect", "--config", at("connect.yaml"))
	assert.Contains(t, r.out, "look   advertise")
	r = coapgw(t, "", "check", "connect", "--config", at("connect.yaml"), "--advertise", "http://127.0.0.1:8008")
	assert.NotContains(t, r.out, "advertise")
	for _, tt := range []struct{ end, args, want string }{
		{"serve", "--homeserver=http://127.0.0.1:1", "WRONG  homeserver"},
		{"serve", "--psk-file=/nonexistent", "WRONG  psk-file"},
		{"serve", "--state=/nonexistent/state", "WRONG  state"},
		{"serve", "--listen=192.0.2.1:0", "WRONG  listen"},
		{"connect", "--pairing=@/nonexistent", "WRONG  pairing"},
		{"connect", "--pairing=coapgw1:nonsense", "WRONG  pairing"},
		{"connect", "--listen=192.0.2.1:0", "WRONG  listen"},
	} {
		r := coapgw(t, "", "check", tt.end, "--config", at(tt.end+".yaml"), tt.args)
		assert.Equal(t, exitFailure, r.code, tt.args)
		assert.Contains(t, r.out, tt.want)
		assert.Contains(t, r.err, "wrong\n")
	}
	t.Setenv("COAPGW_MAX_BDOY", "17")
	t.Setenv("COAPGW_SERVICE_HOST", "192.0.2.1") // as Kubernetes does
	r = coapgw(t, "", "check", "serve", "--config", at("serve.yaml"))
	assert.Equal(t, exitOK, r.code)
	assert.Contains(t, r.out, "look   environment: COAPGW_MAX_BDOY is no option; COAPGW_MAX_BODY is one\n")
	assert.NotContains(t, r.out, "SERVICE")
	r = coapgw(t, "", "check", "serve", "--config", at("serve.yaml"), "--listen", "x")
	assert.Equal(t, exitUsage, r.code)
	assert.Contains(t, r.err, "--listen")

	write("inline.yaml", "pairing: \""+strings.TrimSpace(made.out)+"\"\nlisten: 127.0.0.1:0\nstatus-listen: 127.0.0.1:0\n")
	require.NoError(t, os.Chmod(at("inline.yaml"), 0o644))
	r = coapgw(t, "", "check", "connect", "--config", at("inline.yaml"))
	assert.Equal(t, exitOK, r.code)
	assert.Contains(t, r.out, "look   pairing: others can read "+at("inline.yaml"))
	assert.NotContains(t, r.out, strings.TrimSpace(made.out))

	require.NoError(t, os.Chmod(at("keys"), 0o644))
	r = coapgw(t, "", "check", "serve", "--config", at("serve.yaml"))
	assert.Equal(t, exitOK, r.code)
	assert.Contains(t, r.out, "chmod 600")
}
