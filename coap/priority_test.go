package coap

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/endpoint"
)

func TestPriorityOf(t *testing.T) {
	const (
		bulk   = endpoint.PriorityBulk
		normal = endpoint.PriorityNormal
		urgent = endpoint.PriorityInteractive
	)
	for _, tt := range []struct {
		method, target string
		want           endpoint.Priority
	}{
		{"PUT", "/_matrix/client/v3/rooms/!r:s/send/m.room.message/1", urgent},
		{"PUT", "/_matrix/client/r0/rooms/!r:s/send/m.room.encrypted/1", urgent},
		{"PUT", "/_matrix/client/v3/rooms/!r:s/state/m.room.name/", urgent},
		{"PUT", "/_matrix/client/v3/sendToDevice/m.room.encrypted/1", urgent},
		{"POST", "/_matrix/client/v3/keys/query", urgent},
		{"POST", "/_matrix/client/v3/keys/claim", urgent},
		{"POST", "/_matrix/client/v3/login", urgent},
		{"POST", "/_matrix/client/v3/join/!r:s", urgent},
		{"POST", "/elsewhere", urgent},
		{"DELETE", "/_matrix/client/v3/devices/a", urgent},

		{"GET", "/_matrix/client/v3/sync?since=s1&timeout=0", normal},
		{"GET", "/_matrix/client/versions", normal},
		{"", "/_matrix/client/versions", normal},
		{"HEAD", "/", normal},
		{"POST", "/_matrix/client/v3/rooms/!r:s/receipt/m.read/$e", normal},
		{"PUT", "/_matrix/client/v3/rooms/!r:s/typing/@u:s", normal},
		{"POST", "/_matrix/client/v3/keys/upload", normal},

		{"GET", "/_matrix/client/v3/sync", bulk},
		{"GET", "/_matrix/client/v3/sync?filter=1&since=", bulk},
		{"GET", "/_matrix/client/v3/rooms/!r:s/messages?dir=b", bulk},
		{"PUT", "/_matrix/client/v3/room_keys/keys?version=1", bulk},
		{"GET", "/_matrix/media/v3/download/s/a", bulk},
		{"POST", "/_matrix/media/v3/upload", bulk},
		{"GET", "/_matrix/client/v1/media/download/s/a", bulk},

		{"GET", "/_matrix/media", normal},
		{"GET", "/_matrix/client/v3/sync/", normal},
		{"GET", "/_matrix/client/v3/rooms//messages", normal},
	} {
		u, err := url.Parse(tt.target)
		require.NoError(t, err)
		assert.Equal(t, tt.want, priorityOf(tt.method, u), "%s %s", tt.method, tt.target)
	}
}
