package matrix

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

func TestConversation(t *testing.T) {
	eachRoute(t, func(t *testing.T, r route) {
		ctx := scenarioContext(t)
		alice, bob := newUser(ctx, t, r, "alice"), newUser(ctx, t, r, "bob")
		room := newRoom(ctx, t, alice, bob)
		alice.catchUp(ctx, t)
		bob.catchUp(ctx, t)

		const text = "hello world, ‘“æøå”’ \U0001f30a\u0000\u2028 \\ </script>"
		sent, err := alice.SendText(ctx, room, text)
		require.NoError(t, err)
		received := bob.awaitEvent(ctx, t, room, sent.EventID)
		require.Equal(t, alice.UserID, received.Sender)
		require.Equal(t, event.MsgText, received.Content.AsMessage().MsgType)
		require.Equal(t, text, received.Content.AsMessage().Body)

		answer := &event.MessageEventContent{MsgType: event.MsgText, Body: "and to you"}
		answer.SetReply(received)
		reply, err := bob.SendMessageEvent(ctx, room, event.EventMessage, answer)
		require.NoError(t, err)
		got := alice.awaitEvent(ctx, t, room, reply.EventID)
		require.Equal(t, sent.EventID, got.Content.AsMessage().RelatesTo.GetReplyTo())

		reaction, err := alice.SendReaction(ctx, room, reply.EventID, "👍🏽")
		require.NoError(t, err)
		got = bob.awaitEvent(ctx, t, room, reaction.EventID)
		require.Equal(t, "👍🏽", got.Content.AsReaction().RelatesTo.GetAnnotationKey())
		require.Equal(t, reply.EventID, got.Content.AsReaction().RelatesTo.GetAnnotationID())

		redaction, err := alice.RedactEvent(ctx, room, sent.EventID, mautrix.ReqRedact{Reason: "typo"})
		require.NoError(t, err)
		got = bob.awaitEvent(ctx, t, room, redaction.EventID)
		require.Equal(t, "typo", got.Content.AsRedaction().Reason)
		gone, err := bob.GetEvent(ctx, room, sent.EventID)
		require.NoError(t, err)
		require.Empty(t, gone.Content.Raw, "the redacted event has no content left")
	})
}

// The same transaction id means the same event, even when the request is made
// again; the gateway must neither swallow nor change it.
func TestTransactionID(t *testing.T) {
	eachRoute(t, func(t *testing.T, r route) {
		ctx := scenarioContext(t)
		alice, bob := newUser(ctx, t, r, "alice"), newUser(ctx, t, r, "bob")
		room := newRoom(ctx, t, alice, bob)
		content := &event.MessageEventContent{MsgType: event.MsgText, Body: "once"}
		send := func(txn string) id.EventID {
			resp, err := alice.SendMessageEvent(ctx, room, event.EventMessage, content, mautrix.ReqSendEvent{TransactionID: txn})
			require.NoError(t, err)
			return resp.EventID
		}
		first := send("m1.1")
		require.Equal(t, first, send("m1.1"))
		require.NotEqual(t, first, send("m1.2"))
	})
}

func TestEphemeral(t *testing.T) {
	eachRoute(t, func(t *testing.T, r route) {
		ctx := scenarioContext(t)
		alice, bob := newUser(ctx, t, r, "alice"), newUser(ctx, t, r, "bob")
		room := newRoom(ctx, t, alice, bob)
		sent, err := alice.SendText(ctx, room, "read this")
		require.NoError(t, err)
		bob.awaitEvent(ctx, t, room, sent.EventID)

		_, err = bob.UserTyping(ctx, room, true, 30*time.Second)
		require.NoError(t, err)
		awaitEphemeral(ctx, t, alice, room, event.EphemeralEventTyping, func(evt *event.Event) bool {
			users := evt.Content.AsTyping().UserIDs
			return len(users) == 1 && users[0] == bob.UserID
		})
		require.NoError(t, bob.SendReceipt(ctx, room, sent.EventID, event.ReceiptTypeRead, nil))
		awaitEphemeral(ctx, t, alice, room, event.EphemeralEventReceipt, func(evt *event.Event) bool {
			_, ok := (*evt.Content.AsReceipt())[sent.EventID][event.ReceiptTypeRead][bob.UserID]
			return ok
		})
		require.NoError(t, bob.SetReadMarkers(ctx, room, &mautrix.ReqSetReadMarkers{FullyRead: sent.EventID}))
		var marker event.FullyReadEventContent
		require.NoError(t, bob.GetRoomAccountData(ctx, room, event.AccountDataFullyRead.Type, &marker))
		require.Equal(t, sent.EventID, marker.EventID)
	})
}

