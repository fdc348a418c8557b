//go:build !clientonly

package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/fakehs"
)

// postJSON posts a body and returns status and answer.
func postJSON(t *testing.T, target, body string) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(text)
}

// TestStation takes a station from keygen to a login, with sessions in a file.
func TestStation(t *testing.T) {
	homeserver := httptest.NewServer(fakehs.New(fakehs.Config{}))
	defer homeserver.Close()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	_, account := postJSON(t, homeserver.URL+"/_matrix/client/v3/register", `{"username":"radio","password":"x","auth":{"type":"m.login.dummy"}}`)
	_, token, _ := strings.Cut(account, `"access_token":"`)
	token, _, _ = strings.Cut(token, `"`)
	require.NoError(t, os.WriteFile(at("token"), []byte(token+"\n"), 0o600))

	args := []string{"keygen", "station", "--token-file", at("token"), "--stations", at("stations"), "--station-key-file", at("key")}
	bad := coapgw(t, "", append(args, "--call", "oe1xyz")...)
	require.Equal(t, exitFailure, bad.code)
	require.NoFileExists(t, at("key"))
	made := coapgw(t, "", append(args, "--call", "OE1XYZ-7")...)
	require.Equal(t, exitOK, made.code, made.err)
	password := strings.TrimSpace(strings.TrimPrefix(made.out, "password "))

	server := start(t, "serve", "--listen", "127.0.0.1:0", "--homeserver", homeserver.URL, "--link-security", "integrity",
		"--stations", at("stations"), "--state", at("serve.state"), "--log-level", "error")
	require.True(t, strings.HasPrefix(server, "coap+integrity://"), server)
	client := start(t, "connect", "--listen", "127.0.0.1:0", "--link-security", "integrity", "--station", "OE1XYZ-7",
		"--station-key-file", at("key"), "--server", server, "--state", at("connect.state"), "--outbox", "--log-level", "error")

	login := func(password string) (int, string) {
		return postJSON(t, client+"/_matrix/client/v3/login", `{"type":"m.login.password","identifier":{"type":"m.id.user","user":"@radio:localhost"},"password":"`+password+`"}`)
	}
	status, _ := login("x")
	assert.Equal(t, http.StatusForbidden, status, "the homeserver's password is none here")
	status, answer := login(password)
	require.Equal(t, http.StatusOK, status, answer)
	assert.Contains(t, answer, `"user_id":"@radio:localhost"`)
	assert.NotContains(t, answer, token)

	// A message goes through the outbox, where no request bears a token of the homeserver.
	_, local, _ := strings.Cut(answer, `"access_token":"`)
	local, _, _ = strings.Cut(local, `"`)
	code, room := do(t, "POST", homeserver.URL+"/_matrix/client/v3/createRoom", token, `{}`)
	require.Equal(t, http.StatusOK, code, room)
	_, id, _ := strings.Cut(room, `"room_id":"`)
	id, _, _ = strings.Cut(id, `"`)
	send := client + "/_matrix/client/v3/rooms/" + id + "/send/m.room.message/1"
	code, first := do(t, "PUT", send, local, `{"msgtype":"m.text","body":"cq"}`)
	require.Equal(t, http.StatusOK, code, first)
	code, again := do(t, "PUT", send, local, `{"msgtype":"m.text","body":"cq"}`)
	require.Equal(t, http.StatusOK, code, again)
	assert.Equal(t, first, again)
}
