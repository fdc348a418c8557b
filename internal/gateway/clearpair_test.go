package gateway

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/observe"
	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/conformance/inprocess"
	"github.com/coapgw/coapgw/internal/keys"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// ciphertext stands for what Megolm makes.
const ciphertext = "AwgAEnACgAkLmt6qF84IK++J7UDH2Za1YVchHyprqTqsgZyfZgwrGcYvWzFYaXgDyWM"

// A whole session of an unmodified client: log in, sync, send, receive, over a radio
// link, with both sides restarted in the middle. Nothing that is secret is on the air.
func TestClearSession(t *testing.T) {
	for _, name := range []string{"vhf-ax25-1200", "hf-vara500"} {
		t.Run(name, func(t *testing.T) {
			inClearWorld(t, name, func(t *testing.T, w *clearWorld) {
				alice := w.register("alice")
				room := w.direct(alice, http.MethodPost, "/createRoom", map[string]any{"invite": []string{"@radio:localhost"}}).body["room_id"].(string)
				secret := w.direct(alice, http.MethodPost, "/createRoom", map[string]any{
					"invite":        []string{"@radio:localhost"},
					"initial_state": []any{map[string]any{"type": "m.room.encryption", "state_key": "", "content": map[string]any{"algorithm": "m.megolm.v1.aes-sha2"}}},
				}).body["room_id"].(string)
				token := w.login()
				for _, id := range []string{room, secret} {
					require.Equal(t, http.StatusOK, w.ask(w.web, token, http.MethodPost, "/join/"+id, map[string]any{}).status)
				}
				encrypted := map[string]any{"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": ciphertext, "session_id": "s"}
				require.Equal(t, http.StatusOK, w.direct(alice, http.MethodPut, "/rooms/"+secret+"/send/m.room.encrypted/1", encrypted).status)
				require.Equal(t, http.StatusOK, w.direct(alice, http.MethodPut, "/sendToDevice/m.room.encrypted/2", map[string]any{
					"messages": map[string]any{"@radio:localhost": map[string]any{"*": map[string]any{"ciphertext": ciphertext}}},
				}).status)
				sync := w.ask(w.web, token, http.MethodGet, "/sync", nil)
				require.Equal(t, http.StatusOK, sync.status)
				text, err := json.Marshal(sync.body)
				require.NoError(t, err)
				assert.Contains(t, string(text), withheld)
				assert.NotContains(t, string(text), "to_device")
				assert.Contains(t, string(text), "m.megolm.v1.aes-sha2", "the state says why one cannot write there")

				w.stopServer()
				require.NoError(t, w.transport.Close())
				w.takeSecrets(alice, token)
				w.startServer()
				w.startClient()

				sent := w.ask(w.web, token, http.MethodPut, "/rooms/"+room+"/send/m.room.message/7", map[string]any{"msgtype": "m.text", "body": "73 de OE1XYZ"})
				require.Equal(t, http.StatusOK, sent.status, sent.body)
				air := w.takeAir()
				require.NotEmpty(t, air)
				assert.NotZero(t, air[0].Payload[0], "no second hello")
				assert.Contains(t, string(air[0].Payload), "73 de OE1XYZ")
				w.scan(air, alice, token)

				time.AfterFunc(time.Minute, func() {
					w.direct(alice, http.MethodPut, "/rooms/"+room+"/send/m.room.message/8", map[string]any{"msgtype": "m.text", "body": "gud copy"})
				})
				since := sync.body["next_batch"].(string)
				for range 3 { // what we sent comes back first
					poll := w.ask(w.web, token, http.MethodGet, "/sync?timeout=90000&since="+url.QueryEscape(since), nil)
					require.Equal(t, http.StatusOK, poll.status)
					since = poll.body["next_batch"].(string)
					if text, err = json.Marshal(poll.body); bytes.Contains(text, []byte("gud copy")) {
						break
					}
				}
				require.NoError(t, err)
				assert.Contains(t, string(text), "gud copy")
				w.takeSecrets(alice, token)
			})
		})
	}
}

func TestLeaksBites(t *testing.T) {
	packet := func(s string) linkemu.Packet { return linkemu.Packet{Payload: []byte(s)} }
	assert.NotEmpty(t, leaks([]linkemu.Packet{packet("xx" + ciphertext[:30]), packet(ciphertext[30:])}, []string{ciphertext}))
	assert.NotEmpty(t, leaks([]linkemu.Packet{packet(clearPassword[:14]), packet(clearPassword[14:])}, []string{clearPassword}))
	assert.Empty(t, leaks([]linkemu.Packet{packet("73 de OE1XYZ")}, []string{clearPassword}))
}

