package gateway

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/config"
	"github.com/coapgw/coapgw/internal/keys"
)

func TestSecurityReload(t *testing.T) {
	f := newFiles(t)
	cfg := config.Serve{PSKFile: f.pskFile, Cert: f.cert, Key: f.certKey, ClientCA: f.ca}
	s, live, err := NewSecurity(cfg)
	require.NoError(t, err)
	shown := func() []byte {
		certificates, authorities := live.Current()
		require.NotNil(t, authorities)
		require.Len(t, certificates, 1)
		return certificates[0].Certificate[0]
	}
	knows := func(identity string) bool {
		_, ok := live.Keys(identity)
		return ok
	}
	first := shown()
	require.True(t, knows(f.psk.Identity))

	// Another key and another certificate take the places of the first ones.
	next := newFiles(t)
	require.NoError(t, s.Reload(config.Serve{PSKFile: next.pskFile, Cert: next.cert, Key: next.certKey, ClientCA: f.ca}))
	assert.False(t, knows(f.psk.Identity))
	assert.True(t, knows(next.psk.Identity))
	second := shown()
	assert.NotEqual(t, first, second)

	// What cannot be had leaves all of it as it is.
	for name, cfg := range map[string]config.Serve{
		"no file":               {PSKFile: f.absent, Cert: f.cert, Key: f.certKey, ClientCA: f.ca},
		"half of it wrong":      {PSKFile: f.pskFile, Cert: f.cert, Key: f.absent, ClientCA: f.ca},
		"no keys any more":      {Cert: f.cert, Key: f.certKey, ClientCA: f.ca},
		"no certificate":        {PSKFile: f.pskFile, ClientCA: f.ca},
		"clients need not show": {PSKFile: f.pskFile, Cert: f.cert, Key: f.certKey},
		"no encryption":         {PlainInsecure: true},
	} {
		require.Error(t, s.Reload(cfg), name)
		assert.Equal(t, second, shown(), name)
		assert.True(t, knows(next.psk.Identity), name)
	}

	// RSA is of no use to DTLS: with it every handshake would fail.
	cert, key := rsaFiles(t)
	require.ErrorContains(t, s.Reload(config.Serve{PSKFile: next.pskFile, Cert: cert, Key: key, ClientCA: f.ca}), "ECDSA is needed")
	assert.Equal(t, second, shown())

	none, plain, err := NewSecurity(config.Serve{PlainInsecure: true})
	require.NoError(t, err)
	assert.Nil(t, none)
	assert.Nil(t, plain)
}

// TestSecurityWithoutKeys: what is not there at the start is not offered.
func TestSecurityWithoutKeys(t *testing.T) {
	f := newFiles(t)
	s, live, err := NewSecurity(config.Serve{Cert: f.cert, Key: f.certKey})
	require.NoError(t, err)
	assert.Nil(t, live.Keys)
	assert.ErrorIs(t, s.Reload(config.Serve{PSKFile: f.pskFile, Cert: f.cert, Key: f.certKey}), errNeedsRestart)
}

func TestWebCertificateReload(t *testing.T) {
	f, next := newFiles(t), newFiles(t)
	c, err := NewWebCertificate(f.cert, f.certKey)
	require.NoError(t, err)
	first := c.current.Load()
	require.Error(t, c.Reload(f.cert, next.certKey))
	assert.Same(t, first, c.current.Load())
	require.NoError(t, c.Reload(next.cert, next.certKey))
	assert.NotEqual(t, first.Certificate, c.current.Load().Certificate)
	_, err = NewWebCertificate(f.absent, f.certKey)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestSwitch(t *testing.T) {
	says := func(text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
	}
	answer := func(h http.Handler) string {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		return w.Body.String()
	}
	var s *Switch
	s = NewSwitch(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Set(says("new"))
		_, _ = io.WriteString(w, "old")
	}))
	assert.Equal(t, "old", answer(s), "it began there")
	assert.Equal(t, "new", answer(s))
}

// rsaFiles makes a certificate with an RSA key.
func rsaFiles(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now, NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	require.NoError(t, keys.Pair{DER: der, Key: private}.Write(cert, key))
	return cert, key
}
