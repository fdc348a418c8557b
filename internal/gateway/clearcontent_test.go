package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestClearText(t *testing.T) {
	const event = `{"event_id":"$1","sender":"@a:b","origin_server_ts":1700000000000,"type":"m.room.encrypted","content":{"algorithm":"m.megolm.v1.aes-sha2","ciphertext":"AwgA"}}`
	const notice = `{"content":{"body":"[encrypted message: not carried over this link]","msgtype":"m.notice"},"event_id":"$1","origin_server_ts":1700000000000,"sender":"@a:b","type":"m.room.message"}`
	for _, tt := range []struct {
		name, in, want string // want "": nothing may be told
		kind           clearKind
	}{
		{"untouched", `{ "b": 12345678901234567890, "a": [1.50, "<&>"] }`, `{ "b": 12345678901234567890, "a": [1.50, "<&>"] }`, clearJSON},
		{"untouched sync", `{"next_batch":"s1"}`, `{"next_batch":"s1"}`, clearSync},
		{"an event", event, notice, clearJSON},
		{"in a timeline", `{"rooms":{"join":{"!r":{"timeline":{"events":[` + event + `,{"type":"m.room.message","content":{"body":"<hi>"}}]}}}}}`,
			`{"rooms":{"join":{"!r":{"timeline":{"events":[` + notice + `,{"content":{"body":"<hi>"},"type":"m.room.message"}]}}}}}`, clearSync},
		{"in unsigned", `{"event_id":"$2","type":"m.room.message","content":{},"unsigned":{"m.relations":{"m.thread":{"latest_event":` + event + `}}}}`,
			`{"content":{},"event_id":"$2","type":"m.room.message","unsigned":{"m.relations":{"m.thread":{"latest_event":` + notice + `}}}}`, clearJSON},
		{"an encrypted attachment", `{"event_id":"$1","type":"m.room.message","content":{"msgtype":"m.image","file":{"url":"mxc://a/b","key":{"k":"x"},"iv":"y"}}}`,
			`{"content":{"body":"[encrypted message: not carried over this link]","msgtype":"m.notice"},"event_id":"$1","type":"m.room.message"}`, clearJSON},
		{"without a place", `{"chunk":[{"type":"m.room.encrypted","content":{}},{"type":"m.cross_signing.master","content":{}},{"type":"m.tag","content":{}}]}`,
			`{"chunk":[{"content":{},"type":"m.tag"}]}`, clearJSON},
		{"keys and to-device", `{"device_lists":{"changed":["@a:b"]},"device_one_time_keys_count":{"x":1},"device_unused_fallback_key_types":[],"next_batch":"s2","to_device":{"events":[{"type":"m.dummy","content":{}}]}}`,
			`{"next_batch":"s2"}`, clearSync},
		{"tokens", `{"access_token":"s","refresh_token":"s","user_id":"@a:b"}`, `{"user_id":"@a:b"}`, clearJSON},
		{"words of a person", `{"event_id":"$1","type":"m.room.message","content":{"body":"x","password":"said in public"}}`,
			`{"event_id":"$1","type":"m.room.message","content":{"body":"x","password":"said in public"}}`, clearJSON},
		{"encryption of a room", `{"algorithm":"m.megolm.v1.aes-sha2"}`, `{"algorithm":"m.megolm.v1.aes-sha2"}`, clearJSON},
		{"secret storage", `{"encrypted":{"k":{"iv":"a","ciphertext":"b","mac":"c"}}}`, `{"encrypted":{}}`, clearJSON},
		{"state of an encrypted event", `{"algorithm":"m.megolm.v1.aes-sha2","ciphertext":"AwgA"}`, "", clearJSON},
		{"no JSON", `<html>`, "", clearJSON},
		{"two values", `{} {"ciphertext":1}`, "", clearJSON},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := clearText([]byte(tt.in), tt.kind)
			assert.Equal(t, tt.want != "", ok)
			assert.Equal(t, tt.want, string(got))
		})
	}
}

