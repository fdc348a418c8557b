package checkup

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/session/boltstore"
	"github.com/coapgw/coapgw/internal/config"
	"github.com/coapgw/coapgw/internal/gateway"
	"github.com/coapgw/coapgw/internal/keys"
)

func TestCertificate(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	ca, err := keys.NewCA("household", now)
	require.NoError(t, err)
	pair, err := ca.IssueServer([]string{"gw"}, now)
	require.NoError(t, err)
	require.NoError(t, pair.Write(cert, key))
	leaf, err := x509.ParseCertificate(pair.DER)
	require.NoError(t, err)
	ends := leaf.NotAfter
	for _, tt := range []struct {
		at    time.Time
		level Level
		says  string
	}{
		{now, Fine, ends.Format("2006-01-02")},
		{ends.Add(-soon), Fine, ""},
		{ends.Add(-soon + time.Second), Look, "renew"},
		{ends.Add(time.Second), Wrong, "ended"},
		{now.AddDate(-1, 0, 0), Wrong, "clock"},
	} {
		f := Certificate("cert", cert, key, tt.at)
		assert.Equal(t, tt.level, f.Level, f.Text)
		assert.Contains(t, f.Text, tt.says)
		assert.Equal(t, tt.level, Authorities("ca", cert, tt.at).Level)
	}
	assert.Equal(t, Wrong, Certificate("cert", cert, cert, now).Level)
	assert.Equal(t, Certificate("cert", cert, key, now), LinkCertificate("cert", cert, key, now))
	assert.Equal(t, Wrong, Authorities("ca", key, now).Level)
	assert.Equal(t, Wrong, Authorities("ca", "/nonexistent", now).Level)
}

// TestLinkCertificate: one that every browser takes may be none for DTLS.
func TestLinkCertificate(t *testing.T) {
	now := time.Now()
	private, err := rsa.GenerateKey(rand.Reader, 1024) // which is quick
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now, NotAfter: now.AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	require.NoError(t, keys.Pair{DER: der, Key: private}.Write(cert, key))
	assert.Equal(t, Fine, Certificate("tls-cert", cert, key, now).Level)
	f := LinkCertificate("cert", cert, key, now)
	assert.Equal(t, Wrong, f.Level)
	assert.Contains(t, f.Text, "keygen cert")
}

func TestHomeserver(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		status     int
		date       time.Time
		want       []Level
	}{
		{"right", `{"versions":["v1.1","v1.11"]}`, 200, time.Now(), []Level{Fine, Fine}},
		{"another time", `{"versions":["v1.1"]}`, 200, time.Now().Add(-time.Hour), []Level{Fine, Look}},
		{"not there", `{}`, 404, time.Now(), []Level{Wrong}},
		{"another server", `<html>`, 200, time.Now(), []Level{Wrong}},
		{"no versions", `{"versions":[]}`, 200, time.Now(), []Level{Wrong}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				assert.Equal(t, "/base/_matrix/client/versions", r.URL.Path)
				w.Header().Set("Date", tt.date.UTC().Format(http.TimeFormat))
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			}))
			defer server.Close()
			base, err := url.Parse(server.URL + "/base")
			require.NoError(t, err)
			var got []Level
			for _, f := range Homeserver(t.Context(), base, nil) {
				got = append(got, f.Level)
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestState(t *testing.T) {
	dir := t.TempDir()
	cfg := config.State{File: filepath.Join(dir, "state")}
	assert.Equal(t, Fine, State(cfg).Level, "it will be made")
	assert.NoFileExists(t, cfg.File)
	open, err := gateway.OpenState(cfg)
	require.NoError(t, err)
	assert.Equal(t, Look, State(cfg).Level, "in use")
	require.NoError(t, open.Close())
	assert.Equal(t, Fine, State(cfg).Level)
	key, err := os.ReadFile(cfg.File + ".key")
	require.NoError(t, err)
	key[0] ^= 1 // another hexadecimal digit, or none
	require.NoError(t, os.WriteFile(cfg.File+".key", key, 0o600))
	assert.Equal(t, Wrong, State(cfg).Level)
	require.NoError(t, os.Remove(cfg.File+".key"))
	assert.Equal(t, Wrong, State(cfg).Level)
	assert.NoFileExists(t, cfg.File+".key")
}

func TestAddresses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	assert.Equal(t, Look, TCP(t.Context(), "listen", l.Addr().String()).Level)
	assert.Equal(t, Fine, UDP(t.Context(), "listen", "127.0.0.1:0").Level)
	assert.Equal(t, Wrong, UDP(t.Context(), "listen", "192.0.2.1:0").Level)
	assert.Equal(t, Fine, Server(t.Context(), "server", []string{"127.0.0.1:5684"}).Level)
	assert.Equal(t, Wrong, Server(t.Context(), "server", []string{"127.0.0.1"}).Level)
}

func TestClock(t *testing.T) {
	now := time.Now()
	assert.Equal(t, Fine, Clock(now, time.Time{}).Level)
	assert.Equal(t, Wrong, Clock(now, now.Add(time.Hour)).Level)
}

func TestReport(t *testing.T) {
	var b bytes.Buffer
	n, err := Report(&b, []Finding{fine("a", "well"), look("b", "hm"), wrong("c", "no")})
	require.NoError(t, err)
	assert.Equal(t, 1, n)
	assert.Equal(t, "ok     a: well\nlook   b: hm\nWRONG  c: no\n", b.String())
}

// TestStateToBe: what would keep a state file from being made is found before.
func TestStateToBe(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "state")
	locked := filepath.Join(dir, "locked")
	require.NoError(t, os.Mkdir(locked, 0o500))
	want := Wrong
	if os.Geteuid() == 0 { // whom no mode keeps out
		want = Fine
	}
	assert.Equal(t, want, State(config.State{File: filepath.Join(locked, "state")}).Level)
	assert.Equal(t, want, State(config.State{File: file, Key: filepath.Join(locked, "key")}).Level)
	assert.Equal(t, Wrong, State(config.State{File: file, Key: filepath.Join(dir, "none", "key")}).Level)
	key := filepath.Join(dir, "key")
	require.NoError(t, os.WriteFile(key, []byte("no key"), 0o600))
	assert.Equal(t, Wrong, State(config.State{File: file, Key: key}).Level)
	assert.Equal(t, Fine, State(config.State{File: file}).Level)

	for name, text := range map[string]string{"cut": "x", "another": strings.Repeat("no state of ours\n", 1000)} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		_, err := boltstore.LoadKey(file + ".key")
		require.NoError(t, err)
		f := State(config.State{File: file})
		assert.Equal(t, Wrong, f.Level, name)
		assert.Contains(t, f.Text, "is damaged: remove it", name)
	}
	require.NoError(t, os.Remove(file))
	open, err := gateway.OpenState(config.State{File: file})
	require.NoError(t, err)
	require.NoError(t, open.Close())
	require.NoError(t, os.Chmod(file, 0o644))
	assert.Equal(t, Look, State(config.State{File: file}).Level, "it names peers")
}

func TestOnThisMachine(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "hs.localhost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true,
		"synapse": false, "192.0.2.1": false, "localhost.example": false, "": false,
	} {
		assert.Equal(t, want, onThisMachine(host), host)
	}
}
