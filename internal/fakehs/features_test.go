package fakehs

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestKeys(t *testing.T) {
	alice, bob, _ := twoInRoom(t)
	alice.sync("")
	upload := `{"device_keys":{"user_id":"@bob:hs.example","device_id":"` + bob.device + `","keys":{"ed25519:X":"k"},"signatures":{}},
		"one_time_keys":{"signed_curve25519:B":{"key":"2"},"signed_curve25519:A":{"key":"1"}},"fallback_keys":{"signed_curve25519:F":{"key":"f"}}}`
	assert.Equal(t, float64(2), bob.do(200, "POST", "/keys/upload", upload).at("one_time_key_counts", "signed_curve25519"))
	bob.do(200, "POST", "/keys/upload", upload)
	bob.fails(400, "M_INVALID_PARAM", "POST", "/keys/upload", `{"one_time_keys":{"signed_curve25519:A":{"key":"changed"}}}`)
	alice.fails(400, "M_INVALID_PARAM", "POST", "/keys/upload", upload)
	assert.Equal(t, []any{"signed_curve25519"}, bob.sync("")["device_unused_fallback_key_types"])

	since := alice.since
	assert.Equal(t, []any{bob.id}, alice.sync("").list("device_lists", "changed"))
	changes := alice.do(200, "GET", "/keys/changes?from="+since+"&to="+alice.since, "")
	assert.Equal(t, []any{bob.id}, changes["changed"])
	found := alice.do(200, "POST", "/keys/query", `{"device_keys":{"@bob:hs.example":[],"@nobody:hs.example":[]}}`)
	assert.Equal(t, "k", found.at("device_keys", bob.id, bob.device, "keys", "ed25519:X"))

	for _, want := range []string{"signed_curve25519:A", "signed_curve25519:B", "signed_curve25519:F", "signed_curve25519:F"} {
		claimed := alice.do(200, "POST", "/keys/claim", `{"one_time_keys":{"@bob:hs.example":{"`+bob.device+`":"signed_curve25519"}}}`)
		assert.NotNil(t, claimed.at("one_time_keys", bob.id, bob.device, want), want)
	}
	after := bob.sync("")
	assert.Equal(t, float64(0), after.at("device_one_time_keys_count", "signed_curve25519"))
	assert.Equal(t, []any{}, after["device_unused_fallback_key_types"])
	bob.do(200, "POST", "/logout", "")
	assert.Contains(t, alice.sync("").list("device_lists", "changed"), bob.id)
}

func TestCrossSigning(t *testing.T) {
	alice, bob, _ := twoInRoom(t)
	alice.do(200, "POST", "/keys/upload", `{"device_keys":{"user_id":"@alice:hs.example","device_id":"`+alice.device+`","keys":{},"signatures":{"@alice:hs.example":{"ed25519:D":"own"}}}}`)
	keys := `{"master_key":{"keys":{"ed25519:M":"M"},"usage":["master"]},"self_signing_key":{"keys":{"ed25519:S":"S"}},"user_signing_key":{"keys":{"ed25519:U":"U"}}`
	alice.do(200, "POST", "/keys/device_signing/upload", keys+"}")
	session := alice.do(401, "POST", "/keys/device_signing/upload", keys+"}")["session"].(string)
	alice.do(200, "POST", "/keys/device_signing/upload", keys+`,"auth":{"type":"m.login.password","password":"pw","session":"`+session+`"}}`)
	alice.do(200, "POST", "/keys/signatures/upload", `{"@alice:hs.example":{"`+alice.device+`":{"signatures":{"@alice:hs.example":{"ed25519:S":"sig"}}}}}`)
	bob.do(200, "POST", "/keys/signatures/upload", `{"@alice:hs.example":{"M":{"signatures":{"@bob:hs.example":{"ed25519:U":"trust"}}}}}`)
	query := `{"device_keys":{"@alice:hs.example":[]}}`
	seen := bob.do(200, "POST", "/keys/query", query)
	assert.Equal(t, map[string]any{"ed25519:D": "own", "ed25519:S": "sig"}, seen.at("device_keys", alice.id, alice.device, "signatures", alice.id))
	assert.Equal(t, "trust", seen.at("master_keys", alice.id, "signatures", bob.id, "ed25519:U"))
	assert.NotNil(t, seen.at("self_signing_keys", alice.id))
	assert.Nil(t, seen.at("user_signing_keys", alice.id), "only for the user")
	assert.NotNil(t, alice.do(200, "POST", "/keys/query", query).at("user_signing_keys", alice.id))
}

