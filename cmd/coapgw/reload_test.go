//go:build unix && !clientonly

package main

import (
	"bufio"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/fakehs"
	"github.com/coapgw/coapgw/internal/status"
)

// asProgram makes the test binary the program.
const asProgram = "COAPGW_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Unsetenv(asProgram)
		main()
	}
	os.Exit(m.Run())
}

// process is the program in a process of its own.
type process struct {
	ended
	cmd *exec.Cmd
}

// spawn runs the program until the test ends.
func spawn(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0], args...)}
	p.log = &logged{}
	p.cmd.Env = append(os.Environ(), asProgram+"=1")
	p.cmd.Stderr = p.log
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
		assert.NoError(t, p.cmd.Wait(), p.log.String())
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, p.log.String())
	p.address = strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
	return p
}

// reload sends SIGHUP and waits until the log says want once more.
func (p *process) reload(t *testing.T, want string) {
	t.Helper()
	before := strings.Count(p.log.String(), want)
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGHUP))
	require.Eventually(t, func() bool { return strings.Count(p.log.String(), want) > before }, patience, 10*time.Millisecond, p.log)
}

func write(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
}

// TestReload changes files under a serve that runs: sessions go on, and who opens another one
// needs a key that is there by then.
func TestReload(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	homeserver := httptest.NewServer(fakehs.New(fakehs.Config{}))
	defer homeserver.Close()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	const old, other, later = "00112233445566778899aabbccddeeff", "0f112233445566778899aabbccddeeff", "ff112233445566778899aabbccddeeff"
	write(t, at("keys"), "gone:"+old+"\nstays:"+other+"\n")
	for name, key := range map[string]string{"gone": old, "stays": other, "new": later} {
		write(t, at(name+".key"), key)
	}
	options := "listen: 127.0.0.1:0\nhomeserver: " + homeserver.URL + "\npsk-file: " + at("keys") + "\nstatus-listen: 127.0.0.1:0\n"
	write(t, at("serve.yaml"), options+"log-level: info\n")
	serve := spawn(t, "serve", "--config", at("serve.yaml"))
	page := serve.page(t)
	connect := launch(t, "connect", "--listen", "127.0.0.1:0", "--status-listen=", "--chatter", "full",
		"--server", serve.address, "--psk-identity", "gone", "--psk-key-file", at("gone.key"))
	asks := func() {
		t.Helper()
		code, text := do(t, "GET", connect.address+"/_matrix/client/versions", "", "")
		require.Equal(t, http.StatusOK, code, text)
	}
	opens := func(identity string) int {
		return coapgw(t, "", "request", "--server", serve.address, "--psk-identity", identity, "--psk-key-file", at(identity+".key"),
			"--timeout", patience.String(), "GET", "/_matrix/client/versions").code
	}
	metric := func(name string) string {
		_, text := do(t, "GET", page+"/metrics", "", "")
		_, after, _ := strings.Cut(text, "\n"+name+" ")
		n, _, _ := strings.Cut(after, "\n")
		return n
	}
	handshakes := func() string { return metric(`coapgw_sessions_opened_total{how="handshake"}`) }
	asks()
	require.Equal(t, "1", handshakes())
	require.Equal(t, exitOK, opens("gone"))
	require.Equal(t, exitFailure, opens("new"))
	require.Equal(t, "2", handshakes())
	// The one who is turned away hears of it before it is counted.
	require.Eventually(t, func() bool { return metric("coapgw_sessions_failed_total") != "0" }, patience, 10*time.Millisecond)
	assert.Equal(t, "1", metric("coapgw_sessions_failed_total"), "somebody is turned away")
	assert.NotContains(t, serve.log.String(), "level=DEBUG")

	write(t, at("keys"), "stays:"+other+"\nnew:"+later+"\n")
	write(t, at("serve.yaml"), options+"log-level: debug\nstop-timeout: 7s\n")
	serve.reload(t, "msg=reloaded")
	assert.Contains(t, serve.log.String(), "options=stop-timeout")
	asks()
	assert.Equal(t, "2", handshakes(), "the session goes on, although its key is gone")
	assert.Equal(t, exitFailure, opens("gone"))
	assert.Equal(t, exitOK, opens("stays"))
	assert.Equal(t, exitOK, opens("new"))
	assert.Contains(t, serve.log.String(), "level=DEBUG")

	// What is wrong changes nothing.
	write(t, at("keys"), "new:"+later+"\nstays")
	serve.reload(t, "not all was reloaded")
	serve.reload(t, "not all was reloaded") // is told again
	assert.Equal(t, exitOK, opens("stays"))
	for _, slip := range []string{"log-leve: info", "log-level: loud", "rate: -1", "max-body: 0"} {
		write(t, at("serve.yaml"), options+slip+"\n")
		serve.reload(t, "not reloaded: the options are wrong")
	}
	write(t, at("serve.yaml"), options+"log-level: debug\nstop-timeout: 7s\n")
	write(t, at("keys"), "# nobody\n")
	serve.reload(t, "nobody can connect by PSK")
	asks()
	assert.NotContains(t, serve.log.String(), later)
}

