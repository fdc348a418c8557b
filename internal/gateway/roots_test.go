package gateway

import (
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestHomeserverRoots: an https homeserver is believed by its certificate alone, and a CA
// of the operator's own serves for requests and for the question for its name.
func TestHomeserverRoots(t *testing.T) {
	hs := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"server_name":"hs.example"}`))
	}))
	defer hs.Close()
	hs.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	base, err := url.Parse(hs.URL)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(hs.Certificate())
	for _, tt := range []struct {
		roots  *x509.CertPool
		status int
	}{{roots, http.StatusOK}, {nil, http.StatusBadGateway}, {x509.NewCertPool(), http.StatusBadGateway}} {
		s := NewServe(ServeOptions{Homeserver: base, RootCAs: tt.roots})
		assert.Equal(t, tt.status, do(s, request(t, http.MethodGet, "/_matrix/client/versions", nil)).StatusCode)
		s.Close()
	}
	name := NewHomeName("")
	name.Roots = func() *x509.CertPool { return roots }
	name.Ask(t.Context(), base, slog.New(slog.DiscardHandler))
	assert.Equal(t, "hs.example", name.Name())
}

// TestAskNameFollowsNobody: the homeserver's name is not asked of who the homeserver names.
func TestAskNameFollowsNobody(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("reached another host") }))
	defer other.Close()
	hs := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusFound))
	defer hs.Close()
	base, err := url.Parse(hs.URL)
	require.NoError(t, err)
	var log strings.Builder
	name := NewHomeName("")
	name.Ask(t.Context(), base, slog.New(slog.NewTextHandler(&log, nil)))
	assert.Empty(t, name.Name())
	assert.Contains(t, log.String(), "does not tell its name")
}
