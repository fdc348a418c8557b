package fakehs

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRegisterIsInteractive(t *testing.T) {
	c := &client{t: t, server: newServer()}
	first := c.do(401, "POST", "/register", `{"username":"alice","password":"pw"}`)
	assert.Equal(t, []any{"m.login.dummy"}, first.list("flows")[0].(map[string]any)["stages"])
	session := first["session"].(string)
	c.do(401, "POST", "/register", `{"username":"alice","password":"pw","auth":{"type":"m.login.dummy","session":"other"}}`)
	c.do(401, "POST", "/register", `{"username":"alice","password":"pw","auth":{"session":"`+session+`"}}`)
	done := c.do(200, "POST", "/register", `{"username":"alice","password":"pw","inhibit_login":true,"auth":{"type":"m.login.dummy","session":"`+session+`"}}`)
	assert.Equal(t, "@alice:hs.example", done["user_id"])
	assert.Nil(t, done["access_token"])
	c.fails(400, "M_USER_IN_USE", "POST", "/register", `{"username":"alice","password":"pw"}`)
	c.fails(400, "M_INVALID_USERNAME", "POST", "/register", `{"username":"Al ice","password":"pw"}`)
	c.fails(400, "M_USER_IN_USE", "GET", "/register/available?username=alice", "")
	assert.Equal(t, true, c.do(200, "GET", "/register/available?username=bob", "")["available"])
}

func TestLoginAndLogout(t *testing.T) {
	alice := newUser(t, newServer(), "alice")
	assert.Equal(t, "@alice:hs.example", alice.do(200, "GET", "/account/whoami", "")["user_id"])
	wrong := `{"type":"m.login.password","identifier":{"type":"m.id.user","user":"alice"},"password":"no"}`
	alice.fails(403, "M_FORBIDDEN", "POST", "/login", wrong)
	alice.fails(403, "M_FORBIDDEN", "POST", "/login", strings.Replace(wrong, "alice", "nobody", 1))
	alice.fails(400, "M_UNKNOWN", "POST", "/login", `{"type":"m.login.token"}`)

	second := alice.anotherDevice()
	require.Len(t, alice.do(200, "GET", "/devices", "").list("devices"), 2)
	alice.do(200, "PUT", "/devices/"+second.device, `{"display_name":"phone"}`)
	assert.Equal(t, "phone", alice.do(200, "GET", "/devices/"+second.device, "")["display_name"])
	again := alice.do(401, "DELETE", "/devices/"+second.device, "{}")
	auth := `{"auth":{"type":"m.login.password","session":"` + again["session"].(string) + `","password":"`
	alice.do(401, "DELETE", "/devices/"+second.device, auth+`no"}}`)
	alice.do(200, "DELETE", "/devices/"+second.device, auth+`pw"}}`)
	second.fails(401, "M_UNKNOWN_TOKEN", "GET", "/account/whoami", "")

	old := alice.token
	relogin := alice.do(200, "POST", "/login", `{"type":"m.login.password","user":"alice","password":"pw","device_id":"`+alice.device+`"}`)
	assert.Equal(t, alice.device, relogin["device_id"])
	alice.fails(401, "M_UNKNOWN_TOKEN", "GET", "/account/whoami", "")
	assert.NotEqual(t, old, relogin["access_token"])
	alice.token = ""
	alice.fails(401, "M_MISSING_TOKEN", "GET", "/account/whoami", "")
	alice.do(200, "POST", "/logout/all?access_token="+relogin["access_token"].(string), "")
	alice.fails(401, "M_UNKNOWN_TOKEN", "GET", "/account/whoami?access_token="+relogin["access_token"].(string), "")
}