// TestReloadCertificates: a renewed certificate is shown to whoever comes next, by serve as
// well as by the HTTPS of connect.
func TestReloadCertificates(t *testing.T) {
	homeserver := httptest.NewServer(fakehs.New(fakehs.Config{}))
	defer homeserver.Close()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	made := func(name string) string {
		r := coapgw(t, "", "keygen", "cert", "--cert", at(name+".pem"), "--key", at(name+".key"))
		require.Equal(t, exitOK, r.code, r.err)
		return strings.TrimSpace(strings.TrimPrefix(r.err, "fingerprint "))
	}
	first, second := made("shown"), made("next")
	serve := spawn(t, "serve", "--listen", "127.0.0.1:0", "--homeserver", homeserver.URL, "--cert", at("shown.pem"), "--key", at("shown.key"))
	opens := func(fingerprint string) int {
		return coapgw(t, "", "request", "--server", serve.address, "--fingerprint", fingerprint, "GET", "/_matrix/client/versions").code
	}
	require.Equal(t, exitOK, opens(first))
	require.Equal(t, exitFailure, opens(second))
	for _, kind := range []string{".pem", ".key"} {
		require.NoError(t, os.Rename(at("next"+kind), at("shown"+kind)))
	}
	serve.reload(t, "msg=reloaded")
	assert.Equal(t, exitOK, opens(second))
	assert.Equal(t, exitFailure, opens(first))
}

// TestEarlyHangup: a signal from before the program serves is heeded when it does.
func TestEarlyHangup(t *testing.T) {
	signals := hangups()
	defer signal.Stop(signals)
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	applied := make(chan struct{}, 1)
	r := &reloader{
		signals: signals, log: slog.New(slog.DiscardHandler), read: parseAgain([]string{"serve"}),
		apply: func(*commands) error {
			applied <- struct{}{}
			return nil
		},
	}
	stop, err := r.heed(t.Context())
	require.NoError(t, err)
	<-applied
	stop()
}

// TestReloadPairing: connect goes on with its session when it is given another key, and uses
// that for the next one, which a person may ask for.
func TestReloadPairing(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	homeserver := httptest.NewServer(fakehs.New(fakehs.Config{}))
	defer homeserver.Close()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	const first, second = "00112233445566778899aabbccddeeff", "ff112233445566778899aabbccddeeff"
	write(t, at("keys"), "first:"+first+"\nsecond:"+second+"\n")
	write(t, at("key"), first)
	serve := launch(t, "serve", "--listen", "127.0.0.1:0", "--homeserver", homeserver.URL, "--psk-file", at("keys"), "--status-listen", "127.0.0.1:0")
	options := "listen: 127.0.0.1:0\nstatus-listen: 127.0.0.1:0\nchatter: full\nserver: " + serve.address + "\npsk-key-file: " + at("key") + "\n"
	write(t, at("connect.yaml"), options+"psk-identity: first\n")
	connect := spawn(t, "connect", "--config", at("connect.yaml"))
	identities := func() (found []string) {
		code, text := do(t, "GET", connect.address+"/_matrix/client/versions", "", "")
		require.Equal(t, http.StatusOK, code, text)
		_, text = do(t, "GET", serve.page(t)+"/status.json", "", "")
		var v status.View
		require.NoError(t, json.Unmarshal([]byte(text), &v))
		for _, s := range v.Sessions {
			found = append(found, s.Identity)
		}
		return found
	}
	require.Equal(t, []string{"first"}, identities())

	write(t, at("key"), second)
	write(t, at("connect.yaml"), options+"psk-identity: second\n")
	connect.reload(t, "msg=reloaded")
	assert.Equal(t, []string{"first"}, identities())

	page := connect.page(t)
	_, text := do(t, "GET", page+"/", "", "")
	form := regexp.MustCompile(`name="form" value="(\w+)"`).FindStringSubmatch(text)
	require.NotNil(t, form)
	res, err := http.PostForm(page+"/actions/rehandshake", url.Values{"form": {form[1]}})
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)
	assert.Contains(t, identities(), "second")
}

