package gateway

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestProbe: a homeserver is one only where Serve could use it as it was given.
func TestProbe(t *testing.T) {
	// What http.Client does by itself, and Serve does not.
	t.Setenv("HTTP_PROXY", "http://192.0.2.1:1")
	answers := map[string]func(http.ResponseWriter, *http.Request){
		"right": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"versions":["v1.1","v1.11"]}`)) },
		"page":  func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`<html>`)) },
		"none":  func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"versions":[]}`)) },
		"away": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/right/_matrix/client/versions?token=x", http.StatusFound)
		},
		"fails": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
	}
	mux := http.NewServeMux()
	for name, answer := range answers {
		mux.HandleFunc("/"+name+"/_matrix/client/versions", answer)
	}
	server := httptest.NewServer(mux)
	defer server.Close()
	probe := func(raw string, roots *x509.CertPool) (Probed, error) {
		base, err := url.Parse(raw)
		require.NoError(t, err)
		return Probe(t.Context(), base, roots)
	}
	p, err := probe(server.URL+"/right", nil)
	require.NoError(t, err)
	assert.Equal(t, "v1.11", p.Version)
	assert.False(t, p.Date.IsZero())
	for _, name := range []string{"page", "none", "away", "fails", "nothing"} {
		_, err := probe(server.URL+"/"+name, nil)
		var other *NotHomeserverError
		require.ErrorAs(t, err, &other, name)
		assert.Equal(t, name == "away", other.Location == server.URL+"/right/_matrix/client/versions", name)
	}

	secure := httptest.NewTLSServer(mux)
	defer secure.Close()
	_, err = probe(secure.URL+"/right", nil)
	require.ErrorContains(t, err, "--homeserver-ca")
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	_, err = probe(secure.URL+"/right", roots)
	require.NoError(t, err)
	_, err = probe("https"+server.URL[len("http"):]+"/right", roots)
	require.ErrorContains(t, err, "http:// URL")
}
