package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// clock is a recording whose every exchange ends a second after the one before.
func clock() *recording {
	at := time.Unix(1_700_000_000, 0)
	return &recording{session: "ann", now: func() time.Time {
		at = at.Add(time.Second)
		return at
	}}
}

func written(t *testing.T, r *recording) []string {
	t.Helper()
	var out strings.Builder
	require.NoError(t, r.writeTo(&out))
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

func TestRecordingWritesALineForEachExchange(t *testing.T) {
	r := clock()
	r.add("PUT", "/_matrix/client/v3/rooms/!r%3Ax/send/m.room.message/1", "", []byte("{\"body\":\n\"a <b> & c\\u00e9\"}"), 200, []byte(`{"event_id":"$e"}`))
	r.add("GET", "/_matrix/client/v3/joined_rooms", "a=1&b=%20", nil, 200, []byte(`{"joined_rooms":[]}`))
	r.add("POST", "/_matrix/media/v3/upload", "", []byte("\x89PNG"), 200, []byte(`{"content_uri":"mxc://x/1"}`))
	require.Equal(t, []string{
		`{"session":"ann","seq":1,"kind":"send_text","method":"PUT","path":"/_matrix/client/v3/rooms/!r%3Ax/send/m.room.message/1","query":"","req":{"body":"a <b> & c\u00e9"},"status":200,"resp":{"event_id":"$e"},"t":1700000001000}`,
		`{"session":"ann","seq":2,"kind":"joined_rooms","method":"GET","path":"/_matrix/client/v3/joined_rooms","query":"a=1&b=%20","status":200,"resp":{"joined_rooms":[]},"t":1700000002000}`,
		`{"session":"ann","seq":3,"kind":"media_upload","method":"POST","path":"/_matrix/media/v3/upload","query":"","status":200,"resp":{"content_uri":"mxc://x/1"},"t":1700000003000}`,
	}, written(t, r))
}

func TestRecordingLeavesOutLongIdleness(t *testing.T) {
	r := clock()
	poll := func(resp string) {
		r.add("GET", "/_matrix/client/v3/sync", "since=s1", nil, 200, []byte(resp))
	}
	nothing := `{"next_batch":"s1","device_one_time_keys_count":{"signed_curve25519":50}}`
	for range 5 {
		poll(nothing)
	}
	poll(`{"next_batch":"s2","rooms":{"join":{"!r":{"timeline":{"events":[{"type":"m.room.message"}]}}}}}`)
	poll(nothing)
	lines := written(t, r)
	require.Len(t, lines, 4)
	require.Contains(t, lines[2], "m.room.message")
	require.Contains(t, lines[3], `"seq":4`)
}