// TestTraceSignal: SIGUSR1 has events written, and no longer; they tell nothing of content.
func TestTraceSignal(t *testing.T) {
	homeserver := httptest.NewServer(fakehs.New(fakehs.Config{}))
	defer homeserver.Close()
	file := filepath.Join(t.TempDir(), "events")
	serve := spawn(t, "serve", "--listen", "127.0.0.1:0", "--homeserver", homeserver.URL, "--plain-insecure", "--trace-file", file)
	ask := func() {
		coapgw(t, "", "request", "--plain-insecure", "--token", "topsecrettoken", "GET", serve.address+"/_matrix/client/v3/account/whoami")
	}
	toggle := func(want string) {
		require.NoError(t, serve.cmd.Process.Signal(syscall.SIGUSR1))
		require.Eventually(t, func() bool { return strings.Contains(serve.log.String(), want) }, patience, 10*time.Millisecond)
	}
	ask()
	toggle("events of sessions are written")
	ask()
	toggle("no longer written")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Contains(t, string(text), "received")
	assert.NotContains(t, string(text), "whoami")
	assert.NotContains(t, string(text), "topsecret")
	ask()
	after, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, text, after)
}

// TestReloadLimits: other limits hold for the next request of a session that is open.
func TestReloadLimits(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	homeserver := httptest.NewServer(fakehs.New(fakehs.Config{}))
	defer homeserver.Close()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	const key = "00112233445566778899aabbccddeeff"
	write(t, at("keys"), "boat:"+key+"\n")
	write(t, at("boat.key"), key)
	options := "listen: 127.0.0.1:0\nhomeserver: " + homeserver.URL + "\npsk-file: " + at("keys") + "\nstate: " + at("state") + "\n" // so that a reset tells connect that its session has ended
	write(t, at("serve.yaml"), options)
	serve := spawn(t, "serve", "--config", at("serve.yaml"))
	connect := launch(t, "connect", "--listen", "127.0.0.1:0", "--status-listen=", "--chatter", "full",
		"--server", serve.address, "--psk-identity", "boat", "--psk-key-file", at("boat.key"))
	ask := func() int {
		code, _ := do(t, "GET", connect.address+"/_matrix/client/versions", "", "")
		return code
	}
	for range 5 {
		require.Equal(t, http.StatusOK, ask())
	}
	write(t, at("serve.yaml"), options+"rate: 0.001\nburst: 1\n")
	serve.reload(t, "msg=reloaded")
	codes := map[int]int{}
	for range 4 {
		codes[ask()]++
	}
	assert.GreaterOrEqual(t, codes[http.StatusTooManyRequests], 3, "%v", codes)
	write(t, at("serve.yaml"), options+"rate: 0\n")
	serve.reload(t, "msg=reloaded")
	assert.Equal(t, http.StatusOK, ask())

	upload := func() int {
		code, _ := do(t, "POST", connect.address+"/_matrix/media/v3/upload", "", strings.Repeat("x", 3000))
		return code
	}
	require.Equal(t, http.StatusUnauthorized, upload(), "of nobody, but it arrives")
	write(t, at("serve.yaml"), options+"rate: 0\nmax-body: 2000\n")
	serve.reload(t, "msg=reloaded")
	assert.Equal(t, http.StatusRequestEntityTooLarge, upload())

	// The session of connect is idle from now on.
	write(t, at("serve.yaml"), options+"rate: 0\nidle-lifetime: 1s\nlog-level: debug\n")
	require.NotContains(t, serve.log.String(), "session ends")
	serve.reload(t, "msg=reloaded")
	require.Eventually(t, func() bool { return strings.Contains(serve.log.String(), "session ends") }, patience, 10*time.Millisecond)
	assert.Equal(t, http.StatusOK, ask(), "on another one")
}

