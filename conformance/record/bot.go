package main

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// A bot is a mautrix client with Olm that goes where it is invited, answers commands
// and says something of its own at times.
type bot struct {
	*mautrix.Client
	machine *crypto.OlmMachine
	plan    plan
	random  *rand.Rand
	say     []string // what it has not said yet
	heard   int
	// answerable is false while the first sync brings what was said before.
	answerable bool
}

// runBot lives until ctx ends.
func runBot(ctx context.Context, u user, p plan) error {
	client, err := mautrix.NewClient(u.BaseURL, "", "")
	if err != nil {
		return err
	}
	client.StateStore = mautrix.NewMemoryStateStore()
	h := fnv.New64a()
	_, _ = h.Write([]byte(p.Name + u.Name)) // never fails
	b := &bot{Client: client, plan: p, random: rand.New(rand.NewPCG(h.Sum64(), 1))}
	for _, language := range p.Languages {
		b.say = append(b.say, p.Texts[language]...)
	}
	b.random.Shuffle(len(b.say), func(i, j int) { b.say[i], b.say[j] = b.say[j], b.say[i] })
	if err := b.begin(ctx, u); err != nil {
		return fmt.Errorf("bot %s: %w", u.Name, err)
	}
	defer b.machine.Destroy()
	syncer := client.Syncer.(*mautrix.DefaultSyncer)
	syncer.OnSync(b.machine.ProcessSyncResponse)
	syncer.OnSync(func(_ context.Context, _ *mautrix.RespSync, since string) bool {
		b.answerable = since != ""
		return true
	})
	syncer.OnEvent(client.StateStoreSyncHandler)
	syncer.OnEventType(event.StateMember, b.machine.HandleMemberEvent)
	syncer.OnEventType(event.StateMember, b.follow)
	syncer.OnEventType(event.EventEncrypted, b.decrypt)
	syncer.OnEventType(event.EventMessage, b.answer)
	if err := client.SyncWithContext(ctx); ctx.Err() == nil {
		return fmt.Errorf("bot %s: %w", u.Name, err)
	}
	return nil
}

// begin logs in and publishes what others need.
func (b *bot) begin(ctx context.Context, u user) error {
	if _, err := b.Versions(ctx); err != nil {
		return err
	}
	if u.Register {
		resp, err := b.RegisterDummy(ctx, &mautrix.ReqRegister[any]{
			Username: u.Name, Password: u.Password, InitialDeviceDisplayName: u.Device,
		})
		if err != nil {
			return err
		}
		b.UserID, b.DeviceID, b.AccessToken = resp.UserID, resp.DeviceID, resp.AccessToken
	} else {
		if _, err := b.GetLoginFlows(ctx); err != nil {
			return err
		}
		if _, err := b.Login(ctx, &mautrix.ReqLogin{
			Type:       mautrix.AuthTypePassword,
			Identifier: mautrix.UserIdentifier{Type: mautrix.IdentifierTypeUser, User: u.Name},
			Password:   u.Password, InitialDeviceDisplayName: u.Device, StoreCredentials: true,
		}); err != nil {
			return err
		}
	}
	if _, err := b.Whoami(ctx); err != nil {
		return err
	}
	b.machine = crypto.NewOlmMachine(b.Client, nil, crypto.NewMemoryStore(nil), b.StateStore.(crypto.StateStore))
	if err := b.machine.Load(ctx); err != nil {
		return err
	}
	if _, err := b.QueryKeys(ctx, &mautrix.ReqQueryKeys{
		DeviceKeys: map[id.UserID]mautrix.DeviceIDList{b.UserID: {b.DeviceID}},
	}); err != nil {
		return err
	}
	if err := b.machine.ShareKeys(ctx, 0); err != nil {
		return err
	}
	if err := b.SetDisplayName(ctx, u.Display); err != nil {
		return err
	}
	if b.random.IntN(2) == 0 { // a client that cares for verification
		if _, _, err := b.machine.GenerateAndUploadCrossSigningKeysWithPassword(ctx, u.Password, ""); err != nil {
			return err
		}
	}
	if b.plan.Presence {
		return b.SetPresence(ctx, mautrix.ReqPresence{Presence: event.PresenceOnline, StatusMsg: b.text()})
	}
	return nil
}

// What a bot does on an event may fail, as it may in life: the recording has the error.

func (b *bot) follow(ctx context.Context, evt *event.Event) {
	if evt.GetStateKey() != b.UserID.String() || evt.Content.AsMember().Membership != event.MembershipInvite {
		return
	}
	if _, err := b.JoinRoomByID(ctx, evt.RoomID); err != nil {
		return
	}
	_, _ = b.State(ctx, evt.RoomID)
	_, _ = b.JoinedMembers(ctx, evt.RoomID)
	_, _ = b.send(ctx, evt.RoomID, &event.MessageEventContent{MsgType: event.MsgNotice, Body: b.text()})
}