func TestBadRequests(t *testing.T) {
	s := New(Config{ServerName: "hs.example", MaxBody: 1000})
	alice := newUser(t, s, "alice")
	room := alice.do(200, "POST", "/createRoom", "{}")["room_id"].(string)
	send := "/rooms/" + room + "/send/m.room.message/"
	for _, row := range []struct {
		name, method, path, body string
		status                   int
		code                     string
	}{
		{"no JSON", "PUT", send + "1", "{", 400, "M_NOT_JSON"},
		{"no UTF-8", "PUT", send + "2", "{\"body\":\"\xff\"}", 400, "M_NOT_JSON"},
		{"no object", "PUT", send + "3", "[1]", 400, "M_BAD_JSON"},
		{"null", "PUT", send + "4", "null", 400, "M_BAD_JSON"},
		{"too large", "PUT", send + "5", `{"body":"` + strings.Repeat("x", 1000) + `"}`, 413, "M_TOO_LARGE"},
		{"wrong type", "POST", "/createRoom", `{"invite":"all"}`, 400, "M_BAD_JSON"},
		{"wrong preset", "POST", "/createRoom", `{"preset":"odd"}`, 400, "M_INVALID_PARAM"},
		{"unknown room", "PUT", "/rooms/!no:hs.example/send/m.room.message/1", "{}", 403, "M_FORBIDDEN"},
		{"unknown path", "GET", "/nothing", "", 404, "M_UNRECOGNIZED"},
		{"trailing slash", "GET", "/account/whoami/", "", 404, "M_UNRECOGNIZED"},
		{"unknown method", "PATCH", "/account/whoami", "", 405, "M_UNRECOGNIZED"},
		{"no key backup", "GET", "/room_keys/version", "", 404, "M_NOT_FOUND"},
		{"no preview", "GET", "/_matrix/media/v3/preview_url?url=x", "", 404, "M_NOT_FOUND"},
		{"no discovery", "GET", "/.well-known/matrix/client", "", 404, "M_NOT_FOUND"},
	} {
		t.Run(row.name, func(t *testing.T) { alice.fails(row.status, row.code, row.method, row.path, row.body) })
	}
}

func TestPreflight(t *testing.T) {
	c := &client{t: t, server: newServer()}
	w := c.raw(t.Context(), http.MethodOptions, v3+"/sync", "")
	assert.Equal(t, 200, w.Code)
	assert.Equal(t, "*", w.Header().Get("Access-Control-Allow-Origin"))
	assert.Contains(t, w.Header().Get("Access-Control-Allow-Headers"), "Authorization")
	assert.Contains(t, w.Header().Get("Access-Control-Allow-Methods"), "PUT")
}

func TestSeedMakesRunsRepeatable(t *testing.T) {
	run := func(seed uint64) (tokens []string) {
		s := New(Config{Seed: seed})
		alice := newUser(t, s, "alice")
		room := alice.do(200, "POST", "/createRoom", `{"name":"x"}`)["room_id"].(string)
		return []string{alice.token, alice.device, room, alice.send(room, "1", "hi"), alice.sync("").at("next_batch").(string)}
	}
	assert.Equal(t, run(7), run(7))
	assert.NotEqual(t, run(7), run(8))
	assert.NotEqual(t, run(0), run(0))
}

func TestOldAndNewPrefixes(t *testing.T) {
	alice, _, room := twoInRoom(t)
	for _, path := range []string{
		"/_matrix/client/r0/account/whoami", "/_matrix/client/v3/account/whoami", "/_matrix/client/versions", "/_matrix/client/r0/login",
		"/_matrix/client/v3/capabilities", "/_matrix/client/v3/pushrules/", "/_matrix/client/r0/pushrules/", "/_matrix/client/v3/voip/turnServer",
		"/_matrix/client/r0/joined_rooms", "/_matrix/client/r0/rooms/" + room + "/state", "/_matrix/client/r0/rooms/" + room + "/joined_members",
		"/_matrix/client/v3/rooms/" + room + "/members?not_membership=leave", "/_matrix/media/r0/config", "/_matrix/client/v1/media/config",
		"/_matrix/client/v3/publicRooms?limit=5",
	} {
		t.Run(path, func(t *testing.T) { alice.do(200, "GET", path, "") })
	}
}