// FuzzClearText: whatever a homeserver answers, nothing hidden is left of it, and a
// second look finds nothing more.
func FuzzClearText(f *testing.F) {
	f.Add(`{"event_id":"$1","type":"m.room.encrypted","content":{"ciphertext":"x"},"unsigned":{"redacted_because":{"type":"m.room.encrypted","content":{}}}}`, true)
	f.Add(`[{"ciphertext":1},[{"type":"m.room.encrypted","content":[]}]]`, false)
	f.Add(`{"type":{"type":"m.room.encrypted","content":{}},"content":{"key":{},"iv":1}}`, false)
	f.Fuzz(func(t *testing.T, text string, sync bool) {
		kind := clearJSON
		if sync {
			kind = clearSync
		}
		got, ok := clearText([]byte(text), kind)
		if !ok {
			return
		}
		require.True(t, json.Valid(got))
		again, ok := clearText(got, kind)
		require.True(t, ok)
		assert.Equal(t, string(got), string(again))
		v, err := readJSON(got)
		require.NoError(t, err)
		assert.False(t, hiddenEvent(v), text)
	})
}

// hiddenEvent tells whether an event or a ciphertext is left anywhere.
func hiddenEvent(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		if hiddenHere(v) {
			return true
		}
		for _, member := range v {
			if hiddenEvent(member) {
				return true
			}
		}
	case []any:
		for _, item := range v {
			if hiddenEvent(item) {
				return true
			}
		}
	}
	return false
}

// FuzzScreen: a request that passes bears no credential, and passes again.
func FuzzScreen(f *testing.F) {
	f.Add("PUT", "/_matrix/client/v3/rooms/!a:b/send/m.room.message/1?access_token=x", `{"body":"x"}`)
	f.Add("POST", "/_matrix/media/v3/upload?filename=a", "GIF89a")
	f.Add("GET", "/_matrix/client/v3/user/@a:b/rooms/!a:b/account_data/m.tag", "")
	f.Add("POST", "/_matrix/client/r0/createRoom", `{"initial_state":[{"type":"m.room.encryption"}]}`)
	f.Fuzz(func(t *testing.T, method, target, body string) {
		r, err := http.NewRequest(method, "http://x", strings.NewReader(body))
		if err != nil {
			return
		}
		if r.URL, err = r.URL.Parse(target); err != nil {
			return
		}
		r.Header.Set("Authorization", "Bearer secret")
		r.Header.Set("Content-Type", "image/gif")
		out, _, refused := screen(r)
		if refused != nil {
			assert.Contains(t, []int{400, 403, 404, 413}, refused.Status)
			return
		}
		assert.Empty(t, out.Header.Get("Authorization"))
		assert.False(t, out.URL.Query().Has("access_token"))
		_, _, refused = screen(out)
		assert.Nil(t, refused)
	})
}

// Files go on air when everyone can open them.
func TestClearFiles(t *testing.T) {
	picture := "\x89PNG\x0D\x0A\x1A\x0A" + strings.Repeat("\x00", 100)
	noise := "\x01\x9f\x00" + strings.Repeat("\xfe\x03\x80", 100)
	for _, tt := range []struct {
		name, said, body string
		passes           bool
	}{
		{"picture", "image/png", picture, true},
		{"text", "text/plain; charset=utf-8", "QTH Wien", true},
		{"empty", "text/plain", "", true},
		{"encrypted", "application/octet-stream", noise, false},
		{"picture that says it is encrypted", "application/octet-stream", picture, false},
		{"encrypted that says it is a picture", "image/png", noise, false},
		{"no type", "", picture, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			up := httptest.NewRequest(http.MethodPost, "/_matrix/media/v3/upload", strings.NewReader(tt.body))
			up.Header.Set("Content-Type", tt.said)
			out, _, refused := screen(up)
			assert.Equal(t, tt.passes, refused == nil)
			if refused == nil {
				whole, err := io.ReadAll(out.Body)
				require.NoError(t, err)
				assert.Equal(t, tt.body, string(whole))
			}
			down := httptest.NewRecorder()
			down.Header().Set("Content-Type", tt.said)
			_, _ = io.WriteString(down, tt.body)
			res := down.Result()
			res.Request = httptest.NewRequest(http.MethodGet, "/_matrix/client/v1/media/download/a/b", nil)
			target, refused := routeClear(http.MethodGet, res.Request.URL)
			require.Nil(t, refused)
			refused = clearResponse(res, target)
			assert.Equal(t, tt.passes, refused == nil)
			if refused == nil {
				whole, err := io.ReadAll(res.Body)
				require.NoError(t, err)
				assert.Equal(t, tt.body, string(whole))
			}
		})
	}
}

