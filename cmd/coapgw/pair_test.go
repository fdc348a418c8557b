//go:build !clientonly

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/fakehs"
)

// patience ends what hangs.
const patience = 2 * time.Minute

// readyAddress reads the line that says where a command listens.
func readyAddress(t *testing.T, out io.Reader) string {
	t.Helper()
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	require.True(t, ok, line)
	return address
}

// start runs a command until the test ends and returns where it listens.
func start(t *testing.T, args ...string) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	out, w := io.Pipe()
	code := make(chan int, 1)
	var errs bytes.Buffer
	go func() {
		c := run(ctx, args, streams{in: strings.NewReader(""), out: w, err: &errs})
		w.CloseWithError(io.ErrUnexpectedEOF)
		code <- c
	}()
	t.Cleanup(func() {
		stop()
		assert.Equal(t, exitOK, <-code, errs.String())
	})
	return readyAddress(t, out)
}

// TestPairing takes each way by which a client can know its server, from keygen
// to an answer of the homeserver.
func TestPairing(t *testing.T) {
	homeserver := httptest.NewServer(fakehs.New(fakehs.Config{}))
	defer homeserver.Close()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	keygen := func(args ...string) string {
		r := coapgw(t, "", append([]string{"keygen"}, args...)...)
		require.Equal(t, exitOK, r.code, r.err)
		return r.out
	}
	psk := keygen("psk", "--psk-file", at("keys"))
	require.Empty(t, psk, "the key is in the file and nowhere else")
	keygen("ca", "--cert", at("ca.pem"), "--key", at("ca.key"))
	keygen("cert", "--ca", at("ca.pem"), "--ca-key", at("ca.key"), "--name", "127.0.0.1", "--cert", at("signed.pem"), "--key", at("signed.key"))
	self := coapgw(t, "", "keygen", "cert", "--cert", at("self.pem"), "--key", at("self.key"))
	require.Equal(t, exitOK, self.code, self.err)
	fingerprint := strings.TrimSpace(strings.TrimPrefix(self.err, "fingerprint "))
	keygen("cert", "--ca", at("ca.pem"), "--ca-key", at("ca.key"), "--client", "phone", "--cert", at("phone.pem"), "--key", at("phone.key"))

	line, err := os.ReadFile(at("keys"))
	require.NoError(t, err)
	identity, key, ok := strings.Cut(strings.TrimSpace(string(line)), ":")
	require.True(t, ok)
	require.NoError(t, os.WriteFile(at("psk.key"), []byte(key), 0o600))

	serve := func(args ...string) string {
		return start(t, append([]string{"serve", "--listen", "127.0.0.1:0", "--homeserver", homeserver.URL, "--log-level", "error"}, args...)...)
	}
	keyed := serve("--psk-file", at("keys"), "--cert", at("self.pem"), "--key", at("self.key"))
	signed := serve("--cert", at("signed.pem"), "--key", at("signed.key"), "--client-ca", at("ca.pem"))
	plain := serve("--plain-insecure")

	addressOf := func(u string) string { return u[strings.Index(u, "//")+2:] }
	pskLine := keygen("psk", "--psk-file", at("keys2"), "--server", "127.0.0.1:1")
	pinned := coapgw(t, "", "keygen", "cert", "--cert", at("x.pem"), "--key", at("x.key"), "--server", addressOf(keyed))
	require.Equal(t, exitOK, pinned.code)

	tests := []struct {
		name string
		args []string
		want string // of standard output; "" is a failure
	}{
		{"key", []string{"--server", keyed, "--psk-identity", identity, "--psk-key-file", at("psk.key")}, "versions"},
		{"fingerprint", []string{"--server", keyed, "--fingerprint", fingerprint}, "versions"},
		{"authority and client certificate", []string{"--server", signed, "--ca", at("ca.pem"), "--cert", at("phone.pem"), "--key", at("phone.key")}, "versions"},
		{"plain", []string{"--server", plain, "--plain-insecure"}, "versions"},
		{"authority, no client certificate", []string{"--server", signed, "--ca", at("ca.pem")}, ""},
		{"another server's pin", []string{"--pairing", strings.TrimSpace(pinned.out)}, ""},
		{"unknown key", []string{"--server", keyed, "--pairing", strings.TrimSpace(pskLine), "--timeout", patience.String()}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := coapgw(t, "", append([]string{"request", "GET", "/_matrix/client/versions"}, tt.args...)...)
			if tt.want == "" {
				assert.Equal(t, exitFailure, r.code)
				assert.Empty(t, r.out)
				assert.Equal(t, 1, strings.Count(r.err, "\n"), r.err)
				return
			}
			assert.Equal(t, exitOK, r.code, r.err)
			assert.Contains(t, r.out, tt.want)
			assert.Contains(t, r.out, `"org.matrix.msc3079.low_bandwidth":true`)
		})
	}

	t.Run("connect", func(t *testing.T) {
		base := start(t, "connect", "--listen", "127.0.0.1:0", "--server", keyed, "--psk-identity", identity, "--psk-key-file", at("psk.key"))
		res, err := http.Get(base + "/_matrix/client/versions")
		require.NoError(t, err)
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, res.StatusCode)
		assert.Contains(t, string(body), "low_bandwidth")
		http.DefaultClient.CloseIdleConnections()
	})
}

