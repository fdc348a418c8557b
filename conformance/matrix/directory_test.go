package matrix

import (
	"crypto/rand"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// Aliases and tags are made with PUT and removed with DELETE; their names are
// path segments.
func TestAliasesAndTags(t *testing.T) {
	eachRoute(t, func(t *testing.T, r route) {
		ctx := scenarioContext(t)
		alice, bob := newUser(ctx, t, r, "alice"), newUser(ctx, t, r, "bob")
		room := newRoom(ctx, t, alice, bob)

		alias := id.NewRoomAlias("skærgård/50%?"+strings.ToLower(rand.Text()), "localhost")
		_, err := alice.CreateAlias(ctx, alias, room)
		require.NoError(t, err)
		resolved, err := bob.ResolveAlias(ctx, alias)
		require.NoError(t, err)
		require.Equal(t, room, resolved.RoomID)
		_, err = alice.CreateAlias(ctx, alias, room)
		requireError(t, err, http.StatusConflict, mautrix.RespError{ErrCode: "M_UNKNOWN"})
		_, err = alice.DeleteAlias(ctx, alias)
		require.NoError(t, err)
		_, err = bob.ResolveAlias(ctx, alias)
		requireError(t, err, http.StatusNotFound, mautrix.MNotFound)

		const tag = event.RoomTag("u.Ahoi, 50%/#1")
		require.NoError(t, alice.AddTag(ctx, room, tag, 0.25))
		tags, err := alice.GetTags(ctx, room)
		require.NoError(t, err)
		require.Len(t, tags.Tags, 1)
		require.Equal(t, "0.25", tags.Tags[tag].Order.String())
		require.NoError(t, alice.RemoveTag(ctx, room, tag))
		tags, err = alice.GetTags(ctx, room)
		require.NoError(t, err)
		require.Empty(t, tags.Tags)
	})
}

func TestDiscovery(t *testing.T) {
	eachRoute(t, func(t *testing.T, r route) {
		ctx := scenarioContext(t)
		alice := newUser(ctx, t, r, "alice")

		versions, err := alice.Versions(ctx)
		require.NoError(t, err)
		require.NotEmpty(t, versions.Versions)
		require.Equal(t, r.name != "direct", versions.UnstableFeatures["org.matrix.msc3079.low_bandwidth"],
			"what the gateway adds is what tells a client of the proposal that it is there")
		capabilities, err := alice.Capabilities(ctx)
		require.NoError(t, err)
		require.NotEmpty(t, capabilities.RoomVersions.Available)
		media, err := alice.GetMediaConfig(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 32<<20, media.UploadSize)
		rules, err := alice.GetPushRules(ctx)
		require.NoError(t, err)
		require.NotEmpty(t, rules.Override)
	})
}
