package matrix

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"maunium.net/go/mautrix"
)

func TestAccount(t *testing.T) {
	eachRoute(t, func(t *testing.T, r route) {
		ctx := scenarioContext(t)
		alice := newUser(ctx, t, r, "alice")

		versions, err := alice.Versions(ctx)
		require.NoError(t, err)
		require.NotEmpty(t, versions.Versions)

		flows, err := newClient(t, r).GetLoginFlows(ctx)
		require.NoError(t, err)
		require.True(t, flows.HasFlow(mautrix.AuthTypePassword))

		phone := newClient(t, r)
		login, err := phone.Login(ctx, &mautrix.ReqLogin{
			Type:                     mautrix.AuthTypePassword,
			Identifier:               mautrix.UserIdentifier{Type: mautrix.IdentifierTypeUser, User: alice.UserID.Localpart()},
			Password:                 password,
			InitialDeviceDisplayName: "Wheelhouse ⚓ \"1\"",
			StoreCredentials:         true,
		})
		require.NoError(t, err)
		require.NotEqual(t, alice.AccessToken, login.AccessToken)
		require.NotEqual(t, alice.DeviceID, login.DeviceID)

		// Two tokens on one way: each request counts for the token it carries.
		for _, client := range []*mautrix.Client{phone, alice.Client, phone} {
			who, err := client.Whoami(ctx)
			require.NoError(t, err)
			require.Equal(t, alice.UserID, who.UserID)
			require.Equal(t, client.DeviceID, who.DeviceID)
		}
		devices, err := alice.GetDevicesInfo(ctx)
		require.NoError(t, err)
		require.Len(t, devices.Devices, 2)
		device, err := alice.GetDeviceInfo(ctx, login.DeviceID)
		require.NoError(t, err)
		require.Equal(t, "Wheelhouse ⚓ \"1\"", device.DisplayName)

		_, err = phone.Logout(ctx)
		require.NoError(t, err)
		phone.AccessToken = login.AccessToken
		_, err = phone.Whoami(ctx)
		requireError(t, err, http.StatusUnauthorized, mautrix.MUnknownToken)
		who, err := alice.Whoami(ctx)
		require.NoError(t, err, "the other device stays logged in")
		require.Equal(t, alice.DeviceID, who.DeviceID)
	})
}

func TestProfile(t *testing.T) {
	eachRoute(t, func(t *testing.T, r route) {
		ctx := scenarioContext(t)
		alice, bob := newUser(ctx, t, r, "alice"), newUser(ctx, t, r, "bob")

		const name = "Alice \u00c5 \U0001f6a2 \"<&>\" \\"
		require.NoError(t, alice.SetDisplayName(ctx, name))
		got, err := bob.GetDisplayName(ctx, alice.UserID)
		require.NoError(t, err)
		require.Equal(t, name, got.DisplayName)
		profile, err := bob.GetProfile(ctx, alice.UserID)
		require.NoError(t, err)
		require.Equal(t, name, profile.DisplayName)

		_, err = bob.GetProfile(ctx, "@nobody:localhost")
		requireError(t, err, http.StatusNotFound, mautrix.MNotFound)
	})
}

func TestAccountData(t *testing.T) {
	eachRoute(t, func(t *testing.T, r route) {
		ctx := scenarioContext(t)
		alice := newUser(ctx, t, r, "alice")

		for _, kind := range []string{"org.example.plain", "org.example.a b%2Fc", "org.example.ü#?"} {
			want := map[string]any{"kind": kind, "": "empty key", "8": "numeric key", "nested": map[string]any{"on": true, "none": nil}}
			require.NoError(t, alice.SetAccountData(ctx, kind, want))
			var got map[string]any
			require.NoError(t, alice.GetAccountData(ctx, kind, &got))
			require.Equal(t, want, got)
		}
		var none map[string]any
		requireError(t, alice.GetAccountData(ctx, "org.example.none", &none), http.StatusNotFound, mautrix.MNotFound)
	})
}

func TestErrors(t *testing.T) {
	eachRoute(t, func(t *testing.T, r route) {
		ctx := scenarioContext(t)
		alice := newUser(ctx, t, r, "alice")

		stranger := newClient(t, r)
		_, err := stranger.Whoami(ctx)
		requireError(t, err, http.StatusUnauthorized, mautrix.MMissingToken)
		stranger.AccessToken = "wrong"
		_, err = stranger.Whoami(ctx)
		requireError(t, err, http.StatusUnauthorized, mautrix.MUnknownToken)

		private, err := newUser(ctx, t, r, "bob").CreateRoom(ctx, &mautrix.ReqCreateRoom{Preset: "private_chat"})
		require.NoError(t, err)
		_, err = alice.SendText(ctx, private.RoomID, "may I come in?")
		requireError(t, err, http.StatusForbidden, mautrix.MForbidden)
		_, err = alice.ResolveAlias(ctx, "#nowhere:localhost")
		requireError(t, err, http.StatusNotFound, mautrix.MNotFound)
		_, err = newClient(t, r).Login(ctx, &mautrix.ReqLogin{
			Type:       mautrix.AuthTypePassword,
			Identifier: mautrix.UserIdentifier{Type: mautrix.IdentifierTypeUser, User: alice.UserID.Localpart()},
			Password:   "guess",
		})
		requireError(t, err, http.StatusForbidden, mautrix.MForbidden)
	})
}

// requireError demands a Matrix error with an exact status and errcode.
func requireError(t *testing.T, err error, status int, code mautrix.RespError) {
	t.Helper()
	var httpErr mautrix.HTTPError
	require.ErrorAs(t, err, &httpErr)
	require.NotNil(t, httpErr.RespError, "no Matrix error: %v", err)
	require.Equal(t, code.ErrCode, httpErr.RespError.ErrCode)
	require.Equal(t, status, httpErr.Response.StatusCode)
}