// What must not go on air is refused where the client is, and again where the
// homeserver is, should the other side be another program.
func TestClearRefusals(t *testing.T) {
	inClearWorld(t, "vhf-ax25-1200", func(t *testing.T, w *clearWorld) {
		token := w.login()
		before := len(w.takeAir())
		require.NotZero(t, before)
		event := map[string]any{"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": ciphertext}
		for _, tt := range []struct {
			method, path string
			body         any
			status       int
		}{
			{"POST", "/login", map[string]any{"type": "m.login.password", "user": "radio", "password": clearPassword}, 403},
			{"POST", "/login", map[string]any{"type": "m.login.token", "token": "x"}, 403},
			{"POST", "/register", map[string]any{"username": "x", "password": clearPassword}, 403},
			{"POST", "/refresh", map[string]any{"refresh_token": "x"}, 403},
			{"POST", "/account/password", map[string]any{"new_password": "x"}, 403},
			{"POST", "/account/3pid/add", map[string]any{"sid": "x"}, 403},
			{"POST", "/user/@radio:localhost/openid/request_token", map[string]any{}, 403},
			{"GET", "/voip/turnServer", nil, 403},
			{"GET", "/pushers", nil, 403},
			{"DELETE", "/devices/X", map[string]any{}, 403},
			{"PUT", "/devices/X", map[string]any{"auth": map[string]any{"type": "m.login.dummy"}}, 403},
			{"POST", "/keys/upload", map[string]any{}, 403},
			{"POST", "/keys/claim", map[string]any{}, 403},
			{"POST", "/keys/device_signing/upload", map[string]any{}, 403},
			{"GET", "/room_keys/version", nil, 403},
			{"PUT", "/sendToDevice/m.room.encrypted/1", map[string]any{}, 403},
			{"PUT", "/rooms/!a:b/send/m.room.encrypted/1", event, 403},
			{"PUT", "/rooms/!a:b/send/m.room.%65ncrypted/1", map[string]any{}, 403},
			{"PUT", "/rooms/!a:b/send/m.room.message/1", event, 403},
			{"PUT", "/rooms/!a:b/send/m.room.message/1", map[string]any{"msgtype": "m.file", "file": map[string]any{"key": map[string]any{"k": "x"}, "iv": "y"}}, 403},
			{"PUT", "/rooms/!a:b/state/m.room.encryption/", map[string]any{"algorithm": "m.megolm.v1.aes-sha2"}, 403},
			{"POST", "/createRoom", map[string]any{"initial_state": []any{map[string]any{"type": "m.room.encryption"}}}, 403},
			{"PUT", "/user/@radio:localhost/account_data/m.secret_storage.key.x", map[string]any{}, 403},
			{"PUT", "/user/@radio:localhost/account_data/x", map[string]any{"encrypted": event}, 403},
			{"GET", "/sync?access_token=x&login_token=y", nil, 403},
			{"GET", "/rooms/../login", nil, 404},
			{"GET", "/brand/new", nil, 404},
			{"GET", "/_matrix/client/unstable/sync", nil, 404},
			{"GET", "/_synapse/admin/v1/users", nil, 404},
			{"GET", "/_matrix/federation/v1/version", nil, 404},
		} {
			name := tt.method + " " + tt.path
			if !strings.HasPrefix(tt.path, "/_synapse") {
				got := w.ask(w.web, token, tt.method, tt.path, tt.body)
				assert.Equal(t, tt.status, got.status, name)
				assert.NotEmpty(t, got.body["error"], name)
			}
			if strings.HasPrefix(tt.path, "/_") {
				continue
			}
			far := w.ask(w.atServer(), token, tt.method, tt.path, tt.body)
			assert.Contains(t, []int{403, 404}, far.status, name)
		}
		assert.Empty(t, w.takeAir(), "nothing of that went on air")
		for _, tt := range []struct {
			token string
			path  string
		}{{"", "/sync"}, {"", "/rooms/x/members"}, {"wrong", "/sync"}, {string(w.station.Token), "/account/whoami"}} {
			assert.Equal(t, http.StatusUnauthorized, w.ask(w.web, tt.token, "GET", tt.path, nil).status)
		}
		assert.Equal(t, http.StatusNotFound, w.ask(w.web, "", "GET", "/_matrix/client/v1/auth_metadata", nil).status, "clients ask before they log in")
		assert.Equal(t, http.StatusUnauthorized, w.ask(w.web, "", "POST", "/logout", map[string]any{}).status)
		assert.Equal(t, http.StatusOK, w.ask(w.web, token, "POST", "/logout", map[string]any{}).status)
		assert.Empty(t, w.takeAir())
		assert.Equal(t, http.StatusOK, w.direct(string(w.station.Token), "GET", "/account/whoami", nil).status, "the station's login stands")
	})
}

