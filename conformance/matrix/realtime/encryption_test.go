package realtime

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// A cryptoUser is a user with an Olm account.
type cryptoUser struct {
	*user
	machine *crypto.OlmMachine
}

// newCryptoUser makes an Olm account for a user who has logged in.
func newCryptoUser(ctx context.Context, t *testing.T, u *user) *cryptoUser {
	t.Helper()
	machine := crypto.NewOlmMachine(u.Client, nil, crypto.NewMemoryStore(nil), u.StateStore.(crypto.StateStore))
	require.NoError(t, machine.Load(ctx))
	t.Cleanup(machine.Destroy)
	return &cryptoUser{user: u, machine: machine}
}

// shareKeys uploads the device's keys and count one-time keys.
func (u *cryptoUser) shareKeys(ctx context.Context, count int) error {
	const full = 50 // what mautrix holds ready
	return u.machine.ShareKeys(ctx, full-count)
}

// send encrypts a text for the readers and sends it. The room key goes out first.
func (u *cryptoUser) send(ctx context.Context, room id.RoomID, text string, readers ...id.UserID) (id.EventID, error) {
	content := &event.MessageEventContent{MsgType: event.MsgText, Body: text}
	if err := u.machine.ShareGroupSession(ctx, room, readers); err != nil {
		return "", err
	}
	encrypted, err := u.machine.EncryptMegolmEvent(ctx, room, event.EventMessage, content)
	if err != nil {
		return "", err
	}
	sent, err := u.SendMessageEvent(ctx, room, event.EventEncrypted, encrypted)
	if err != nil {
		return "", err
	}
	return sent.EventID, nil
}

// receive waits for the event and its room key and decrypts it.
func (u *cryptoUser) receive(ctx context.Context, eventID id.EventID) (string, error) {
	var text string
	err := u.await(ctx, func(resp *mautrix.RespSync) bool {
		u.takeKeys(ctx, resp)
		evt := u.event(eventID)
		if evt == nil {
			return false
		}
		_ = evt.Content.ParseRaw(evt.Type) // a second parse is refused, harmlessly
		plain, err := u.machine.DecryptMegolmEvent(ctx, evt)
		if err != nil {
			return false // its key is to come
		}
		text = plain.Content.AsMessage().Body
		return true
	})
	return text, err
}

// takeKeys is the part of OlmMachine.ProcessSyncResponse that brings keys. The other
// would fill up the one-time keys, of which a plan may have few.
func (u *cryptoUser) takeKeys(ctx context.Context, resp *mautrix.RespSync) {
	u.machine.HandleDeviceLists(ctx, &resp.DeviceLists, u.since)
	for _, evt := range resp.ToDevice.Events {
		evt.Type.Class = event.ToDeviceEventType
		if evt.Content.ParseRaw(evt.Type) == nil {
			u.machine.HandleToDeviceEvent(ctx, evt)
		}
	}
}
