package matrix

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

const (
	scenarioTimeout = 5 * time.Minute  // ends what hangs
	pollTimeout     = 20 * time.Second // of one long-poll
	password        = "correct horse battery staple"
)

// scenarioContext ends with the scenario or after its time limit.
func scenarioContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), scenarioTimeout)
	t.Cleanup(cancel)
	return ctx
}

// newClient returns a client on the route, logged in to nothing.
func newClient(t *testing.T, r route) *mautrix.Client {
	t.Helper()
	client, err := mautrix.NewClient(r.baseURL, "", "")
	require.NoError(t, err)
	client.Client = &http.Client{Transport: r.roundTripper(), Timeout: scenarioTimeout}
	client.StateStore = mautrix.NewMemoryStateStore()
	return client
}

// A user is a logged-in client and its place in the sync stream.
type user struct {
	*mautrix.Client
	since string
}

// newUser registers a user with a name that starts with prefix. All routes and
// scenarios share one homeserver, so the rest of the name is random.
func newUser(ctx context.Context, t *testing.T, r route, prefix string) *user {
	t.Helper()
	client := newClient(t, r)
	resp, err := client.RegisterDummy(ctx, &mautrix.ReqRegister[any]{
		Username: prefix + "_" + strings.ToLower(rand.Text()),
		Password: password,
	})
	require.NoError(t, err)
	require.NotEmpty(t, resp.AccessToken)
	client.UserID, client.DeviceID, client.AccessToken = resp.UserID, resp.DeviceID, resp.AccessToken
	return &user{Client: client}
}

// sync does one long-poll and moves the user's place in the stream.
func (u *user) sync(ctx context.Context, timeout time.Duration) (*mautrix.RespSync, error) {
	resp, err := u.FullSyncRequest(ctx, mautrix.ReqSync{
		Timeout: int(timeout.Milliseconds()),
		Since:   u.since,
	})
	if err != nil {
		return nil, err
	}
	u.since = resp.NextBatch
	return resp, nil
}

// catchUp reads the stream to its present end.
func (u *user) catchUp(ctx context.Context, t *testing.T) {
	t.Helper()
	for range 2 { // the second answer holds what the first was too early for
		_, err := u.sync(ctx, 0)
		require.NoError(t, err)
	}
}

// await reads the stream until found accepts a response or the scenario's time
// is over.
func (u *user) await(ctx context.Context, t *testing.T, what string, found func(*mautrix.RespSync) bool) {
	t.Helper()
	for {
		resp, err := u.sync(ctx, pollTimeout)
		require.NoErrorf(t, err, "waiting for %s", what)
		if found(resp) {
			return
		}
	}
}

// awaitEvent reads the stream until the timeline of the room holds the event.
func (u *user) awaitEvent(ctx context.Context, t *testing.T, room id.RoomID, eventID id.EventID) *event.Event {
	t.Helper()
	var match *event.Event
	u.await(ctx, t, "event "+eventID.String(), func(resp *mautrix.RespSync) bool {
		if joined := resp.Rooms.Join[room]; joined != nil {
			match = findEvent(joined.Timeline.Events, eventID)
		}
		return match != nil
	})
	require.NoError(t, match.Content.ParseRaw(match.Type))
	match.RoomID = room
	return match
}

func findEvent(events []*event.Event, eventID id.EventID) *event.Event {
	for _, evt := range events {
		if evt.ID == eventID {
			return evt
		}
	}
	return nil
}

// newRoom makes a private room of alice in which bob is, and brings the streams
// of both up to date.
func newRoom(ctx context.Context, t *testing.T, alice, bob *user, initial ...*event.Event) id.RoomID {
	t.Helper()
	created, err := alice.CreateRoom(ctx, &mautrix.ReqCreateRoom{
		Name: "Ship's mess", Preset: "private_chat", InitialState: initial,
	})
	require.NoError(t, err)
	_, err = alice.InviteUser(ctx, created.RoomID, &mautrix.ReqInviteUser{UserID: bob.UserID})
	require.NoError(t, err)
	bob.await(ctx, t, "the invite", func(resp *mautrix.RespSync) bool {
		return resp.Rooms.Invite[created.RoomID] != nil
	})
	joined, err := bob.JoinRoomByID(ctx, created.RoomID)
	require.NoError(t, err)
	require.Equal(t, created.RoomID, joined.RoomID)
	bob.await(ctx, t, "the room", func(resp *mautrix.RespSync) bool {
		return resp.Rooms.Join[created.RoomID] != nil
	})
	return created.RoomID
}