// TestReloadPageToken: another token opens the page from then on, and the one from before,
// which may be known, does not.
func TestReloadPageToken(t *testing.T) {
	homeserver := httptest.NewServer(fakehs.New(fakehs.Config{}))
	defer homeserver.Close()
	file := filepath.Join(t.TempDir(), "token")
	write(t, file, "first-token-of-the-page\n")
	serve := spawn(t, "serve", "--listen", "127.0.0.1:0", "--homeserver", homeserver.URL, "--plain-insecure",
		"--status-listen", "127.0.0.1:0", "--status-token-file", file)
	page := serve.page(t)
	ask := func(token string) int {
		code, _ := do(t, "GET", page+"/status.json", token, "")
		return code
	}
	require.Equal(t, http.StatusOK, ask("first-token-of-the-page"))
	write(t, file, "short\n")
	serve.reload(t, "not all was reloaded")
	require.Equal(t, http.StatusOK, ask("first-token-of-the-page"))
	write(t, file, "second-token-of-the-page\n")
	serve.reload(t, "msg=reloaded")
	assert.Equal(t, http.StatusOK, ask("second-token-of-the-page"))
	assert.Equal(t, http.StatusUnauthorized, ask("first-token-of-the-page"))
	assert.Equal(t, http.StatusUnauthorized, ask(""))
}

// TestReloadHomeserverCA: a homeserver whose certificate another authority has signed is
// reached without a restart.
func TestReloadHomeserverCA(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	homeserver := httptest.NewTLSServer(fakehs.New(fakehs.Config{ServerName: "hs.example"}))
	defer homeserver.Close()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	ca := coapgw(t, "", "keygen", "ca", "--cert", at("ca.pem"), "--key", at("ca.key"))
	require.Equal(t, exitOK, ca.code, ca.err)
	options := []string{"--listen", "127.0.0.1:0", "--homeserver", homeserver.URL, "--homeserver-ca", at("ca.pem"), "--plain-insecure"}
	serve := spawn(t, append([]string{"serve", "--status-listen", "127.0.0.1:0"}, options...)...)
	page := serve.page(t)
	ask := func() int {
		return coapgw(t, "", "request", "--plain-insecure", "GET", serve.address+"/_matrix/client/versions").code
	}
	require.Equal(t, exitFailure, ask())
	checked := coapgw(t, "", append([]string{"check", "serve"}, options...)...)
	assert.Contains(t, checked.out, "WRONG  homeserver")
	write(t, at("ca.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: homeserver.Certificate().Raw})))
	serve.reload(t, "msg=reloaded")
	assert.Equal(t, exitOK, ask())
	code, text := do(t, "GET", page+"/readyz", "", "")
	assert.Equal(t, http.StatusOK, code, text)
	checked = coapgw(t, "", append([]string{"check", "serve"}, options...)...)
	assert.Contains(t, checked.out, "ok     homeserver:")
	assert.Contains(t, checked.out, "ok     homeserver-ca:")
	require.Eventually(t, func() bool { return strings.Contains(serve.log.String(), "name=hs.example") }, patience, 10*time.Millisecond, "its name is asked for again")
}

// TestReloadStations: another station counts after a restart alone, and the log says so.
func TestReloadStations(t *testing.T) {
	homeserver := httptest.NewServer(fakehs.New(fakehs.Config{}))
	defer homeserver.Close()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write(t, at("token"), "syt_token\n")
	station := func(call string) {
		r := coapgw(t, "", "keygen", "station", "--token-file", at("token"), "--stations", at("stations"), "--station-key-file", at(call), "--call", call)
		require.Equal(t, exitOK, r.code, r.err)
	}
	station("OE1XYZ-7")
	serve := spawn(t, "serve", "--listen", "127.0.0.1:0", "--homeserver", homeserver.URL, "--link-security", "integrity", "--stations", at("stations"))
	serve.reload(t, "msg=reloaded")
	station("OE1XYZ-8")
	serve.reload(t, "--stations: what changed counts after a restart")
	write(t, at("stations"), "nonsense\n")
	serve.reload(t, "not all was reloaded")
}
