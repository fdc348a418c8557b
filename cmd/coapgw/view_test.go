//go:build !clientonly

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/internal/config"
	"github.com/coapgw/coapgw/internal/fakehs"
	"github.com/coapgw/coapgw/internal/status"
)

// logged is what a program writes to its log; it may be read meanwhile.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// ended is a running command.
type ended struct {
	address string
	log     *logged
	stop    func()
}

// launch runs a command until stop is called, or the test ends.
func launch(t *testing.T, args ...string) *ended {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, w := io.Pipe()
	code := make(chan int, 1)
	e := &ended{log: &logged{}}
	go func() {
		c := run(ctx, args, streams{in: strings.NewReader(""), out: w, err: e.log})
		w.CloseWithError(io.ErrUnexpectedEOF)
		code <- c
	}()
	e.stop = sync.OnceFunc(func() {
		cancel()
		assert.Equal(t, exitOK, <-code, e.log.String())
	})
	t.Cleanup(e.stop)
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, e.log)
	go func() { _, _ = io.Copy(io.Discard, out) }()
	e.address = strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
	return e
}

var pageLine = regexp.MustCompile(`msg="status page" url=(\S+)`)

// page is where the status page of the command is, as its log says.
func (e *ended) page(t *testing.T) string {
	t.Helper()
	var found []string
	require.Eventually(t, func() bool {
		found = pageLine.FindStringSubmatch(e.log.String())
		return found != nil
	}, patience, 10*time.Millisecond)
	return strings.TrimSuffix(found[1], "/")
}

