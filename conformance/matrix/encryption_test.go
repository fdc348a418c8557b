package matrix

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// A cryptoUser is a user with an Olm account, whose keys are on the homeserver.
type cryptoUser struct {
	*user
	machine *crypto.OlmMachine
}

func newCryptoUser(ctx context.Context, t *testing.T, r route, prefix string) *cryptoUser {
	t.Helper()
	u := newUser(ctx, t, r, prefix)
	machine := crypto.NewOlmMachine(u.Client, nil, crypto.NewMemoryStore(nil), u.StateStore.(crypto.StateStore))
	require.NoError(t, machine.Load(ctx))
	t.Cleanup(machine.Destroy)
	require.NoError(t, machine.ShareKeys(ctx, 0))
	return &cryptoUser{user: u, machine: machine}
}

// send encrypts a text for everyone in the room. The room key goes out first, as
// to-device messages, when this is the first message.
func (u *cryptoUser) send(ctx context.Context, t *testing.T, room id.RoomID, text string, readers ...id.UserID) id.EventID {
	t.Helper()
	content := &event.MessageEventContent{MsgType: event.MsgText, Body: text}
	encrypted, err := u.machine.EncryptMegolmEvent(ctx, room, event.EventMessage, content)
	if crypto.IsShareError(err) {
		require.NoError(t, u.machine.ShareGroupSession(ctx, room, readers))
		encrypted, err = u.machine.EncryptMegolmEvent(ctx, room, event.EventMessage, content)
	}
	require.NoError(t, err)
	sent, err := u.SendMessageEvent(ctx, room, event.EventEncrypted, encrypted)
	require.NoError(t, err)
	return sent.EventID
}

// receive waits for the event and decrypts it. The room key may come with the
// same sync response, an earlier one or a later one.
func (u *cryptoUser) receive(ctx context.Context, t *testing.T, room id.RoomID, eventID id.EventID) *event.Event {
	t.Helper()
	var evt *event.Event
	u.await(ctx, t, "event and key", func(resp *mautrix.RespSync) bool {
		u.machine.ProcessSyncResponse(ctx, resp, u.since)
		if joined := resp.Rooms.Join[room]; joined != nil && evt == nil {
			evt = findEvent(joined.Timeline.Events, eventID)
		}
		if evt == nil {
			return false
		}
		_ = evt.Content.ParseRaw(evt.Type) // a second parse is refused, harmlessly
		content := evt.Content.AsEncrypted()
		have, err := u.machine.CryptoStore.GetGroupSession(ctx, room, content.SessionID)
		require.NoError(t, err)
		return have != nil
	})
	evt.RoomID = room
	plain, err := u.machine.DecryptMegolmEvent(ctx, evt)
	require.NoError(t, err)
	return plain
}

func TestEncryption(t *testing.T) {
	eachRoute(t, func(t *testing.T, r route) {
		ctx := scenarioContext(t)
		alice, bob := newCryptoUser(ctx, t, r, "alice"), newCryptoUser(ctx, t, r, "bob")
		encryption := &event.EncryptionEventContent{Algorithm: id.AlgorithmMegolmV1}
		empty := ""
		room := newRoom(ctx, t, alice.user, bob.user, &event.Event{
			Type: event.StateEncryption, StateKey: &empty, Content: event.Content{Parsed: encryption},
		})
		for _, u := range []*cryptoUser{alice, bob} {
			var content event.EncryptionEventContent
			require.NoError(t, u.StateEvent(ctx, room, event.StateEncryption, "", &content))
			require.Equal(t, id.AlgorithmMegolmV1, content.Algorithm)
			require.NoError(t, u.StateStore.SetEncryptionEvent(ctx, room, &content))
		}
		readers := []id.UserID{alice.UserID, bob.UserID}

		talk := []struct {
			from, to *cryptoUser
			text     string
		}{
			{alice, bob, "course 270°, ETA 06:40 ⚓"},
			{bob, alice, "understood"},
			{alice, bob, "the second message under the same key"},
		}
		for _, say := range talk {
			eventID := say.from.send(ctx, t, room, say.text, readers...)
			plain := say.to.receive(ctx, t, room, eventID)
			require.Equal(t, say.text, plain.Content.AsMessage().Body)
			require.Equal(t, say.from.UserID, plain.Sender)

			// The homeserver itself holds ciphertext only.
			stored, err := say.to.GetEvent(ctx, room, eventID)
			require.NoError(t, err)
			require.Equal(t, event.EventEncrypted.Type, stored.Type.Type)
			require.NotContains(t, string(stored.Content.VeryRaw), say.text)
		}
	})
}