// atServer is the homeserver's side as a request finds it that came over the link.
func (w *clearWorld) atServer() http.Handler {
	hs, err := url.Parse("http://hs.example")
	require.NoError(w.t, err)
	serve := NewClearServe(ServeOptions{Homeserver: hs, Transport: inprocess.Transport{Handler: w.hs}}, []keys.Station{w.station})
	return serve
}

// A server that has lost its sessions says so, and the request goes through all the
// same.
func TestClearServerForgets(t *testing.T) {
	inClearWorld(t, "vhf-ax25-1200", func(t *testing.T, w *clearWorld) {
		token := w.login()
		w.stopServer()
		w.serverStore = &session.Memory{}
		w.startServer()
		w.takeAir()
		assert.Equal(t, http.StatusOK, w.ask(w.web, token, http.MethodGet, "/joined_rooms", nil).status)
		kinds := map[byte]bool{}
		for _, p := range w.takeAir() {
			kinds[p.Payload[0]] = true
		}
		assert.True(t, kinds[0xf1] && kinds[0x00] && kinds[0xf0], "reset, hello, welcome")
	})
}

// A server that was restarted calls its stations up: what happened meanwhile reaches a client
// that waits in silence.
func TestClearStationIsCalledUp(t *testing.T) {
	format, err := wire2.Shipped(1)
	require.NoError(t, err)
	inClearWorld(t, "vhf-ax25-1200", func(t *testing.T, w *clearWorld) {
		w.stopServer()
		require.NoError(t, w.transport.Close())
		w.version2 = &coap.Version2{Format: format}
		w.startServer()
		w.startClient()
		syncer := &observe.Syncer{Carry: w.transport.RoundTrip, Source: w.transport, Profile: w.profile, Store: w.clientStore}
		w.web = NewClearConnect(ConnectOptions{Transport: syncer}, w.station.Key)
		alice, token := w.register("alice"), w.login()
		room := w.direct(alice, http.MethodPost, "/createRoom", map[string]any{"invite": []string{"@radio:localhost"}}).body["room_id"].(string)
		require.Equal(t, http.StatusOK, w.ask(w.web, token, http.MethodPost, "/join/"+room, map[string]any{}).status)
		since := w.ask(w.web, token, http.MethodGet, "/sync", nil).body["next_batch"].(string)
		say := func(text string) {
			w.direct(alice, http.MethodPut, "/rooms/"+room+"/send/m.room.message/"+text, map[string]any{"msgtype": "m.text", "body": text})
		}
		hear := func(text string) {
			for begun := time.Now(); ; {
				poll := w.ask(w.web, token, http.MethodGet, "/sync?timeout=30000&since="+url.QueryEscape(since), nil)
				require.Equal(t, http.StatusOK, poll.status)
				since = poll.body["next_batch"].(string)
				if all, err := json.Marshal(poll.body); err == nil && bytes.Contains(all, []byte(text)) {
					return
				}
				require.Less(t, time.Since(begun), 5*time.Minute, text)
			}
		}
		for _, text := range []string{"polled", "pushed"} {
			say(text)
			hear(text)
		}
		time.Sleep(time.Minute) // its acknowledgement is on its way
		w.takeAir()
		w.ask(w.web, token, http.MethodGet, "/sync?timeout=60000&since="+url.QueryEscape(since), nil)
		require.Empty(t, w.takeAir(), "the station observes")
		w.stopServer()
		say("meanwhile")
		w.startServer()
		hear("meanwhile")
		say("after")
		hear("after")
		require.NoError(t, syncer.Close())
	})
}

// Datagrams that are sent again or changed have no effect on the homeserver.
func TestClearReplays(t *testing.T) {
	inClearWorld(t, "vhf-ax25-1200", func(t *testing.T, w *clearWorld) {
		token := w.login()
		made := w.ask(w.web, token, http.MethodPost, "/createRoom", map[string]any{"name": "net"})
		require.Equal(t, http.StatusOK, made.status, made.body)
		rooms := len(w.direct(string(w.station.Token), "GET", "/joined_rooms", nil).body["joined_rooms"].([]any))
		require.Equal(t, 1, rooms)
		attacker := w.link.Dial(&net.UDPAddr{IP: net.IPv4(203, 0, 113, 9), Port: 9})
		defer attacker.Close()
		for _, p := range w.takeAir() {
			for i := -1; i < len(p.Payload); i += 5 {
				b := bytes.Clone(p.Payload)
				if i >= 0 {
					b[i] ^= 0x40
				}
				_, err := attacker.WriteTo(b, linkemu.FarAddr())
				require.NoError(t, err)
				time.Sleep(5 * time.Second)
			}
		}
		time.Sleep(time.Hour)
		assert.Len(t, w.direct(string(w.station.Token), "GET", "/joined_rooms", nil).body["joined_rooms"], rooms)
		assert.Equal(t, http.StatusOK, w.ask(w.web, token, http.MethodGet, "/joined_rooms", nil).status, "the station goes on")
	})
}