// TestStopAnswersPolls: connect does not wait for polls that are held when it is told to stop,
// nor cut them off: it says that nothing is new.
func TestStopAnswersPolls(t *testing.T) {
	asked := make(chan string, 10) // polls of the homeserver
	hs := fakehs.New(fakehs.Config{})
	homeserver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/sync") {
			asked <- r.URL.Query().Get("since")
		}
		hs.ServeHTTP(w, r)
	}))
	t.Cleanup(homeserver.Close) // after serve, which polls it
	server := start(t, "serve", "--listen", "127.0.0.1:0", "--homeserver", homeserver.URL, "--plain-insecure", "--log-level", "error", "--stop-timeout", "1s")
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	out, w := io.Pipe()
	var errs bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"connect", "--listen", "127.0.0.1:0", "--status-listen", "", "--server", server, "--plain-insecure", "--log-level", "error", "--stop-timeout", "30s"},
			streams{in: strings.NewReader(""), out: w, err: &errs})
	}()
	base := readyAddress(t, out)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	call := func(method, path, token, body string) (answer map[string]any) {
		r, err := http.NewRequestWithContext(t.Context(), method, base+"/_matrix/client/v3"+path, strings.NewReader(body))
		require.NoError(t, err)
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := client.Do(r)
		require.NoError(t, err)
		defer res.Body.Close()
		require.Equal(t, http.StatusOK, res.StatusCode)
		require.NoError(t, json.NewDecoder(res.Body).Decode(&answer))
		return answer
	}
	token := call(http.MethodPost, "/register", "", `{"username":"ann","password":"secret","auth":{"type":"m.login.dummy"}}`)["access_token"].(string)
	since := call(http.MethodGet, "/sync?timeout=0", token, "")["next_batch"].(string)
	<-asked
	go func() {
		<-asked // by then the poll is held, and the homeserver is asked in its place
		stop()
	}()
	assert.Equal(t, since, call(http.MethodGet, "/sync?timeout=600000&since="+since, token, "")["next_batch"])
	assert.Equal(t, exitOK, <-code, errs.String())
}

func TestRequest(t *testing.T) {
	const token = "topsecrettoken"
	homeserver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Header.Get("Authorization") != "Bearer "+token {
			w.WriteHeader(http.StatusUnauthorized)
		}
		body, _ := io.ReadAll(r.Body)
		io.WriteString(w, `{"method":"`+r.Method+`","target":"`+r.RequestURI+`","sent":`+string(append([]byte("0"), body...)[min(1, len(body)):])+`}`)
	}))
	defer homeserver.Close()
	server := start(t, "serve", "--listen", "127.0.0.1:0", "--homeserver", homeserver.URL, "--plain-insecure", "--log-level", "error")
	request := func(stdin string, args ...string) result {
		return coapgw(t, stdin, append([]string{"request", "--plain-insecure"}, args...)...)
	}
	file := filepath.Join(t.TempDir(), "body")
	require.NoError(t, os.WriteFile(file, []byte(`{"from":"file"}`), 0o600))

	r := request("", "get", server+"/_matrix/client/v3/a%2Fb/?x=1")
	assert.Equal(t, exitFailure, r.code)
	assert.Equal(t, `{"method":"GET","target":"/_matrix/client/v3/a%2Fb/?x=1","sent":0}`+"\n", r.out)
	assert.Equal(t, "coapgw: 401 Unauthorized\n", r.err)

	t.Setenv("COAPGW_TOKEN", token)
	for data, want := range map[string]string{`{"a":1.0}`: `{"a":1.0}`, "@" + file: `{"from":"file"}`, "-": `{"from":"stdin"}`} {
		r = request(`{"from":"stdin"}`, "PUT", server+"/_matrix/client/v3/x", "-d", data)
		assert.Equal(t, exitOK, r.code, r.err)
		assert.Equal(t, `{"method":"PUT","target":"/_matrix/client/v3/x","sent":`+want+"}\n", r.out)
	}

	r = request("", "-v", "PUT", server+"/_matrix/client/v3/x", "-d", `{"body":"hi"}`, "-H", "Content-Type: text/plain")
	assert.Equal(t, exitOK, r.code)
	for _, want := range []string{"> ", "CON PUT", "< ", "ACK 2.0", "Uri-Path: x", "Access-Token: (", "HTTP 200", "6869"} {
		assert.Contains(t, strings.ReplaceAll(r.err, "68 69", "6869"), want)
	}
	assert.NotContains(t, r.err, token)
	assert.NotContains(t, r.out, token)
}

// TestHousehold gives phones HTTPS with a certificate of a household CA.
func TestHousehold(t *testing.T) {
	homeserver := httptest.NewServer(fakehs.New(fakehs.Config{}))
	defer homeserver.Close()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, args := range [][]string{
		{"ca", "--cert", at("ca.pem"), "--key", at("ca.key")},
		{"cert", "--ca", at("ca.pem"), "--ca-key", at("ca.key"), "--name", "127.0.0.1", "--cert", at("boat.pem"), "--key", at("boat.key")},
	} {
		r := coapgw(t, "", append([]string{"keygen"}, args...)...)
		require.Equal(t, exitOK, r.code, r.err)
	}
	server := start(t, "serve", "--listen", "127.0.0.1:0", "--homeserver", homeserver.URL, "--plain-insecure", "--log-level", "error")
	base := start(t, "connect", "--listen=", "--https-listen", "127.0.0.1:0", "--tls-cert", at("boat.pem"), "--tls-key", at("boat.key"),
		"--server", server, "--plain-insecure", "--keep-answers", "0")
	require.True(t, strings.HasPrefix(base, "https://"), base)

	authority, err := os.ReadFile(at("ca.pem"))
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(authority))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport}).Get(base + "/_matrix/client/versions")
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, res.StatusCode)
	assert.Contains(t, string(body), "low_bandwidth")
}
