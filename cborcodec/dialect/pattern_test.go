package dialect

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRoutePattern(t *testing.T) {
	for _, tt := range []struct{ method, path, want string }{
		{"GET", "/_matrix/client/v3/sync", "/_matrix/client/v3/sync"},
		{"GET", "/_matrix/client/v3/rooms/%21a%3Ab/messages", "/_matrix/client/v3/rooms/{roomId}/messages"},
		{"PUT", "/_matrix/client/v3/rooms/!a:b/send/m.room.message/t1", "/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}"},
		{"PUT", "/_matrix/client/v3/rooms/!a:b/send/org.example/t1", "/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}"},
		{"GET", "/_matrix/client/v3/rooms/!a:b/elsewhere", ""},
		{"BREW", "/_matrix/client/v3/sync", ""},
		{"GET", "no path", ""},
		{"GET", "", ""},
	} {
		got, ok := RoutePattern(tt.method, tt.path)
		assert.Equal(t, tt.want, got, tt.path)
		assert.Equal(t, tt.want != "", ok)
	}
}
