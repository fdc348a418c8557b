package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKindOf(t *testing.T) {
	const v3 = "/_matrix/client/v3/"
	for _, c := range []struct {
		want, method, path, query, request string
		status                             int
		response                           string
	}{
		{want: "versions", method: "GET", path: "/_matrix/client/versions"},
		{want: "well_known", method: "GET", path: "/.well-known/matrix/client"},
		{want: "login_flows", method: "GET", path: v3 + "login"},
		{want: "login", method: "POST", path: v3 + "login"},
		{want: "err_register_uia", method: "POST", path: v3 + "register", status: 401, response: `{"flows":[{"stages":["m.login.dummy"]}]}`},
		{want: "err_unknown_token", method: "GET", path: v3 + "sync", status: 401, response: `{"errcode":"M_UNKNOWN_TOKEN"}`},
		{want: "err_notfound", method: "GET", path: v3 + "room_keys/version", status: 404, response: `{"errcode":"M_NOT_FOUND"}`},
		{want: "err_forbidden", method: "POST", path: v3 + "join/%23x%3Ay", status: 403},
		{want: "err_sync", method: "GET", path: v3 + "sync", query: "since=s1", status: 502, response: "bad gateway"},
		{want: "sync_full", method: "GET", path: v3 + "sync", query: "filter=1&timeout=0"},
		{want: "sync", method: "GET", path: v3 + "sync", query: "filter=1&since=s1"},
		{want: "sync", method: "GET", path: v3 + "sync", query: "since=s1"},
		{want: "sliding_sync", method: "POST", path: "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"},
		{want: "rtc_transports", method: "GET", path: "/_matrix/client/unstable/org.matrix.msc4143/rtc/transports"},
		{want: "hierarchy", method: "GET", path: "/_matrix/client/v1/rooms/!r%3Ax/hierarchy"},
		{want: "state", method: "GET", path: v3 + "rooms/!r%3Ax/state"},
		{want: "state_get", method: "GET", path: v3 + "rooms/!r%3Ax/state/m.room.name/"},
		{want: "state_put", method: "PUT", path: v3 + "rooms/!r%3Ax/state/m.room.name"},
		{want: "receipt", method: "POST", path: v3 + "rooms/!r%3Ax/receipt/m.read/$e"},
		{want: "redact", method: "PUT", path: v3 + "rooms/!r%3Ax/redact/$e/t1"},
		{want: "media_upload", method: "POST", path: "/_matrix/media/v3/upload"},
		{want: "xsign", method: "POST", path: v3 + "keys/device_signing/upload"},
		{want: "pushrules", method: "GET", path: v3 + "pushrules/"},
		{want: "send_encrypted", method: "PUT", path: v3 + "rooms/!r/send/m.room.encrypted/1"},
		{want: "send_reaction", method: "PUT", path: v3 + "rooms/!r/send/m.reaction/1"},
		{want: "send_other", method: "PUT", path: v3 + "rooms/!r/send/m.poll.start/1"},
		{want: "send_text", method: "PUT", path: v3 + "rooms/!r/send/m.room.message/1", request: `{"msgtype":"m.text"}`},
		{want: "send_text", method: "PUT", path: v3 + "rooms/!r/send/m.room.message/1", request: `[`},
		{want: "send_file", method: "PUT", path: v3 + "rooms/!r/send/m.room.message/1", request: `{"msgtype":"m.image"}`},
		{want: "send_location", method: "PUT", path: v3 + "rooms/!r/send/m.room.message/1", request: `{"msgtype":"m.location"}`},
		{want: "send_notice", method: "PUT", path: v3 + "rooms/!r/send/m.room.message/1", request: `{"msgtype":"m.notice"}`},
		{want: "send_emote", method: "PUT", path: v3 + "rooms/!r/send/m.room.message/1", request: `{"msgtype":"m.emote"}`},
		{want: "send_reply", method: "PUT", path: v3 + "rooms/!r/send/m.room.message/1", request: `{"m.relates_to":{"m.in_reply_to":{"event_id":"$e"}}}`},
		{want: "send_thread", method: "PUT", path: v3 + "rooms/!r/send/m.room.message/1", request: `{"m.relates_to":{"rel_type":"m.thread","m.in_reply_to":{"event_id":"$e"}}}`},
		{want: "send_thread", method: "PUT", path: v3 + "rooms/!r/send/m.room.message/1", request: `{"m.relates_to":{"rel_type":"io.element.thread","event_id":"$e"}}`},
		{want: "send_edit", method: "PUT", path: v3 + "rooms/!r/send/m.room.message/1", request: `{"m.relates_to":{"rel_type":"m.replace"}}`},
		{want: "other", method: "GET", path: v3 + "rooms/!r"},
		{want: "other", method: "GET", path: "/favicon.ico"},
		{want: "other", method: "PATCH", path: v3 + "login"},
	} {
		if c.status == 0 {
			c.status = 200
		}
		require.Equal(t, c.want, kindOf(c.method, c.path, c.query, []byte(c.request), c.status, []byte(c.response)),
			"%s %s", c.method, c.path)
	}
}
