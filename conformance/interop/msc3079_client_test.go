package interop

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/net/blockwise"
	"github.com/plgd-dev/go-coap/v3/udp/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/fakehs"
)

// referenceClient imitates a client of MSC3079's reference: DTLS with
// PSK_WITH_AES_128_CCM_8, enums for paths, CBOR, its access token once a session,
// nothing about versions.
type referenceClient struct {
	t       *testing.T
	conn    *client.Conn
	dialect dialect
	token   string // sent with the next request, and then never again
	id      string
	since   string
}

func dialReference(t *testing.T, addr string, integers bool) *referenceClient {
	return &referenceClient{t: t, conn: dialDTLS(t, addr, blockwise.SZX1024), dialect: newDialect(t, integers)}
}

// options are those of a request: path, query, and the token if it is new.
func (c *referenceClient) options(path []string, query ...string) []option {
	opts := segments(path...)
	for _, q := range query {
		opts = append(opts, option{message.URIQuery, q})
	}
	if c.token != "" {
		opts = append(opts, option{optionAccessToken, c.token})
		c.token = ""
	}
	return opts
}

// do makes a request that has to succeed; body is JSON, empty for none. The
// reference's code for 200 is 2.05, whatever the method.
func (c *referenceClient) do(code codes.Code, path []string, body string, query ...string) any {
	c.t.Helper()
	got := c.send(code, path, body, query...)
	require.Equal(c.t, codes.Content, got.code, "%q", got.body)
	format, err := got.options.ContentFormat()
	require.NoError(c.t, err)
	require.Equal(c.t, message.AppCBOR, format)
	return c.dialect.decode(c.t, got.body)
}

func (c *referenceClient) send(code codes.Code, path []string, body string, query ...string) reply {
	c.t.Helper()
	opts := c.options(path, query...)
	var payload []byte
	if body != "" {
		opts = append(opts, option{message.ContentFormat, formatCBOR})
		payload = c.dialect.encode(c.t, body)
	}
	got := ask(c.t, c.conn, code, opts, payload)
	// What two coapgw say to each other stays between them.
	for n := message.OptionID(257); n <= 268; n++ {
		require.False(c.t, got.has(n), "option %d for a peer that does not know it", n)
	}
	return got
}

func (c *referenceClient) register(name string) {
	c.t.Helper()
	answer := c.do(codes.POST, []string{"4"}, fmt.Sprintf(`{"username":%q,"password":"secret","auth":{"type":"m.login.dummy"}}`, name))
	c.id, _ = at(answer, "user_id").(string)
	c.token, _ = at(answer, "access_token").(string)
	require.NotEmpty(c.t, c.token)
}

// whoami returns the user that the homeserver takes the client for.
func (c *referenceClient) whoami() any {
	c.t.Helper()
	return at(c.do(codes.GET, []string{"_matrix", "client", "r0", "account", "whoami"}, ""), "user_id")
}

// sync polls once.
func (c *referenceClient) sync() any {
	c.t.Helper()
	query := []string{"timeout=0"}
	if c.since != "" {
		query = append(query, "since="+c.since)
	}
	answer := c.do(codes.GET, []string{"7"}, "", query...)
	c.since, _ = at(answer, "next_batch").(string)
	return answer
}

func (c *referenceClient) message(room, txn, body string) {
	c.t.Helper()
	answer := c.do(codes.PUT, []string{"9", room, "m.room.message", txn}, fmt.Sprintf(`{"msgtype":"m.text","body":%q}`, body))
	require.NotEmpty(c.t, at(answer, "event_id"))
}

// Two users chat, one of them with integer keys and one with string keys only; the
// latter observes /sync.
func TestReferenceClientsChat(t *testing.T) {
	h := httptest.NewServer(fakehs.New(fakehs.Config{}))
	t.Cleanup(h.Close)
	s := startServe(t, h)
	alice, bob := dialReference(t, s.addr, true), dialReference(t, s.addr, false)
	alice.register("alice")
	bob.register("bob")
	assert.Equal(t, alice.id, alice.whoami())
	assert.Equal(t, alice.id, alice.whoami(), "the token is sticky")
	assert.Equal(t, bob.id, bob.whoami())

	room, _ := at(alice.do(codes.POST, []string{"G"}, fmt.Sprintf(`{"preset":"private_chat","invite":[%q]}`, bob.id)), "room_id").(string)
	require.NotEmpty(t, room)
	bob.do(codes.POST, []string{"K", room}, "{}")
	alice.sync()
	bob.sync()

	got, observation := watch(t, bob.conn, bob.options([]string{"7"}, "timeout=0", "since="+bob.since))
	first := receive(t, got, "the first response")
	require.True(t, first.has(message.Observe))
	for i := range 5 {
		body := fmt.Sprintf("message %d, straße", i)
		alice.message(room, fmt.Sprint("a", i), body)
		n := receive(t, got, body)
		assert.Equal(t, []string{body}, events(bob.dialect.decode(t, n.body), room))
	}
	require.NoError(t, observation.Cancel(patient(t)))

	long := strings.Repeat("a long message ", 400)
	bob.message(room, "b0", long)
	assert.Contains(t, events(alice.sync(), room), long)

	// Its numbers are floats on the link; the homeserver wants an integer here.
	bob.do(codes.PUT, []string{"Y", room, bob.id}, `{"typing":true,"timeout":30000}`)
	typing, _ := at(alice.sync(), "rooms", "join", room, "ephemeral", "events").([]any)
	require.Len(t, typing, 1)
	assert.Equal(t, []any{bob.id}, at(typing[0], "content", "user_ids"))

	// Another user on the same session replaces the first, as the proposal says.
	alice.token = login(t, bob, "bob")
	assert.Equal(t, bob.id, alice.whoami())
	assert.Equal(t, bob.id, alice.whoami())
}

// login returns a fresh token of a user.
func login(t *testing.T, c *referenceClient, name string) string {
	t.Helper()
	answer := c.do(codes.POST, []string{"1"}, fmt.Sprintf(`{"type":"m.login.password","identifier":{"type":"m.id.user","user":%q},"password":"secret"}`, name))
	token, _ := at(answer, "access_token").(string)
	require.NotEmpty(t, token)
	return token
}

// Errors keep their class and carry a Matrix error.
func TestReferenceClientErrors(t *testing.T) {
	h := httptest.NewServer(fakehs.New(fakehs.Config{}))
	t.Cleanup(h.Close)
	s := startServe(t, h)
	c := dialReference(t, s.addr, true)
	for _, tc := range []struct {
		name    string
		token   string
		path    []string
		code    codes.Code
		errcode string
	}{
		{"no token", "", []string{"I"}, codes.Unauthorized, "M_MISSING_TOKEN"},
		{"wrong token", "wrong", []string{"I"}, codes.Unauthorized, "M_UNKNOWN_TOKEN"},
		{"no such endpoint", "", []string{"_matrix", "client", "r0", "nothing"}, codes.NotFound, "M_UNRECOGNIZED"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c.token = tc.token
			got := c.send(codes.GET, tc.path, "")
			assert.Equal(t, tc.code, got.code)
			assert.Equal(t, tc.errcode, at(c.dialect.decode(t, got.body), "errcode"))
		})
	}
}
