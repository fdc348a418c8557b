package interop

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/inprocess"
	"github.com/coapgw/coapgw/conformance/process"
	"github.com/coapgw/coapgw/internal/fakehs"
)

// chat is a homeserver with a room #lab of alice and bob.
type chat struct {
	*httptest.Server
	t      *testing.T
	hs     *fakehs.Server
	room   string
	tokens map[string]string
	sent   int
}

func startChat(t *testing.T) *chat {
	c := &chat{t: t, hs: fakehs.New(fakehs.Config{ServerName: "localhost", Seed: 1}), tokens: map[string]string{}}
	c.Server = httptest.NewServer(c.hs)
	t.Cleanup(c.Close)
	for _, name := range []string{"alice", "bob"} {
		c.tokens[name] = c.do("", http.MethodPost, "register", `{"username":"`+name+`","password":"pw","auth":{"type":"m.login.dummy"}}`)["access_token"].(string)
	}
	c.room = c.do("alice", http.MethodPost, "createRoom", `{"preset":"public_chat","room_alias_name":"lab"}`)["room_id"].(string)
	c.do("bob", http.MethodPost, "join/"+url.PathEscape(c.room), `{}`)
	return c
}

func (c *chat) do(user, method, path, body string) (answer map[string]any) {
	c.t.Helper()
	w := httptest.NewRecorder()
	c.hs.ServeHTTP(w, inprocess.NewRequest(c.t.Context(), method, "/_matrix/client/v3/"+path, c.tokens[user], body))
	require.Equal(c.t, http.StatusOK, w.Code, w.Body)
	require.NoError(c.t, json.Unmarshal(w.Body.Bytes(), &answer))
	return answer
}

func (c *chat) say(user, body string) {
	c.sent++
	c.do(user, http.MethodPut, fmt.Sprintf("rooms/%s/send/m.room.message/%d", url.PathEscape(c.room), c.sent), `{"msgtype":"m.text","body":"`+body+`"}`)
}

// told is a payload of sender and body behind a mark (docs/wire-v1.md).
func told(sender, body string) string {
	return "\x06" + string(rune(0x60+len(sender))) + sender + "\x18\x1b" + string(rune(0x60+len(body))) + body
}

// coap-client, which knows nothing of Matrix, gets each message of a room in one
// notification; and another one gets what came after a mark that the first one has.
func TestLibcoapObservesARoom(t *testing.T) {
	for _, variant := range libcoapCredentials() {
		t.Run(variant.name, func(t *testing.T) {
			t.Parallel()
			h := startChat(t)
			s := startServe(t, h.Server)
			h.say("bob", "before")
			observe := func(query string) *process.Process {
				return start(t, debian(t, "coap-client-"+variant.tls), append(variant.args(s), "-v", "7",
					"-s", "600", "-w", "-O", "256,"+h.tokens["alice"], "coaps://"+s.addr+"/~/%23lab"+query)...)
			}
			first := observe("?n=1")
			first.Await(told("bob", "before"))
			for _, body := range []string{"one", "two"} { // each is there before the next one happens
				h.say("bob", body)
				first.Await(told("bob", body))
			}
			h.say("alice", "three")
			first.Await(told("alice", "three"))
			printed := []byte(first.Printed())
			stop(t, first)

			// The mark stands before the field (docs/wire-v1.md): a3, -1, 32 bits.
			at := bytes.Index(printed, []byte(told("bob", "one")))
			require.Greater(t, at, 7)
			require.Equal(t, []byte{0xa3, 0x20, 0x1a}, printed[at-7:at-4])
			second := observe(fmt.Sprintf("?s=%d", binary.BigEndian.Uint32(printed[at-4:at])))
			second.Await(told("bob", "two"))
			second.Await(told("alice", "three"))
			assert.NotContains(t, second.Printed(), told("bob", "one"))

			// Logged out, the stream ends.
			h.do("alice", http.MethodPost, "logout", "")
			second.Await("c:4.01")
			stop(t, second)
		})
	}
}