// awaitEphemeral reads the stream of u until the room shows an ephemeral event
// of the kind that found accepts.
func awaitEphemeral(ctx context.Context, t *testing.T, u *user, room id.RoomID, kind event.Type, found func(*event.Event) bool) {
	t.Helper()
	u.await(ctx, t, kind.Type, func(resp *mautrix.RespSync) bool {
		joined := resp.Rooms.Join[room]
		if joined == nil {
			return false
		}
		for _, evt := range joined.Ephemeral.Events {
			evt.Type.Class = event.EphemeralEventType
			if evt.Type != kind {
				continue
			}
			require.NoError(t, evt.Content.ParseRaw(evt.Type))
			if found(evt) {
				return true
			}
		}
		return false
	})
}

// A long-poll with nothing to tell is answered after its timeout, not before and
// not with an error.
func TestEmptyLongPoll(t *testing.T) {
	eachRoute(t, func(t *testing.T, r route) {
		ctx := scenarioContext(t)
		alice := newUser(ctx, t, r, "alice")
		alice.catchUp(ctx, t)
		const timeout = 2 * time.Second
		for {
			before, begin := alice.since, time.Now()
			resp, err := alice.sync(ctx, timeout)
			require.NoError(t, err)
			require.Empty(t, resp.Rooms.Join)
			require.NotEmpty(t, resp.NextBatch)
			if resp.NextBatch == before {
				require.GreaterOrEqual(t, time.Since(begin), timeout)
				return
			}
			// The homeserver had something to tell of the registration after all.
		}
	})
}

// State keys are path segments: each of these breaks a gateway that decodes the
// path too early, joins segments, or cleans the path.
func TestStateKeys(t *testing.T) {
	eachRoute(t, func(t *testing.T, r route) {
		ctx := scenarioContext(t)
		alice, bob := newUser(ctx, t, r, "alice"), newUser(ctx, t, r, "bob")
		room := newRoom(ctx, t, alice, bob)

		kind := event.Type{Type: "org.example.berth", Class: event.StateEventType}
		keys := []string{
			"", "plain", "a/b", "/", "a//b", "trailing/", "%", "%2F", "100%25", "#", "a#b", "?", "a?b=c&d",
			"ü", "船", "🚢", " ", "a b", "a+b", ";,:@&=$!'()*~", `"\`, "8",
		}
		for _, key := range keys {
			want := map[string]any{"berth": key}
			_, err := alice.SendStateEvent(ctx, room, kind, key, want)
			require.NoErrorf(t, err, "key %q", key)
			var got map[string]any
			require.NoErrorf(t, bob.StateEvent(ctx, room, kind, key, &got), "key %q", key)
			require.Equal(t, want, got)
		}
		state, err := bob.State(ctx, room)
		require.NoError(t, err)
		require.Len(t, state[kind], len(keys))
		for _, key := range keys {
			require.Containsf(t, state[kind], key, "all keys arrived as they were sent")
		}
		var none map[string]any
		requireError(t, bob.StateEvent(ctx, room, kind, "none", &none), http.StatusNotFound, mautrix.MNotFound)
	})
}

func TestMembersAndHistory(t *testing.T) {
	eachRoute(t, func(t *testing.T, r route) {
		ctx := scenarioContext(t)
		alice, bob := newUser(ctx, t, r, "alice"), newUser(ctx, t, r, "bob")
		room := newRoom(ctx, t, alice, bob)

		members, err := alice.JoinedMembers(ctx, room)
		require.NoError(t, err)
		require.Len(t, members.Joined, 2)
		require.Contains(t, members.Joined, bob.UserID)
		rooms, err := bob.JoinedRooms(ctx)
		require.NoError(t, err)
		require.Equal(t, []id.RoomID{room}, rooms.JoinedRooms)

		const count = 25
		var sent []id.EventID
		for range count {
			resp, err := alice.SendText(ctx, room, "log entry")
			require.NoError(t, err)
			sent = append(sent, resp.EventID)
		}
		// The homeserver answers a send before its readers see the event.
		bob.awaitEvent(ctx, t, room, sent[count-1])
		// Backwards in pages of 10, with a filter in the query.
		filter := &mautrix.FilterPart{Types: []event.Type{event.EventMessage}}
		var read []id.EventID
		for from := ""; len(read) < count; {
			page, err := bob.Messages(ctx, room, from, "", mautrix.DirectionBackward, filter, 10)
			require.NoError(t, err)
			require.NotEmpty(t, page.Chunk)
			for _, evt := range page.Chunk {
				read = append(read, evt.ID)
			}
			from = page.End
		}
		for i := range sent {
			require.Equal(t, sent[i], read[count-1-i])
		}

		_, err = bob.LeaveRoom(ctx, room)
		require.NoError(t, err)
		_, err = bob.SendText(ctx, room, "still here?")
		requireError(t, err, http.StatusForbidden, mautrix.MForbidden)
	})
}