func TestMedia(t *testing.T) {
	s := New(Config{ServerName: "hs.example", MaxUpload: 100, MaxMedia: 150})
	alice := newUser(t, s, "alice")
	data := strings.Repeat("\x00\xff", 50)
	uri := alice.do(200, "POST", "/_matrix/media/v3/upload?filename="+url.QueryEscape("a b.bin"), data)["content_uri"].(string)
	path := strings.TrimPrefix(uri, "mxc://")
	for _, base := range []string{"/_matrix/media/r0/download/", "/_matrix/media/v3/download/", "/_matrix/client/v1/media/download/", "/_matrix/client/v1/media/thumbnail/"} {
		w := alice.raw(t.Context(), "GET", base+path, "")
		require.Equal(t, 200, w.Code)
		assert.Equal(t, data, w.Body.String())
		assert.Equal(t, "application/octet-stream", w.Header().Get("Content-Type"))
		assert.Equal(t, `attachment; filename="a b.bin"`, w.Header().Get("Content-Disposition"))
	}
	named := alice.raw(t.Context(), "GET", "/_matrix/client/v1/media/download/"+path+"/x.txt", "")
	assert.Equal(t, "attachment; filename=x.txt", named.Header().Get("Content-Disposition"))
	alice.fails(404, "M_NOT_FOUND", "GET", "/_matrix/client/v1/media/download/other.example/"+path[len("hs.example/"):], "")
	alice.fails(413, "M_TOO_LARGE", "POST", "/_matrix/media/v3/upload", data+"x")
	alice.fails(413, "M_TOO_LARGE", "POST", "/_matrix/media/v3/upload", data)
	alice.token = ""
	alice.fails(401, "M_MISSING_TOKEN", "GET", "/_matrix/client/v1/media/download/"+path, "")
}

func TestMembershipRules(t *testing.T) {
	alice, bob, room := twoInRoom(t)
	carol := newUser(t, alice.server, "carol")
	rooms := "/rooms/" + room
	carol.fails(403, "M_FORBIDDEN", "POST", rooms+"/join", "")
	carol.fails(403, "M_FORBIDDEN", "GET", rooms+"/messages", "")
	carol.fails(403, "M_FORBIDDEN", "POST", rooms+"/invite", `{"user_id":"@carol:hs.example"}`)
	bob.fails(403, "M_FORBIDDEN", "POST", rooms+"/kick", `{"user_id":"@alice:hs.example"}`)
	bob.do(200, "POST", rooms+"/invite", `{"user_id":"@carol:hs.example"}`)
	carol.do(200, "POST", rooms+"/leave", "")
	carol.fails(403, "M_FORBIDDEN", "POST", rooms+"/join", "")
	alice.do(200, "POST", rooms+"/invite", `{"user_id":"@carol:hs.example"}`)
	carol.do(200, "POST", rooms+"/join", "")
	carol.sync("")
	alice.do(200, "POST", rooms+"/ban", `{"user_id":"@carol:hs.example","reason":"test"}`)
	timeline := carol.sync("").list("rooms", "leave", room, "timeline", "events")
	assert.Equal(t, "test", reply(timeline[0].(map[string]any)).at("content", "reason"))
	bob.fails(403, "M_FORBIDDEN", "POST", rooms+"/invite", `{"user_id":"@carol:hs.example"}`)
	bob.fails(403, "M_FORBIDDEN", "POST", rooms+"/unban", `{"user_id":"@carol:hs.example"}`)
	alice.do(200, "POST", rooms+"/unban", `{"user_id":"@carol:hs.example"}`)
	alice.fails(400, "M_BAD_JSON", "PUT", rooms+"/state/m.room.member/@alice:hs.example", `{}`)
	alice.fails(400, "M_UNKNOWN", "POST", rooms+"/forget", "")
	carol.do(200, "POST", rooms+"/forget", "")
	full := carol.do(200, "GET", `/sync?filter={"room":{"include_leave":true}}`, "")
	assert.Nil(t, full["rooms"])
}

