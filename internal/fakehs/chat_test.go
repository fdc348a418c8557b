package fakehs

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTwoUsersChat(t *testing.T) {
	s := newServer()
	alice, bob := newUser(t, s, "alice"), newUser(t, s, "bob")
	alice.sync("")
	bob.sync("")

	made := alice.do(200, "POST", "/createRoom", `{"preset":"private_chat","name":"Two","topic":"Talk","is_direct":true,"invite":["@bob:hs.example"],
		"room_alias_name":"two","initial_state":[{"type":"m.room.encryption","state_key":"","content":{"algorithm":"m.megolm.v1.aes-sha2"}}]}`)
	room := made["room_id"].(string)
	assert.Equal(t, "#two:hs.example", made["room_alias"])
	assert.Regexp(t, `^![A-Za-z]{18}:hs\.example$`, room)

	invited := bob.sync("")
	stripped := invited.list("rooms", "invite", room, "invite_state", "events")
	last := reply(stripped[len(stripped)-1].(map[string]any))
	assert.Equal(t, true, last.at("content", "is_direct"))
	assert.Equal(t, "@bob:hs.example", last["state_key"])

	bob.do(200, "POST", "/join/"+url.PathEscape("#two:hs.example"), "")
	fresh := bob.sync("")
	assert.Nil(t, fresh.at("rooms", "invite"))
	assert.Equal(t, true, fresh.at("rooms", "join", room, "timeline", "limited"))
	state := fresh.list("rooms", "join", room, "state", "events")
	assert.Equal(t, "m.room.create", state[0].(map[string]any)["type"])
	assert.Contains(t, fresh.list("device_lists", "changed"), alice.id)
	assert.Equal(t, float64(2), fresh.at("rooms", "join", room, "summary", "m.joined_member_count"))

	alice.sync("")
	sent := alice.send(room, "1", "hello")
	assert.Regexp(t, `^\$[A-Za-z0-9_-]{43}$`, sent)
	got := bob.sync("")
	event := reply(got.list("rooms", "join", room, "timeline", "events")[0].(map[string]any))
	assert.Equal(t, sent, event["event_id"])
	assert.Nil(t, event.at("unsigned", "transaction_id"), "a transaction id is for its device only")
	assert.Nil(t, event["room_id"])
	assert.Equal(t, float64(1), got.at("rooms", "join", room, "unread_notifications", "notification_count"))
	own := alice.sync("").list("rooms", "join", room, "timeline", "events")
	assert.Equal(t, "1", reply(own[0].(map[string]any)).at("unsigned", "transaction_id"))

	bob.do(200, "POST", "/rooms/"+room+"/receipt/m.read/"+sent, "{}")
	bob.do(200, "PUT", "/rooms/"+room+"/typing/"+bob.id, `{"typing":true,"timeout":30000}`)
	ephemeral := alice.sync("").list("rooms", "join", room, "ephemeral", "events")
	require.Len(t, ephemeral, 2)
	assert.Equal(t, []any{bob.id}, reply(ephemeral[0].(map[string]any)).at("content", "user_ids"))
	assert.NotNil(t, reply(ephemeral[1].(map[string]any)).at("content", sent, "m.read", bob.id, "ts"))
	assert.Nil(t, alice.sync("")["rooms"], "nothing is told twice")

	bob.do(200, "POST", "/rooms/"+room+"/leave", "")
	alice.sync("")
	gone := bob.sync("")
	assert.NotEmpty(t, gone.list("rooms", "leave", room, "timeline", "events"))
	assert.Contains(t, gone.list("device_lists", "left"), alice.id)
	alice.send(room, "2", "alone")
	assert.Nil(t, bob.sync("")["rooms"])
	page := bob.do(200, "GET", "/rooms/"+room+"/messages?dir=b&limit=50", "")
	assert.Equal(t, []string{"hello"}, bodies(page.list("chunk")), "what follows the departure stays hidden")
	bob.fails(403, "M_FORBIDDEN", "PUT", "/rooms/"+room+"/send/m.room.message/9", "{}")
	bob.fails(403, "M_FORBIDDEN", "POST", "/rooms/"+room+"/join", "")
}

func TestTransactionIsIdempotentPerDevice(t *testing.T) {
	alice, bob, room := twoInRoom(t)
	first := alice.send(room, "m1", "once")
	assert.Equal(t, first, alice.send(room, "m1", "once"))
	assert.NotEqual(t, first, alice.anotherDevice().send(room, "m1", "other device"))
	assert.NotEqual(t, first, bob.send(room, "m1", "other user"))
	page := bob.do(200, "GET", "/rooms/"+room+"/messages?dir=b", "")
	assert.Equal(t, []string{"other user", "other device", "once"}, bodies(page.list("chunk")))
}

