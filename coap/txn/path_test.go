package txn

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestOf(t *testing.T) {
	room := func(id string) Transaction { return Transaction{Room: id} }
	devices := Transaction{ToDevice: true}
	for target, want := range map[string]Transaction{
		"PUT v3/rooms/!r:hs/send/m.room.message/1":                     room("!r:hs"),
		"PUT v3/rooms/%21r%3Ahs/redact/$e/1":                           room("!r:hs"),
		"PUT r0/rooms/!r%2Fx/send/m%2Fx/1":                             room("!r/x"),
		"PUT unstable/rooms/!r/send/m.x/1":                             room("!r"),
		"PUT unstable/org.matrix.msc9/rooms/!r/send/m.x/1?ts=1":        room("!r"),
		"PUT v3/sendToDevice/m.room.encrypted/1":                       devices,
		"PUT unstable/org.matrix.msc9/sendToDevice/m.room.encrypted/1": devices,
	} {
		got, ok := of(target)
		assert.True(t, ok, target)
		assert.Equal(t, want, got, target)
	}
	for _, target := range []string{
		"POST v3/rooms/!r/send/m.x/1", "PUT v3/rooms/!r/send/m.x/", "PUT v3/rooms/!r/send/m.x", "PUT v3/rooms/!r/send/m.x/1/2",
		"PUT v3/rooms/!r/state/m.room.topic", "PUT v3/rooms/!r/state/send/1", "PUT v3/sendToDevice/m.x/", "PUT v3/sendToDevice/m.x",
		"PUT v3/rooms/!r/typing/@u", "GET v3/sendToDevice/m.x/1", "PUT ",
	} {
		_, ok := of(target)
		assert.False(t, ok, target)
	}
}

func of(target string) (Transaction, bool) {
	method, path, _ := strings.Cut(target, " ")
	return Of(httptest.NewRequest(method, "/_matrix/client/"+path, nil))
}

func TestLogsOut(t *testing.T) {
	for target, want := range map[string]bool{
		"POST v3/logout": true, "POST v3/logout/all": true, "GET v3/logout": false, "POST v3/login": false, "POST ": false,
	} {
		method, path, _ := strings.Cut(target, " ")
		assert.Equal(t, want, LogsOut(httptest.NewRequest(method, "/_matrix/client/"+path, nil)), target)
	}
}

func TestAuthorized(t *testing.T) {
	r := httptest.NewRequest("PUT", "/x", nil)
	assert.False(t, Authorized(r))
	r.Header.Set("Authorization", "Bearer t")
	assert.True(t, Authorized(r))
	assert.True(t, Authorized(httptest.NewRequest("PUT", "/x?access_token=t", nil)))
}
