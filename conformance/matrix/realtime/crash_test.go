package realtime

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/coapgw/coapgw/conformance/matrix/pair"
)

const (
	// crashProfile is a link on which a test need not wait for long.
	crashProfile = "geo-vsat"
	// crashDeadline is far more than the test takes.
	crashDeadline = 8 * time.Minute
	// quiet is how long nothing must have been on the link for it to be at rest: more than
	// a round trip, and what either end waits before it acknowledges.
	quiet = 4 * time.Second
)

// TestKilledWithRoomKey kills coapgw connect when it has acknowledged a room key that its
// client has not fetched yet. The homeserver has forgotten the key by then; the next life of
// connect has it from its store, and the client decrypts what it was for.
func TestKilledWithRoomKey(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), crashDeadline)
	defer cancel()
	w := openWay(ctx, t, "crash", crashProfile)
	w.stopConnect(t)
	state := filepath.Join(w.dir, "state")
	live := func(name string) {
		dir := filepath.Join(w.dir, name)
		require.NoError(t, os.MkdirAll(dir, 0o755))
		connect, err := pair.StartConnectThrough(ctx, bed.executable, dir, w.serve, w.relay, "--state", state)
		require.NoError(t, err)
		w.connect = connect
	}
	live("first")

	bob := newCryptoUser(ctx, t, register(ctx, t, "bob"))
	require.NoError(t, bob.shareKeys(ctx, 5))
	account := register(ctx, t, "alice")
	alice := newUser(t, w.connect.URL(), impatience)
	require.NoError(t, alice.login(ctx, account.UserID))
	reader := newCryptoUser(ctx, t, alice)
	require.NoError(t, reader.shareKeys(ctx, 5))
	room := encryptedRoom(ctx, t, bob.user, account)
	require.NoError(t, bob.await(ctx, func(resp *mautrix.RespSync) bool { return resp.Rooms.Join[room] != nil }))
	for range 4 { // the first sync and what it missed, until it is pushed
		resp, err := alice.sync(ctx, 2*time.Second)
		require.NoError(t, err)
		reader.takeKeys(ctx, resp)
	}
	before := alice.since

	// The client does not poll. What connect is told now it keeps.
	w.rest(ctx, t)
	carried := w.stats(t).Down.Datagrams
	const text = "the anchor drags"
	eventID, err := bob.send(ctx, room, text, bob.UserID, alice.UserID)
	require.NoError(t, err)
	for w.stats(t).Down.Datagrams == carried {
		require.NoError(t, ctx.Err(), "nothing was pushed")
	}
	w.rest(ctx, t)
	require.NoError(t, w.connect.Kill())
	w.connect = nil
	known, err := alice.direct(t).FullSyncRequest(ctx, mautrix.ReqSync{Since: before})
	require.NoError(t, err)
	require.Empty(t, known.ToDevice.Events, "the homeserver still has the key: it was not acknowledged")

	live("second")
	alice.HomeserverURL, err = url.Parse(w.connect.URL())
	require.NoError(t, err)
	got, err := reader.receive(ctx, eventID)
	require.NoError(t, err)
	require.Equal(t, text, got)
	w.stopConnect(t)
}

// rest waits until nothing has been on the link for a while.
func (w *way) rest(ctx context.Context, t *testing.T) {
	t.Helper()
	for last, now := w.stats(t), w.stats(t); now.Seconds-last.Seconds < quiet.Seconds(); now = w.stats(t) {
		require.NoError(t, ctx.Err())
		if now.Up.Datagrams != last.Up.Datagrams || now.Down.Datagrams != last.Down.Datagrams {
			last = now
		}
	}
}

// encryptedRoom makes a room in which both are, at the homeserver itself.
func encryptedRoom(ctx context.Context, t *testing.T, owner *user, others ...*user) id.RoomID {
	t.Helper()
	empty := ""
	content := &event.EncryptionEventContent{Algorithm: id.AlgorithmMegolmV1}
	created, err := owner.CreateRoom(ctx, &mautrix.ReqCreateRoom{Preset: "public_chat", InitialState: []*event.Event{
		{Type: event.StateEncryption, StateKey: &empty, Content: event.Content{Parsed: content}},
	}})
	require.NoError(t, err)
	require.NoError(t, owner.StateStore.SetEncryptionEvent(ctx, created.RoomID, content))
	for _, u := range others {
		_, err := u.direct(t).JoinRoomByID(ctx, created.RoomID)
		require.NoError(t, err)
	}
	return created.RoomID
}