func TestStateKeys(t *testing.T) {
	alice, bob, room := twoInRoom(t)
	for _, key := range []string{"", "a/b", "100%", "%2F", "ü#?+ &", "..", "*"} {
		t.Run(key, func(t *testing.T) {
			path := "/rooms/" + url.PathEscape(room) + "/state/org.example.odd/" + url.PathEscape(key)
			alice.do(200, "PUT", path, `{"key":"`+key+`","big":9007199254740993}`)
			assert.Equal(t, key, bob.do(200, "GET", path, "")["key"])
			full := bob.do(200, "GET", path+"?format=event", "")
			assert.Equal(t, key, full["state_key"])
			text := bob.raw(t.Context(), "GET", v3+path, "").Body.String()
			assert.Contains(t, text, "9007199254740993", "content is kept as it came")
		})
	}
	assert.Equal(t, "", bob.do(200, "GET", "/rooms/"+room+"/state/org.example.odd", "")["key"], "no key and an empty key are the same")
	alice.do(200, "PUT", "/rooms/"+room+"/state/m.room.name", `{"name":"<New>"}`)
	assert.Equal(t, "<New>", bob.do(200, "GET", "/rooms/"+room+"/state/m.room.name/", "")["name"])
	bob.fails(403, "M_FORBIDDEN", "PUT", "/rooms/"+room+"/state/m.room.name/", `{"name":"x"}`)
	bob.fails(404, "M_NOT_FOUND", "GET", "/rooms/"+room+"/state/m.room.name/other", "")
	alice.fails(400, "M_BAD_JSON", "PUT", "/rooms/"+room+"/state/m.room.power_levels/", `{"users":{"@bob:hs.example":"many"}}`)
	alice.fails(403, "M_FORBIDDEN", "PUT", "/rooms/"+room+"/state/org.example.odd/@bob:hs.example", `{}`)
}

func TestTimelineIsLimitedAndPagesBack(t *testing.T) {
	alice, bob, room := twoInRoom(t)
	bob.sync("")
	want := strings.Split("abcdefghijklmnop", "")
	for _, text := range want {
		alice.send(room, text, text)
	}
	alice.do(200, "PUT", "/rooms/"+room+"/state/m.room.topic/", `{"topic":"in the gap"}`)
	for _, text := range []string{"q", "r"} {
		alice.send(room, text, text)
		want = append(want, text)
	}
	filter := bob.do(200, "POST", "/user/"+bob.id+"/filter", `{"room":{"timeline":{"limit":2}}}`)["filter_id"].(string)
	got := bob.sync("filter=" + filter)
	assert.Equal(t, []string{"q", "r"}, bodies(got.list("rooms", "join", room, "timeline", "events")))
	assert.Equal(t, true, got.at("rooms", "join", room, "timeline", "limited"))
	gap := got.list("rooms", "join", room, "state", "events")
	require.Len(t, gap, 1)
	assert.Equal(t, "in the gap", reply(gap[0].(map[string]any)).at("content", "topic"))

	all := []string{"r", "q"}
	for from := got.at("rooms", "join", room, "timeline", "prev_batch"); from != nil; {
		page := bob.do(200, "GET", "/rooms/"+room+"/messages?dir=b&limit=5&from="+from.(string), "")
		all = append(all, bodies(page.list("chunk"))...)
		from = page["end"]
	}
	require.Len(t, all, len(want))
	for i, text := range want {
		assert.Equal(t, text, all[len(all)-1-i])
	}
	forward := bob.do(200, "GET", "/rooms/"+room+"/messages?dir=f&limit=1000&filter="+url.QueryEscape(`{"types":["m.room.mess*"]}`), "")
	assert.Equal(t, want, bodies(forward.list("chunk")))
}

func TestRedactionAndRelations(t *testing.T) {
	alice, bob, room := twoInRoom(t)
	id := alice.send(room, "1", "regret")
	reaction := `{"m.relates_to":{"rel_type":"m.annotation","event_id":"` + id + `","key":"+"}}`
	bob.do(200, "PUT", "/rooms/"+room+"/send/m.reaction/1", reaction)
	related := alice.do(200, "GET", "/_matrix/client/v1/rooms/"+room+"/relations/"+id+"/m.annotation/m.reaction", "")
	assert.Len(t, related.list("chunk"), 1)
	assert.Empty(t, alice.do(200, "GET", "/_matrix/client/v1/rooms/"+room+"/relations/"+id+"/m.replace", "").list("chunk"))

	bob.fails(403, "M_FORBIDDEN", "PUT", "/rooms/"+room+"/redact/"+id+"/2", "{}")
	alice.do(200, "PUT", "/rooms/"+room+"/redact/"+id+"/2", `{"reason":"oops"}`)
	event := bob.do(200, "GET", "/rooms/"+room+"/event/"+id, "")
	assert.Empty(t, event["content"])
	assert.Equal(t, "oops", event.at("unsigned", "redacted_because", "content", "reason"))
	around := bob.do(200, "GET", "/rooms/"+room+"/context/"+id+"?limit=4", "")
	assert.Len(t, around.list("events_before"), 2)
	assert.Len(t, around.list("events_after"), 2)
}
