package interop

import (
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/process"
	"github.com/coapgw/coapgw/internal/keys"
)

// The key that all peers of this suite share. libcoap takes it as text.
const (
	pskIdentity = "kayak"
	pskKey      = "0123456789abcdef"
)

// serve is a running coapgw serve.
type serve struct {
	*process.Process
	addr string // host:port
	ca   string // file with the authority of its certificate
}

// startServe runs coapgw serve with a key and a certificate.
func startServe(t *testing.T, h *httptest.Server) *serve {
	t.Helper()
	dir := t.TempDir()
	pskFile := filepath.Join(dir, "psk")
	require.NoError(t, keys.AppendPSK(pskFile, keys.PSK{Identity: pskIdentity, Key: keys.Key(pskKey)}))
	ca, err := keys.NewCA("interop", time.Now())
	require.NoError(t, err)
	caFile := filepath.Join(dir, "ca.pem")
	require.NoError(t, ca.Write(caFile, filepath.Join(dir, "ca.key")))
	cert, err := ca.IssueServer([]string{"127.0.0.1", "localhost"}, time.Now())
	require.NoError(t, err)
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "cert.key")
	require.NoError(t, cert.Write(certFile, keyFile))

	p := start(t, coapgw, "serve", "--listen", "127.0.0.1:0", "--homeserver", h.URL, "--log-level", "debug",
		"--server-name", "localhost", // else it asks for it, and the tests count requests
		"--psk-file", pskFile, "--cert", certFile, "--key", keyFile)
	s := &serve{Process: p, addr: p.Await("listening on coaps://"), ca: caFile}
	t.Cleanup(func() { // runs before the cleanup of start
		require.NoError(t, p.Stop())
		require.NotContains(t, strings.ToLower(p.Printed()), "panic")
	})
	return s
}