func TestPublicRoomsAndAliases(t *testing.T) {
	s := newServer()
	alice, bob := newUser(t, s, "alice"), newUser(t, s, "bob")
	room := alice.do(200, "POST", "/createRoom", `{"visibility":"public","name":"Harbour","room_alias_name":"harbour"}`)["room_id"].(string)
	alice.fails(400, "M_ROOM_IN_USE", "POST", "/createRoom", `{"room_alias_name":"harbour"}`)
	second := "/directory/room/" + url.PathEscape("#second:hs.example")
	bob.fails(403, "M_FORBIDDEN", "PUT", second, `{"room_id":"`+room+`"}`)
	alice.do(200, "PUT", second, `{"room_id":"`+room+`"}`)
	assert.Equal(t, room, bob.do(200, "GET", second, "")["room_id"])
	assert.Len(t, alice.do(200, "GET", "/rooms/"+room+"/aliases", "")["aliases"], 2)
	bob.do(200, "POST", "/join/"+url.PathEscape("#second:hs.example"), "{}")
	bob.fails(403, "M_FORBIDDEN", "DELETE", second, "")
	alice.do(200, "DELETE", second, "")
	bob.fails(404, "M_NOT_FOUND", "GET", second, "")
	listed := bob.do(200, "POST", "/publicRooms", `{"filter":{"generic_search_term":"HARB"}}`).list("chunk")
	require.Len(t, listed, 1)
	assert.Equal(t, float64(2), listed[0].(map[string]any)["num_joined_members"])
	assert.Empty(t, bob.do(200, "POST", "/publicRooms", `{"filter":{"generic_search_term":"none"}}`).list("chunk"))
}

func TestProfilePresenceAndDirectory(t *testing.T) {
	alice, bob, room := twoInRoom(t)
	bob.sync("")
	alice.do(200, "PUT", "/profile/@alice:hs.example/displayname", `{"displayname":"Alice & <co>"}`)
	alice.do(200, "PUT", "/presence/@alice:hs.example/status", `{"presence":"unavailable","status_msg":"lunch"}`)
	alice.fails(403, "M_FORBIDDEN", "PUT", "/profile/@bob:hs.example/displayname", `{"displayname":"x"}`)
	alice.fails(400, "M_BAD_JSON", "PUT", "/profile/@alice:hs.example/displayname", `{"displayname":7}`)
	alice.fails(400, "M_INVALID_PARAM", "PUT", "/presence/@alice:hs.example/status", `{"presence":"asleep"}`)
	assert.Equal(t, "Alice & <co>", bob.do(200, "GET", "/profile/@alice:hs.example/displayname", "")["displayname"])
	bob.fails(404, "M_NOT_FOUND", "GET", "/profile/@alice:hs.example/avatar_url", "")
	assert.Equal(t, "lunch", bob.do(200, "GET", "/presence/@alice:hs.example/status", "")["status_msg"])
	news := bob.sync("")
	assert.Equal(t, "unavailable", reply(news.list("presence", "events")[0].(map[string]any)).at("content", "presence"))
	member := reply(news.list("rooms", "join", room, "timeline", "events")[0].(map[string]any))
	assert.Equal(t, "Alice & <co>", member.at("content", "displayname"))
	assert.Equal(t, "alice", member.at("unsigned", "prev_content", "displayname"))
	found := bob.do(200, "POST", "/user_directory/search", `{"search_term":"ALI"}`).list("results")
	require.Len(t, found, 1)
	assert.Equal(t, alice.id, found[0].(map[string]any)["user_id"])
	assert.NotNil(t, bob.do(200, "GET", "/rooms/"+room+"/joined_members", "").at("joined", alice.id, "display_name"))
}

