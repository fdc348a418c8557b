package join

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestKindOf(t *testing.T) {
	tests := []struct {
		method, path, body string
		want               kind
	}{
		{"GET", "/_matrix/client/versions", "", reading},
		{"", "/_matrix/client/v3/pushrules/", "", reading},
		{"GET", "/anything", "", reading},
		{"GET", "/anything", "content", apart},
		{"GET", "/_matrix/client/v3/sync", "", lasting},
		{"GET", "/_matrix/client/unstable/org.matrix.msc9/sync", "", lasting},
		{"GET", "/_matrix/client/v3/rooms/!r/sync", "", reading},
		{"GET", "/_matrix/media/v3/download/hs/id", "", lasting},
		{"GET", "/_matrix/media/r0/thumbnail/hs/id", "", lasting},
		{"GET", "/_matrix/client/v1/media/download/hs/id/name.jpg", "", lasting},
		{"GET", "/_matrix/client/unstable/org.matrix.msc3916/media/thumbnail/hs/id", "", lasting},
		{"GET", "/_matrix/media/v3/config", "", reading},
		{"GET", "/_matrix/media/v3/preview_url", "", reading},
		{"GET", "/_matrix/media", "", reading},
		{"HEAD", "/_matrix/client/v3/sync", "", apart},
		{"POST", "/_matrix/client/v3/rooms/!r/send/t/1", "{}", apart},
		{"DELETE", "/_matrix/client/v3/rooms/!r/send/t/1", "", apart},
		{"PUT", "/_matrix/client/v3/rooms/!r:hs/send/m.room.message/1", "{}", transaction},
		{"PUT", "/_matrix/client/r0/rooms/!r%2Fx/send/m%2Fx/1", "{}", transaction},
		{"PUT", "/_matrix/client/unstable/rooms/!r/send/m.x/1", "{}", transaction},
		{"PUT", "/_matrix/client/unstable/org.matrix.msc9/rooms/!r/send/m.x/1", "{}", transaction},
		{"PUT", "/_matrix/client/v3/rooms/!r/redact/$e/1", "{}", transaction},
		{"PUT", "/_matrix/client/v3/sendToDevice/m.room.encrypted/1", "{}", transaction},
		{"PUT", "/_matrix/client/r0/sendToDevice/m.room.encrypted/1", "", transaction},
		{"PUT", "/_matrix/client/v3/sendToDevice/m.room.encrypted/", "{}", apart},
		{"PUT", "/_matrix/client/v3/rooms/!r/send/m.x/", "{}", apart},
		{"PUT", "/_matrix/client/v3/rooms/!r/send/m.x", "{}", apart},
		{"PUT", "/_matrix/client/v3/rooms/!r/send/m.x/1/2", "{}", apart},
		{"PUT", "/_matrix/client/v3/rooms/!r/state/m.room.topic", "{}", apart},
		{"PUT", "/_matrix/client/v3/rooms/!r/state/send/1", "{}", apart},
		{"PUT", "/_matrix/client/v3/rooms/!r/typing/@u", "{}", apart},
		{"PUT", "/_matrix/client/v3/presence/@u/status", "{}", apart},
		{"PUT", "/_matrix/client/v3/profile/@u/displayname", "{}", apart},
		{"PUT", "/_matrix/client/v3/user/@u/rooms/!r/account_data/t", "{}", apart},
		{"PUT", "/_matrix/client/v3/user/@u/rooms/!r/tags/send", "{}", apart},
		{"PUT", "/elsewhere/v3/rooms/!r/send/m.x/1", "{}", apart},
		{"PUT", "/_matrix/client/", "", apart},
	}
	for _, tt := range tests {
		r := request(t, t.Context(), tt.method, "https://hs"+tt.path, "", tt.body)
		r.Method = tt.method
		assert.Equal(t, tt.want, kindOf(r), "%s %s", tt.method, tt.path)
	}
	r := request(t, t.Context(), "GET", "https://hs/", "", "")
	r.Header.Set("Upgrade", "websocket")
	assert.Equal(t, apart, kindOf(r))
}

func TestEndsSessions(t *testing.T) {
	for target, want := range map[string]bool{
		"POST /logout": true, "POST /logout/all": true, "POST /delete_devices": true,
		"POST /account/password": true, "POST /account/deactivate": true, "DELETE /devices/D": true,
		"GET /logout": false, "PUT /devices/D": false, "POST /account/3pid/add": false,
		"GET /account/whoami": false, "POST /login": false, "POST /": false,
	} {
		method, path, _ := strings.Cut(target, " ")
		r := request(t, t.Context(), method, "https://hs/_matrix/client/v3"+path, "", "")
		assert.Equal(t, want, endsSessions(r), target)
	}
	assert.False(t, endsSessions(request(t, t.Context(), "POST", "https://hs/logout", "", "")))
}

func TestKeepable(t *testing.T) {
	for status, want := range map[int]bool{
		http.StatusOK: true, http.StatusFound: true, http.StatusForbidden: true, http.StatusNotFound: true,
		http.StatusUnauthorized: false, http.StatusTooManyRequests: false,
		http.StatusInternalServerError: false, http.StatusBadGateway: false, http.StatusGatewayTimeout: false,
	} {
		assert.Equal(t, want, keepable(status), status)
	}
}
