package main

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/coapgw/coapgw/conformance/ashore"
	"github.com/coapgw/coapgw/conformance/matrix/homeserver"
)

// TestBot: behind the link the bot is invited, joins and answers, on a real homeserver.
func TestBot(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute) // a cold build of Dendrite
	defer cancel()
	executable, err := homeserver.Build(ctx, "../../dendrite")
	require.NoError(t, err)
	hs, err := homeserver.Start(ctx, executable, t.TempDir())
	require.NoError(t, err)
	defer func() { assert.NoError(t, hs.Stop()) }()
	alice, bot := register(ctx, t, hs.URL(), "alice"), register(ctx, t, hs.URL(), "bot")
	far, err := ashore.Open(ashore.Options{Homeserver: hs.URL(), Name: bot.UserID.Homeserver()})
	require.NoError(t, err)
	defer func() { assert.NoError(t, far.Close()) }()

	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- run(running, far.Pairing, bot.UserID, bot.AccessToken) }()
	defer func() {
		stop()
		assert.ErrorIs(t, <-ended, context.Canceled)
	}()

	room, err := alice.CreateRoom(ctx, &mautrix.ReqCreateRoom{Preset: "private_chat", Invite: []id.UserID{bot.UserID}})
	require.NoError(t, err)
	joined, ponged := make(chan struct{}, 1), make(chan struct{}, 1)
	syncer := alice.Syncer.(*mautrix.DefaultSyncer)
	syncer.OnEventType(event.StateMember, func(_ context.Context, e *event.Event) {
		if e.GetStateKey() == bot.UserID.String() && e.Content.AsMember().Membership == event.MembershipJoin {
			joined <- struct{}{}
		}
	})
	syncer.OnEventType(event.EventMessage, func(_ context.Context, e *event.Event) {
		if e.Sender == bot.UserID && e.Content.AsMessage().Body == "pong" {
			ponged <- struct{}{}
		}
	})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		assert.ErrorIs(t, alice.SyncWithContext(running), context.Canceled)
	}()
	defer func() {
		stop()
		<-watched
	}()
	await(t, joined, watched)
	_, err = alice.SendText(ctx, room.RoomID, "!ping")
	require.NoError(t, err)
	await(t, ponged, watched)
}

// await waits for what has to come.
func await(t *testing.T, what <-chan struct{}, watched <-chan struct{}) {
	t.Helper()
	select {
	case <-what:
	case <-watched:
		t.Fatal("nobody watches any more")
	}
}

// register makes an account, without the gateway.
func register(ctx context.Context, t *testing.T, homeserver, name string) *mautrix.Client {
	t.Helper()
	c, err := mautrix.NewClient(homeserver, "", "")
	require.NoError(t, err)
	resp, err := c.RegisterDummy(ctx, &mautrix.ReqRegister[any]{Username: name, Password: "correct horse"})
	require.NoError(t, err)
	c.UserID, c.AccessToken, c.DeviceID = resp.UserID, resp.AccessToken, resp.DeviceID
	return c
}