func TestAccountDataTagsAndMarkers(t *testing.T) {
	alice, bob, room := twoInRoom(t)
	first := alice.sync("").list("account_data", "events")
	assert.Equal(t, "m.push_rules", first[0].(map[string]any)["type"])
	user := "/user/" + alice.id
	alice.fails(404, "M_NOT_FOUND", "GET", user+"/account_data/m.direct", "")
	alice.do(200, "PUT", user+"/account_data/m.direct", `{"@bob:hs.example":["`+room+`"]}`)
	bob.fails(403, "M_FORBIDDEN", "GET", user+"/account_data/m.direct", "")
	alice.do(200, "PUT", user+"/rooms/"+room+"/account_data/org.example.x", `{"y":1}`)
	alice.do(200, "PUT", user+"/rooms/"+room+"/tags/m.favourite", `{"order":0.5}`)
	alice.do(200, "PUT", user+"/rooms/"+room+"/tags/u.work", `{}`)
	alice.do(200, "DELETE", user+"/rooms/"+room+"/tags/u.work", "")
	assert.Equal(t, map[string]any{"m.favourite": map[string]any{"order": 0.5}}, alice.do(200, "GET", user+"/rooms/"+room+"/tags", "")["tags"])
	event := bob.send(room, "1", "x")
	alice.do(200, "POST", "/rooms/"+room+"/read_markers", `{"m.fully_read":"`+event+`","m.read.private":"`+event+`"}`)
	news := alice.sync("")
	assert.Len(t, news.list("account_data", "events"), 1)
	var types []any
	for _, e := range news.list("rooms", "join", room, "account_data", "events") {
		types = append(types, e.(map[string]any)["type"])
	}
	assert.Equal(t, []any{"m.fully_read", "m.tag", "org.example.x"}, types)
	assert.Equal(t, float64(0), news.at("rooms", "join", room, "unread_notifications", "notification_count"))
	assert.Len(t, news.list("rooms", "join", room, "ephemeral", "events"), 1)
	assert.Nil(t, bob.sync("").at("rooms", "join", room, "ephemeral"), "a private receipt is private")
}

func TestHierarchy(t *testing.T) {
	alice, bob, room := twoInRoom(t)
	space := alice.do(200, "POST", "/createRoom", `{"name":"Space","preset":"public_chat","creation_content":{"type":"m.space"}}`)["room_id"].(string)
	alice.do(200, "PUT", "/rooms/"+space+"/state/m.space.child/"+room, `{"via":["hs.example"]}`)
	alice.do(200, "PUT", "/rooms/"+space+"/state/m.space.child/!gone:hs.example", `{}`)
	path := "/_matrix/client/v1/rooms/" + space + "/hierarchy"
	rooms := alice.do(200, "GET", path, "").list("rooms")
	require.Len(t, rooms, 2)
	assert.Equal(t, "Space", rooms[0].(map[string]any)["name"])
	assert.Equal(t, "m.space", rooms[0].(map[string]any)["room_type"])
	assert.Len(t, rooms[0].(map[string]any)["children_state"], 1)
	assert.Equal(t, room, rooms[1].(map[string]any)["room_id"])
	bob.fails(403, "M_FORBIDDEN", "GET", path, "")
}

func TestUnreadStopsAtOwnMessage(t *testing.T) {
	alice, bob, room := twoInRoom(t)
	unread := func() any {
		return bob.sync("").at("rooms", "join", room, "unread_notifications", "notification_count")
	}
	for _, txn := range []string{"1", "2", "3"} {
		alice.send(room, txn, "x")
	}
	assert.Equal(t, float64(3), unread())
	bob.send(room, "1", "answer")
	assert.Equal(t, float64(0), unread())
	alice.send(room, "4", "x")
	assert.Equal(t, float64(1), unread())
}
