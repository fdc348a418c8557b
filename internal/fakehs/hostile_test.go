package fakehs

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzRequest sends any request to a server with a room, then syncs: nothing may panic, and every answer is JSON or media.
func FuzzRequest(f *testing.F) {
	room := "/_matrix/client/v3/rooms/ROOM"
	for _, seed := range [][3]string{
		{"PUT", room + "/send/m.room.member/1", `{"membership":"join"}`},
		{"PUT", room + "/state/m.room.member/%40bob%3Ahs.example", `{"membership":7}`},
		{"PUT", room + "/state/m.room.power_levels", `{"users":null,"events":{"a":-1}}`},
		{"PUT", room + "/state/m.room.name/", `{"name":[]}`},
		{"PUT", "/_matrix/client/v3/sendToDevice/x/1", `{"messages":{"@bob:hs.example":{"*":null}}}`},
		{"POST", "/_matrix/client/v3/keys/upload", `{"one_time_keys":{"":null},"fallback_keys":{"x":1},"device_keys":null}`},
		{"POST", "/_matrix/client/v3/keys/query", `{"device_keys":{"@bob:hs.example":null}}`},
		{"POST", "/_matrix/client/v3/keys/signatures/upload", `{"@alice:hs.example":{"x":[]}}`},
		{"POST", "/_matrix/client/v3/createRoom", `{"initial_state":[{}],"invite":["@bob:hs.example","@bob:hs.example"]}`},
		{"POST", room + "/read_markers", `{"m.read":{}}`},
		{"GET", room + "/messages?from=t99999999999&to=s1&limit=-4&dir=f", ""},
		{"GET", "/_matrix/client/v3/sync?timeout=-1&since=s1_1_0&filter=%7B%22room%22%3A%7B%22timeline%22%3A%7B%22limit%22%3A-3%7D%7D%7D", ""},
		{"PUT", "/_matrix/client/v3/profile/@alice:hs.example/displayname", `{"displayname":null}`},
		{"PUT", "/_matrix/client/v3/user/@alice:hs.example/rooms/x/tags/%2F", `{}`},
		{"POST", "/_matrix/media/v3/upload?filename=%0d%0aX:%20y", "data"},
		{"GET", "/%zz", ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, method, target, body string) {
		alice, bob, room := twoInRoom(t)
		bob.sync("")
		if _, err := http.NewRequest(method, "/", nil); err != nil {
			return // net/http refuses it before a handler sees it
		}
		u, err := url.ParseRequestURI(strings.ReplaceAll(target, "ROOM", room))
		if err != nil || u.Query().Get("timeout") != "" && len(u.Query().Get("timeout")) > 2 {
			return // not a request, or one that waits
		}
		r := httptest.NewRequest(http.MethodGet, "/", strings.NewReader(body))
		r.Method, r.URL = method, u
		r.Header.Set("Authorization", "Bearer "+alice.token)
		w := httptest.NewRecorder()
		alice.server.ServeHTTP(w, r)
		if w.Header().Get("Content-Disposition") == "" && method != http.MethodOptions {
			require.True(t, json.Valid(w.Body.Bytes()), w.Body)
		}
		bob.sync("")
	})
}

func TestMemberTypeWithoutStateKeyIsAnOrdinaryEvent(t *testing.T) {
	alice, bob, room := twoInRoom(t)
	bob.sync("")
	alice.do(200, "PUT", "/rooms/"+room+"/send/m.room.member/1", `{"membership":"leave"}`)
	assert.Len(t, bob.sync("").list("rooms", "join", room, "timeline", "events"), 1)
	alice.send(room, "2", "still here")
}

func TestInvitationBringsAForgottenRoomBack(t *testing.T) {
	alice, bob, room := twoInRoom(t)
	bob.do(200, "POST", "/rooms/"+room+"/leave", "")
	bob.do(200, "POST", "/rooms/"+room+"/forget", "")
	bob.sync("")
	alice.do(200, "POST", "/rooms/"+room+"/invite", `{"user_id":"@bob:hs.example"}`)
	assert.NotNil(t, bob.sync("").at("rooms", "invite", room))
}

func TestDeviceListsAfterLeaving(t *testing.T) {
	alice, bob, room := twoInRoom(t)
	carol := newUser(t, alice.server, "carol")
	bob.do(200, "POST", "/rooms/"+room+"/leave", "")
	bob.sync("")
	alice.do(200, "POST", "/rooms/"+room+"/invite", `{"user_id":"@carol:hs.example"}`)
	alice.sync("")
	carol.do(200, "POST", "/rooms/"+room+"/join", "")
	assert.Equal(t, []any{carol.id}, alice.sync("").list("device_lists", "changed"))
	assert.Nil(t, bob.sync("")["device_lists"], "the room is no longer bob's business")
}
