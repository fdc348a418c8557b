package realtime

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// A bot is mautrix as bots use it: its own syncer, filter and timeouts, and Olm. It
// goes where it is invited.
type bot struct {
	*mautrix.Client
	machine *crypto.OlmMachine
	events  chatEvents
	// joined gets the room in which it is.
	joined chan id.RoomID
	room   id.RoomID
	// stop ends the syncer; it may be called again.
	stop func()
	// waiting are messages that were not reported yet, in the order of the timeline: one
	// waits until those before it are decrypted. Only the syncer has it.
	waiting []*event.Event
}

// startBot logs in as a registered user and syncs until it is stopped.
func startBot(ctx context.Context, t *testing.T, baseURL string, name id.UserID, events chatEvents) *bot {
	t.Helper()
	client, err := mautrix.NewClient(baseURL, "", "")
	require.NoError(t, err)
	client.StateStore = mautrix.NewMemoryStateStore()
	require.NoError(t, (&user{Client: client}).login(ctx, name))
	b := &bot{Client: client, events: events, joined: make(chan id.RoomID, 1)}
	b.machine = crypto.NewOlmMachine(client, nil, crypto.NewMemoryStore(nil), client.StateStore.(crypto.StateStore))
	require.NoError(t, b.machine.Load(ctx))
	require.NoError(t, b.machine.ShareKeys(ctx, 0))
	syncer := mautrix.NewDefaultSyncer()
	syncer.OnSync(b.machine.ProcessSyncResponse)
	syncer.OnSync(func(ctx context.Context, _ *mautrix.RespSync, _ string) bool {
		b.report(ctx) // there may be a key now
		return true
	})
	syncer.OnEvent(client.StateStoreSyncHandler)
	syncer.OnEventType(event.StateMember, b.machine.HandleMemberEvent)
	syncer.OnEventType(event.StateMember, b.follow)
	for _, kind := range []event.Type{event.EventEncrypted, event.EventMessage} {
		syncer.OnEventType(kind, b.arrived)
	}
	client.Syncer = watchedSyncer{syncer, events.trouble}
	ctx, stop := context.WithCancel(ctx)
	var syncing sync.WaitGroup
	syncing.Go(func() {
		if err := client.SyncWithContext(ctx); !errors.Is(err, context.Canceled) {
			events.trouble("sync: " + err.Error())
		}
	})
	b.stop = func() {
		stop()
		syncing.Wait()
	}
	t.Cleanup(func() {
		b.stop()
		b.machine.Destroy()
	})
	return b
}

// watchedSyncer is a syncer that tells when a sync has failed.
type watchedSyncer struct {
	*mautrix.DefaultSyncer
	trouble func(string)
}

// OnFailedSync implements mautrix.Syncer.
func (s watchedSyncer) OnFailedSync(res *mautrix.RespSync, err error) (time.Duration, error) {
	s.trouble("sync: " + err.Error())
	return s.DefaultSyncer.OnFailedSync(res, err)
}

// follow joins the room to which the bot is invited.
func (b *bot) follow(ctx context.Context, evt *event.Event) {
	if evt.GetStateKey() != b.UserID.String() {
		return
	}
	switch evt.Content.AsMember().Membership {
	case event.MembershipInvite:
		if _, err := b.JoinRoomByID(ctx, evt.RoomID); err != nil {
			b.events.trouble("join: " + err.Error())
		}
	case event.MembershipJoin:
		select {
		case b.joined <- evt.RoomID:
		default: // known
		}
	}
}

func (b *bot) arrived(ctx context.Context, evt *event.Event) {
	if evt.Sender != b.UserID {
		b.waiting = append(b.waiting, evt)
		b.report(ctx)
	}
}

// report hands on what can be read.
func (b *bot) report(ctx context.Context) {
	for len(b.waiting) > 0 {
		evt := b.waiting[0]
		plain := evt
		if evt.Type == event.EventEncrypted {
			var err error
			if plain, err = b.machine.DecryptMegolmEvent(ctx, evt); err != nil {
				b.events.undecrypted(evt.ID.String() + ": " + err.Error())
				return
			}
		}
		b.waiting = b.waiting[1:]
		b.events.heard(message{evt.ID.String(), plain.Content.AsMessage().Body, evt.Type == event.EventEncrypted})
	}
}

// send implements party.
func (b *bot) send(ctx context.Context, text string) error {
	content := &event.MessageEventContent{MsgType: event.MsgText, Body: text}
	sealed, err := b.machine.EncryptMegolmEvent(ctx, b.room, event.EventMessage, content)
	if crypto.IsShareError(err) {
		var members []id.UserID
		if members, err = b.StateStore.GetRoomJoinedOrInvitedMembers(ctx, b.room); err != nil {
			return err
		}
		if err = b.machine.ShareGroupSession(ctx, b.room, members); err != nil {
			return err
		}
		sealed, err = b.machine.EncryptMegolmEvent(ctx, b.room, event.EventMessage, content)
	}
	if err != nil {
		return err
	}
	_, err = b.SendMessageEvent(ctx, b.room, event.EventEncrypted, sealed)
	return err
}

// receipt implements party.
func (b *bot) receipt(ctx context.Context, eventID string) error {
	return b.MarkRead(ctx, b.room, id.EventID(eventID))
}

// typing implements party.
func (b *bot) typing(ctx context.Context, on bool) error {
	_, err := b.UserTyping(ctx, b.room, on, typingTime)
	return err
}