// do makes a request and returns status and body of its answer.
func do(t *testing.T, method, url, token, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	require.NoError(t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(text)
}

// TestWhatOperatorsSee runs a pair with everything on at its most talkative: pages, metrics
// and probes of both ends are there and tell of what went over the link, and neither they nor
// logs nor events hold a token, a password, a key or what was written.
func TestWhatOperatorsSee(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	homeserver := httptest.NewServer(fakehs.New(fakehs.Config{}))
	defer homeserver.Close()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	require.Equal(t, exitOK, coapgw(t, "", "keygen", "psk", "--psk-file", at("keys")).code)
	line, err := os.ReadFile(at("keys"))
	require.NoError(t, err)
	identity, key, _ := strings.Cut(strings.TrimSpace(string(line)), ":")
	const pageSecret = "the-token-of-the-page-itself"
	require.NoError(t, os.WriteFile(at("psk.key"), []byte(key), 0o600))
	require.NoError(t, os.WriteFile(at("token"), []byte(pageSecret+"\n"), 0o600))

	serve := launch(t, "serve", "--listen", "127.0.0.1:0", "--homeserver", homeserver.URL, "--psk-file", at("keys"),
		"--state", at("serve.state"), "--status-listen", "127.0.0.1:0", "--status-token-file", at("token"), "--log-level", "debug")
	connect := launch(t, "connect", "--listen", "127.0.0.1:0", "--server", serve.address, "--psk-identity", identity, "--psk-key-file", at("psk.key"),
		"--state", at("connect.state"), "--outbox", "--status-listen", "127.0.0.1:0", "--log-level", "debug")

	const password, written = "correct-horse-battery", "nobody-else-shall-read-this"
	code, text := do(t, "POST", connect.address+"/_matrix/client/v3/register?kind=user", "",
		`{"username":"alice","password":"`+password+`","auth":{"type":"m.login.dummy"}}`)
	require.Equal(t, http.StatusOK, code, text)
	var login struct {
		AccessToken string `json:"access_token"`
	}
	require.NoError(t, json.Unmarshal([]byte(text), &login))
	code, text = do(t, "POST", connect.address+"/_matrix/client/v3/createRoom", login.AccessToken, `{}`)
	require.Equal(t, http.StatusOK, code, text)
	var room struct {
		ID string `json:"room_id"`
	}
	require.NoError(t, json.Unmarshal([]byte(text), &room))
	send := connect.address + "/_matrix/client/v3/rooms/" + room.ID + "/send/m.room.message/once"
	code, text = do(t, "PUT", send, login.AccessToken, `{"msgtype":"m.text","body":"`+written+`"}`)
	require.Equal(t, http.StatusOK, code, text)
	code, _ = do(t, "GET", connect.address+"/_matrix/client/v3/sync?timeout=0", login.AccessToken+"-wrong", "")
	require.Equal(t, http.StatusUnauthorized, code)

	nearPage, farPage := connect.page(t), serve.page(t)
	code, _ = do(t, "GET", farPage+"/status.json", "", "")
	assert.Equal(t, http.StatusUnauthorized, code, "this one asks for a token")
	seen := map[string]string{}
	for _, path := range []string{"/", "/status.json", "/metrics", "/healthz", "/readyz"} {
		for name, base := range map[string]string{"connect": nearPage, "serve": farPage} {
			code, text := do(t, "GET", base+path, pageSecret, "")
			require.Equal(t, http.StatusOK, code, name+path+text)
			seen[name+path] = text
		}
	}
	var near, far status.View
	require.NoError(t, json.Unmarshal([]byte(seen["connect/status.json"]), &near))
	require.NoError(t, json.Unmarshal([]byte(seen["serve/status.json"]), &far))
	assert.EqualValues(t, 4, near.Today.Requests)
	assert.Positive(t, near.Today.Up.Bytes)
	assert.Positive(t, near.Today.OutsideUp.Bytes, "it has shaken hands")
	assert.Equal(t, near.Today.OutsideUp, far.Today.OutsideUp)
	assert.Equal(t, near.Today.OutsideDown, far.Today.OutsideDown)
	assert.NotNil(t, near.Outbox)
	assert.Nil(t, far.Outbox)
	require.Len(t, far.Sessions, 1)
	assert.Equal(t, identity, far.Sessions[0].Identity)
	assert.Contains(t, seen["connect/metrics"], `coapgw_http_requests_total{method="PUT",route="/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}",status="2xx"} 1`)
	assert.Contains(t, seen["serve/metrics"], `coapgw_homeserver_response_seconds_count{status="2xx"}`)
	assert.Contains(t, seen["connect/metrics"], "coapgw_outbox_requests 0")
	for _, action := range []string{"/actions/flush", "/actions/rehandshake"} {
		assert.Contains(t, seen["connect/"], action)
		assert.NotContains(t, seen["serve/"], action)
	}

	// What goes wrong is told without secrets, too.
	homeserver.CloseClientConnections()
	homeserver.Close()
	code, _ = do(t, "GET", connect.address+"/_matrix/client/v3/account/whoami?access_token="+login.AccessToken, login.AccessToken, "")
	require.Equal(t, http.StatusBadGateway, code)
	for _, path := range []string{"/", "/status.json", "/metrics"} {
		for name, base := range map[string]string{"connect": nearPage, "serve": farPage} {
			_, text := do(t, "GET", base+path, pageSecret, "")
			seen[name+path+" later"] = text
		}
	}
	require.NoError(t, json.Unmarshal([]byte(seen["serve/status.json later"]), &far))
	require.NotEmpty(t, far.Problems)

	connect.stop()
	serve.stop()
	seen["connect's log"], seen["serve's log"] = connect.log.String(), serve.log.String()
	for where, text := range seen {
		require.NotEmpty(t, text, where)
		for what, secret := range map[string]string{
			"access token": login.AccessToken, "password": password, "message": written, "key": key, "page's token": pageSecret,
		} {
			assert.NotContains(t, text, secret, "%s in %s", what, where)
		}
	}
}

// TestAnswersOutliveServe: a transaction that was executed is not executed again after serve
// was restarted, be the homeserver as forgetful as it may.
func TestAnswersOutliveServe(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	var executed int
	homeserver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodPut {
			executed++
		}
		_, _ = io.WriteString(w, `{"event_id":"$once"}`)
	}))
	defer homeserver.Close()
	state := filepath.Join(t.TempDir(), "state")
	for range 2 {
		serve := launch(t, "serve", "--listen", "127.0.0.1:0", "--homeserver", homeserver.URL, "--plain-insecure", "--state", state, "--stop-timeout", "1s", "--server-name", "hs")
		r := coapgw(t, "", "request", "--plain-insecure", "--token", "token", "PUT", serve.address+"/_matrix/client/v3/rooms/!a:hs/send/m.room.message/1", "-d", `{"body":"x"}`)
		assert.Equal(t, exitOK, r.code, r.err)
		assert.JSONEq(t, `{"event_id":"$once"}`, r.out)
		serve.stop()
	}
	assert.Equal(t, 1, executed)
}

// TestTakenPage: a second connect on one machine goes without a page, but one that was asked
// for is needed.
func TestTakenPage(t *testing.T) {
	taken := httptest.NewServer(http.NotFoundHandler())
	defer taken.Close()
	r := coapgw(t, "", "connect", "--plain-insecure", "--listen", "127.0.0.1:0", "--server", "coap://127.0.0.1:1", "--status-listen", taken.Listener.Addr().String())
	assert.Equal(t, exitFailure, r.code)
	assert.Contains(t, r.err, "in use")

	log, err := newLog(config.Default().Log, streams{err: io.Discard})
	require.NoError(t, err)
	address := taken.Listener.Addr().String()
	v := newView(status.Connect, config.Page{Listen: address}, access{}, link.Default(), func() coap.Status { return coap.Status{} }, nil, nil, log)
	stop, err := v.start(t.Context(), v.taken(address))
	require.NoError(t, err)
	stop()
	require.Len(t, log.problems.List(), 1)
}

func TestShortPageToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("short"), 0o600))
	r := coapgw(t, "", "connect", "--plain-insecure", "--listen", "127.0.0.1:0", "--server", "coap://127.0.0.1:1", "--status-listen", "127.0.0.1:0", "--status-token-file", file)
	assert.Equal(t, exitFailure, r.code)
	assert.Contains(t, r.err, "16 characters")
	assert.NotContains(t, r.err, "short\"")
}
