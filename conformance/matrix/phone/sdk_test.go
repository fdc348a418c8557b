package phone

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"

	"github.com/coapgw/coapgw/conformance/ashore"
	"github.com/coapgw/coapgw/conformance/matrix/jssdk"
	"github.com/coapgw/coapgw/internal/fakehs"
	"github.com/coapgw/coapgw/mobile"
)

// deadline is a safety net.
const deadline = 5 * time.Minute

// serve runs serve's side of a pair in front of a homeserver until the test ends, and returns
// the pairing line.
func serve(t *testing.T) string {
	homeserver := httptest.NewServer(fakehs.New(fakehs.Config{ServerName: ashore.Name, BaseURL: "https://ship.example"}))
	t.Cleanup(homeserver.Close)
	far, err := ashore.Open(ashore.Options{Homeserver: homeserver.URL, Name: ashore.Name})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, far.Close()) })
	return far.Pairing
}

// app is a gateway that listens for an SDK at base.
func app(t *testing.T, line string) (g *mobile.Gateway, base string) {
	config := mobile.NewConfig()
	config.StateDir = t.TempDir()
	g, err := mobile.Open(line, config)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, g.Close()) })
	base, err = g.Start()
	require.NoError(t, err)
	return g, base
}

// TestSDKs: matrix-js-sdk and mautrix keep the path of the URL that they are given, through login
// and discovery, and are none the wiser for a sleep: the one writes, the other reads.
func TestSDKs(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	line := serve(t)
	hers, herBase := app(t, line)
	his, hisBase := app(t, line)

	he, err := mautrix.NewClient(hisBase, "", "")
	require.NoError(t, err)
	for _, name := range []string{"her", "his"} {
		registered, _, err := he.Register(ctx, &mautrix.ReqRegister[any]{Username: name, Password: "secret", Auth: map[string]any{"type": "m.login.dummy"}})
		require.NoError(t, err)
		require.NotEmpty(t, registered.UserID)
	}
	_, err = he.Login(ctx, &mautrix.ReqLogin{
		Type: mautrix.AuthTypePassword, Identifier: mautrix.UserIdentifier{Type: mautrix.IdentifierTypeUser, User: "his"}, Password: "secret",
		StoreCredentials: true, StoreHomeserverURL: true, // as discovery has it
	})
	require.NoError(t, err)
	assert.Equal(t, hisBase, he.HomeserverURL.String())

	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	program, err := jssdk.Install(ctx, "../../jssdk", filepath.Join(root, ".build"))
	require.NoError(t, err)
	heard := make(chan jssdk.Message, 16)
	logs := filepath.Join(t.TempDir(), "log")
	she, err := jssdk.Start(jssdk.Config{
		Dir: program, LogPath: logs,
		Message: func(m jssdk.Message) { heard <- m }, Trouble: func(text string) { t.Log("trouble: " + text) },
		Undecrypted: func(text string) { t.Log("undecrypted: " + text) },
	})
	require.NoError(t, err)
	defer func() {
		assert.NoError(t, she.Stop())
		if b, err := os.ReadFile(logs); err == nil && t.Failed() {
			t.Logf("%s", b)
		}
	}()
	_, err = she.Login(ctx, herBase, "her", "secret")
	require.NoError(t, err)

	room, err := he.CreateRoom(ctx, &mautrix.ReqCreateRoom{Preset: "public_chat"})
	require.NoError(t, err)
	require.NoError(t, she.Join(ctx, room.RoomID.String()))
	for _, text := range []string{"ahoy", "after the sleep"} {
		_, err := he.SendMessageEvent(ctx, room.RoomID, event.EventMessage, map[string]any{"msgtype": "m.text", "body": text})
		require.NoError(t, err)
		select {
		case m := <-heard:
			assert.Equal(t, text, m.Text)
		case <-ctx.Done():
			require.FailNow(t, "nothing came", text)
		}
		for _, g := range []*mobile.Gateway{hers, his} {
			require.NoError(t, g.Suspend(1000))
			require.NoError(t, g.Resume())
		}
	}
	for _, g := range []*mobile.Gateway{hers, his} {
		assert.EqualValues(t, 1, g.Status().Handshakes)
	}
}