func TestClearResponse(t *testing.T) {
	answer := func(status int, contentType, body string) *http.Response {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		return &http.Response{
			StatusCode: status, Request: r, Body: io.NopCloser(strings.NewReader(body)),
			Header: http.Header{"Content-Type": {contentType}, "Set-Cookie": {"secret"}, "Location": {"secret"}, "Www-Authenticate": {"secret"}},
		}
	}
	for _, tt := range []struct {
		name, contentType, body string
		status, want            int // want 0: passes
	}{
		{"JSON", "application/json", `{}`, 200, 0},
		{"an error", "application/json", `{"errcode":"M_FORBIDDEN"}`, 403, 0},
		{"nothing", "", "", 204, 0},
		{"not modified", "", "", 304, 0},
		{"a web page", "text/html", "<p>", 502, 502},
		{"a redirection", "", "", 307, 404},
		{"the token is not good any more", "application/json", `{"errcode":"M_UNKNOWN_TOKEN"}`, 401, 502},
		{"hidden", "application/json", `{"ciphertext":""}`, 200, 403},
		{"too large", "application/json", `"` + strings.Repeat("x", maxClearAnswer) + `"`, 200, 502},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := answer(tt.status, tt.contentType, tt.body)
			refused := clearResponse(res, clearTarget{})
			for _, name := range []string{"Set-Cookie", "Location", "Www-Authenticate"} {
				assert.Empty(t, res.Header.Get(name))
			}
			if tt.want == 0 {
				require.Nil(t, refused)
				return
			}
			require.NotNil(t, refused)
			assert.Equal(t, tt.want, refused.Status)
		})
	}
	broken := answer(200, "application/json", "")
	broken.Body = io.NopCloser(failingReader{errors.New("gone")})
	require.NotNil(t, clearResponse(broken, clearTarget{}))
}

func TestScreenBodies(t *testing.T) {
	for body, status := range map[string]int{
		`{"body":"x"}`: 0, ``: 0, `{`: 400, strings.Repeat("x", maxClearBody+1): 413,
		`{"body":"x","auth":{}}`: 403, `{"New_Password":"x"}`: 403, `{"rooms":[{"id_access_token":"x"}]}`: 403, `[{"ciphertext":1}]`: 403,
	} {
		r := httptest.NewRequest(http.MethodPost, "/_matrix/client/v3/search", strings.NewReader(body))
		_, _, refused := screen(r)
		if status == 0 {
			assert.Nil(t, refused, body)
		} else if assert.NotNil(t, refused, body) {
			assert.Equal(t, status, refused.Status)
		}
	}
	event := httptest.NewRequest(http.MethodPut, "/_matrix/client/v3/rooms/!a:b/send/m.room.message/1", strings.NewReader(`{"quiz":{"auth":"a word"}}`))
	_, _, refused := screen(event)
	assert.Nil(t, refused)
	packed := httptest.NewRequest(http.MethodPost, "/_matrix/client/v3/search", bytes.NewReader([]byte{0x1f, 0x8b}))
	packed.Header.Set("Content-Encoding", "gzip")
	_, _, refused = screen(packed)
	require.NotNil(t, refused)
}