func (b *bot) decrypt(ctx context.Context, evt *event.Event) {
	plain, err := b.machine.DecryptMegolmEvent(ctx, evt)
	if err != nil {
		return // the key may be that of a time before the bot came
	}
	b.Syncer.(mautrix.DispatchableSyncer).Dispatch(ctx, plain)
}

func (b *bot) answer(ctx context.Context, evt *event.Event) {
	message := evt.Content.AsMessage()
	if evt.Sender == b.UserID || !b.answerable || message.RelatesTo.GetReplaceID() != "" {
		return
	}
	b.heard++
	dice := b.random.IntN(100)
	if dice < 25 {
		_ = b.MarkRead(ctx, evt.RoomID, evt.ID)
	} else if dice < 32 {
		_ = b.SetReadMarkers(ctx, evt.RoomID, &mautrix.ReqSetReadMarkers{Read: evt.ID, FullyRead: evt.ID})
	}
	switch {
	case strings.HasPrefix(message.Body, "!"):
		b.command(ctx, evt, message.Body)
	case dice%9 == 0:
		_, _ = b.SendReaction(ctx, evt.RoomID, evt.ID, b.pick("👍", "✅", "⚓", "📡", "🙏", "😂", "❤️", "👀"))
	case dice%9 == 1:
		typing := b.random.IntN(3) == 0
		if typing {
			_, _ = b.UserTyping(ctx, evt.RoomID, true, 20*time.Second)
		}
		b.pause(ctx)
		_, _ = b.send(ctx, evt.RoomID, &event.MessageEventContent{MsgType: event.MsgText, Body: b.text()})
		if typing {
			_, _ = b.UserTyping(ctx, evt.RoomID, false, 0)
		}
	case dice%9 == 2 && dice > 50:
		reply := &event.MessageEventContent{MsgType: event.MsgText, Body: b.text()}
		reply.SetReply(evt)
		_, _ = b.send(ctx, evt.RoomID, reply)
	}
	if b.heard%60 == 0 {
		_, _ = b.Messages(ctx, evt.RoomID, "", "", mautrix.DirectionBackward, nil, 5)
	}
}

// command answers as bots answer: with a notice in HTML, at times corrected.
func (b *bot) command(ctx context.Context, evt *event.Event, command string) {
	lines := []string{b.text(), b.text()}
	notice := &event.MessageEventContent{
		MsgType: event.MsgNotice, Format: event.FormatHTML,
		Body:          command + "\n- " + strings.Join(lines, "\n- "),
		FormattedBody: "<p><strong>" + command + "</strong></p>\n<ul>\n<li>" + strings.Join(lines, "</li>\n<li>") + "</li>\n</ul>",
	}
	notice.SetReply(evt)
	sent, err := b.send(ctx, evt.RoomID, notice)
	if err != nil {
		return
	}
	switch b.random.IntN(4) {
	case 0:
		edited := &event.MessageEventContent{MsgType: event.MsgNotice, Body: b.text()}
		edited.SetEdit(sent.EventID)
		_, _ = b.send(ctx, evt.RoomID, edited)
	case 1:
		_, _ = b.RedactEvent(ctx, evt.RoomID, sent.EventID, mautrix.ReqRedact{Reason: b.text()})
	}
}

// send encrypts where the room is encrypted.
func (b *bot) send(ctx context.Context, room id.RoomID, content *event.MessageEventContent) (*mautrix.RespSendEvent, error) {
	encrypted, err := b.StateStore.IsEncrypted(ctx, room)
	if err != nil {
		return nil, err
	}
	if !encrypted {
		return b.SendMessageEvent(ctx, room, event.EventMessage, content)
	}
	sealed, err := b.machine.EncryptMegolmEvent(ctx, room, event.EventMessage, content)
	if crypto.IsShareError(err) {
		var members []id.UserID
		if members, err = b.StateStore.GetRoomJoinedOrInvitedMembers(ctx, room); err != nil {
			return nil, err
		}
		if err = b.machine.ShareGroupSession(ctx, room, members); err != nil {
			return nil, err
		}
		sealed, err = b.machine.EncryptMegolmEvent(ctx, room, event.EventMessage, content)
	}
	if err != nil {
		return nil, err
	}
	return b.SendMessageEvent(ctx, room, event.EventEncrypted, sealed)
}

// text is something not said before, until nothing is left.
func (b *bot) text() string {
	text := b.say[len(b.say)-1]
	if len(b.say) > 1 {
		b.say = b.say[:len(b.say)-1]
	}
	return fill(text, b.random)
}

// fill puts numbers in the place of the hashes.
func fill(text string, random *rand.Rand) string {
	var out strings.Builder
	for _, r := range text {
		if r == '#' {
			r = '0' + rune(random.IntN(10))
		}
		out.WriteRune(r)
	}
	return out.String()
}

func (b *bot) pick(from ...string) string { return from[b.random.IntN(len(from))] }

func (b *bot) pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(100+b.random.IntN(300)) * time.Millisecond):
	}
}
