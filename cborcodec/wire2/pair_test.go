package wire2

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/cborcodec/dialect"
)

// shipped is unpacked once.
var shipped = sync.OnceValues(func() (*Format, error) { return Shipped(2) })

func format(t testing.TB) *Format {
	t.Helper()
	f, err := shipped()
	require.NoError(t, err)
	return f
}

// ends are both ends of a session that loses nothing.
type ends struct {
	t      testing.TB
	client *Client
	server *Server
	// up and down are the last payloads.
	up, down []byte
}

func newEnds(t testing.TB, terms Terms) *ends {
	f := format(t)
	return &ends{t: t, client: f.NewClient(terms), server: f.NewServer(terms, 0)}
}

// defaults are the terms of a session as both ends have them without options.
func defaults() Terms {
	return Terms{Home: "example.org", Size: 1024, Policy: coder.Server.Policy()}
}

// exchange carries a request and its response and checks that both come out as they were.
func (e *ends) exchange(method, target, body string, status int, answer string) {
	e.t.Helper()
	r := dialect.Request{Method: method, Target: target}
	if body != "" {
		r.Body = []byte(body)
	}
	payload, x, err := e.client.Request(nil, &r, time.Time{})
	require.NoError(e.t, err)
	call := e.server.Admit(0)
	var got dialect.Request
	require.NoError(e.t, call.Request(&got, payload))
	require.Equal(e.t, r, got)
	x.Arrived()
	e.up = payload
	e.down, err = call.Response(nil, []byte(answer), status)
	require.NoError(e.t, err)
	json, ok, err := x.Response(nil, e.down, status)
	require.NoError(e.t, err)
	require.True(e.t, ok)
	require.Equal(e.t, answer, string(json))
}

const (
	room  = "!PlPiL6wQs5xqqYGa:example.org"
	event = "$MnGdqIM7JEQobRZcTioD2KKm1ul5cv3ieI9jgJX4kj8"
)

// syncAnswer is a /sync with one message.
func syncAnswer(next int, sender, text, event, unsigned string) string {
	return fmt.Sprintf(`{"next_batch":"s%d_4483_1935_12","device_one_time_keys_count":{"signed_curve25519":50},"rooms":{"join":{"%s":{"timeline":{"events":[{"type":"m.room.message","sender":"%s","content":{"body":"%s","msgtype":"m.text"},"event_id":"%s","origin_server_ts":1795328724550,"unsigned":{%s"age":71}}],"limited":false,"prev_batch":"t7-%d_4483_1935_12"}}}}}`,
		next, room, sender, text, event, unsigned, next-1)
}

// TestSession: what both ends remember makes the ordinary short.
func TestSession(t *testing.T) {
	e := newEnds(t, defaults())
	const query = "/_matrix/client/v3/sync?filter=1&timeout=30000"
	e.exchange("GET", query, "", 200, syncAnswer(1, "@bob:example.org", "good morning", event, ""))
	first := len(e.down)
	for i := 1; i < 6; i++ {
		e.exchange("GET", fmt.Sprintf("%s&since=s%d_4483_1935_12", query, i), "", 200, syncAnswer(i+1, "@bob:example.org", "good morning", event, ""))
	}
	assert.LessOrEqual(t, len(e.up), 4, "a sticky query")
	assert.Less(t, len(e.down), first/2)
	e.exchange("POST", "/_matrix/client/v3/rooms/"+room+"/receipt/m.read/"+event, "{}", 200, "{}")
	assert.LessOrEqual(t, len(e.up), 5, "a receipt")
	assert.Empty(t, e.down)
	// One's own message comes back as a reference, though the server has sorted its keys.
	const text = "the quick brown fox jumps over the lazy dog and then over the fence"
	const mine = "$0Z3KAB8Xt0JfdjNi-GavGzjhO2X8HW-NTK019y04wY8"
	e.exchange("PUT", "/_matrix/client/v3/rooms/"+room+"/send/m.room.message/m1795328724548.1", `{"msgtype":"m.text","body":"`+text+`"}`, 200, `{"event_id":"`+mine+`"}`)
	e.exchange("GET", query+"&since=s6_4483_1935_12", "", 200, syncAnswer(7, "@alice:example.org", text, mine, `"transaction_id":"m1795328724548.1",`))
	assert.Less(t, len(e.down), len(text)/2, "the text is not sent back")
	e.exchange("GET", query+"&since=s7_4483_1935_12", "", 200, `{"next_batch":"s7_4483_1935_12","device_one_time_keys_count":{"signed_curve25519":50}}`)
	assert.LessOrEqual(t, len(e.up)+len(e.down), 8, "an empty sync")
}

// TestTermsOfAllKinds: with or without tables, padding, rooms apart, and each coder,
// everything comes out as it went in.
func TestTermsOfAllKinds(t *testing.T) {
	for name, change := range map[string]func(*Terms){
		"defaults":      func(*Terms) {},
		"no tables":     func(t *Terms) { t.Size = 0 },
		"small tables":  func(t *Terms) { t.Size = 16 },
		"no home":       func(t *Terms) { t.Home = "" },
		"raw":           func(t *Terms) { t.Policy = coder.Policy{} },
		"deflate":       func(t *Terms) { t.Policy = coder.Microcontroller.Policy() },
		"padded":        func(t *Terms) { t.Padding = 32 },
		"apart":         func(t *Terms) { t.Apart = true },
		"apart, padded": func(t *Terms) { t.Apart, t.Padding = true, 100 },
	} {
		t.Run(name, func(t *testing.T) {
			terms := defaults()
			change(&terms)
			e := newEnds(t, terms)
			for i := range 40 {
				many := strings.Repeat(`"`+room+`":{"a":1},"!other:example.org":{"b":2},`, 3)
				e.exchange("GET", fmt.Sprintf("/_matrix/client/v3/sync?since=s%d_1", i), "", 200, fmt.Sprintf(`{"next_batch":"s%d_1","rooms":{"join":{%s"!last:x":[]}}}`, i+1, many))
				if terms.Padding > 1 {
					assert.Zero(t, len(e.up)%terms.Padding)
					assert.Zero(t, len(e.down)%terms.Padding)
				}
				e.exchange("PUT", fmt.Sprintf("/_matrix/client/v3/rooms/%s/send/m.room.message/m1795328724548.%d", room, i), fmt.Sprintf(`{"body":"text %d","msgtype":"m.text"}`, i), 200, `{}`)
			}
		})
	}
}

// TestSecretsStayOut: what logs in, registers or authenticates leaves nothing behind that a
// later message could refer to, and neither do its answers.
func TestSecretsStayOut(t *testing.T) {
	const secret = "@looks:like.an.identifier"
	bodies := `{"identifier":{"type":"m.id.user","user":"` + secret + `"},"password":"` + secret + `","device_id":"` + secret + `","refresh_token":"` + secret + `","session_id":"` + secret + `"}`
	for _, r := range []struct{ method, path, body string }{
		{"POST", "/_matrix/client/v3/login", bodies},
		{"POST", "/_matrix/client/v3/register", bodies},
		{"POST", "/_matrix/client/v3/refresh", bodies},
		{"POST", "/_matrix/client/v3/account/password", bodies},
		{"POST", "/_matrix/client/v3/keys/device_signing/upload", bodies},
		{"DELETE", "/_matrix/client/v3/devices/X", `{"auth":` + bodies + `}`},
	} {
		t.Run(r.path, func(t *testing.T) {
			e := newEnds(t, defaults())
			e.exchange(r.method, r.path, r.body, 200, bodies)
			e.exchange("GET", "/_matrix/client/v3/account/whoami", "", 200, `{}`)
			e.exchange("GET", "/_matrix/client/v3/profile/"+secret, "", 200, `{}`)
			fresh := newEnds(t, defaults())
			fresh.exchange("GET", "/_matrix/client/v3/account/whoami", "", 200, `{}`)
			fresh.exchange("GET", "/_matrix/client/v3/account/whoami", "", 200, `{}`)
			fresh.exchange("GET", "/_matrix/client/v3/profile/"+secret, "", 200, `{}`)
			assert.Equal(t, len(fresh.up), len(e.up), "the identifier travels as if it had never been there")
		})
	}
	// The same words elsewhere are remembered: the test can fail.
	e := newEnds(t, defaults())
	e.exchange("POST", "/_matrix/client/v3/keys/query", bodies, 200, `{"user_id":"@somebody:example.org"}`)
	e.exchange("GET", "/_matrix/client/v3/account/whoami", "", 200, `{}`)
	e.exchange("GET", "/_matrix/client/v3/profile/"+secret, "", 200, `{}`)
	assert.Less(t, len(e.up), 12)
}

// TestRoomsApart: with Apart the bytes of one room are the same whatever is written in
// another one before it.
func TestRoomsApart(t *testing.T) {
	terms := defaults()
	terms.Apart, terms.Size = true, 0
	answer := func(first string) string {
		return `{"next_batch":"s1_1","rooms":{"join":{"!first:example.org":{"topic":"` + first + `"},"!second:example.org":{"topic":"the treasure is buried under the old oak"}}}}`
	}
	var tails [2][]byte
	for i, first := range []string{"the treasure is buried under the old oak", "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"} {
		e := newEnds(t, terms)
		e.exchange("GET", "/_matrix/client/v3/sync", "", 200, answer(first))
		tails[i] = e.down[len(e.down)-20:]
	}
	assert.Equal(t, tails[0], tails[1])
	terms.Apart = false
	var sizes [2]int
	for i, first := range []string{"the treasure is buried under the old oak", "vjq xkzw qpvb jzxq wkvz qjxp zvkw xqjz v"} {
		e := newEnds(t, terms)
		e.exchange("GET", "/_matrix/client/v3/sync", "", 200, answer(first))
		sizes[i] = len(e.down)
	}
	assert.Less(t, sizes[0]+10, sizes[1], "without, a guess that is right makes it shorter")
}

// TestUnknownState: a server that was restarted says so before it executes anything, and
// the request made again is read.
func TestUnknownState(t *testing.T) {
	e := newEnds(t, defaults())
	for range 4 {
		e.exchange("GET", "/_matrix/client/v3/sync?since=s1_1", "", 200, `{"next_batch":"s1_1","rooms":{"join":{"`+room+`":{}}}}`)
	}
	e.server = e.client.format.NewServer(defaults(), 1)
	r := dialect.Request{Method: "GET", Target: "/_matrix/client/v3/sync?since=s1_1"}
	payload, x, err := e.client.Request(nil, &r, time.Time{})
	require.NoError(t, err)
	require.ErrorIs(t, e.server.Admit(0).Request(new(dialect.Request), payload), ErrState)
	_, _, err = x.Response(nil, Unknown(), 400)
	require.ErrorIs(t, err, ErrUnknown)
	for range 4 {
		e.exchange("GET", "/_matrix/client/v3/sync?since=s1_1", "", 200, `{"next_batch":"s1_1","rooms":{"join":{"`+room+`":{}}}}`)
	}
	assert.LessOrEqual(t, len(e.up), 4)
}

// TestUnknownStyle: a server that does not know what the request says of its client cannot
// read it, and does not try.
func TestUnknownStyle(t *testing.T) {
	send := func(i int) dialect.Request {
		return dialect.Request{
			Method: "PUT", Body: []byte(`{"body":"hello","msgtype":"m.text"}`),
			Target: fmt.Sprintf("/_matrix/client/v3/rooms/%s/send/m.room.message/m1795328724548.%d", room, i),
		}
	}
	e := newEnds(t, defaults())
	for i := range 4 {
		r := send(i)
		e.exchange(r.Method, r.Target, string(r.Body), 200, `{"event_id":"`+event+`"}`)
	}
	r := send(4)
	payload, x, err := e.client.Request(nil, &r, time.Time{})
	require.NoError(t, err)
	require.NotZero(t, OwnBase(payload))
	restarted := e.client.format.NewServer(defaults(), 1)
	require.ErrorIs(t, restarted.Admit(0).Request(new(dialect.Request), payload), ErrState)
	later := e.server.Admit(1) // another life of the client was there since
	require.ErrorIs(t, later.Request(new(dialect.Request), payload), ErrState)
	_, _, err = x.Response(nil, Unknown(), 400)
	require.ErrorIs(t, err, ErrUnknown)
	e.server = restarted
	for i := range 4 {
		r := send(i)
		e.exchange(r.Method, r.Target, string(r.Body), 200, `{"event_id":"`+event+`"}`)
	}
}

// TestAnotherStyle: a server that was restarted may hold a batch of the name that a request
// gives to another one, since the first request of a client names no life of the server. It
// decodes with the style of that batch, and whatever comes out, the answer is Unknown. A
// server that holds none of that name does not even try.
func TestAnotherStyle(t *testing.T) {
	undecoded := 0
	for i := range 40 {
		e := newEnds(t, defaults())
		send := func(n int) (r dialect.Request, answer string) {
			r = dialect.Request{Method: "PUT", Body: []byte(`{"body":"hello","msgtype":"m.text"}`)}
			r.Target = fmt.Sprintf("/_matrix/client/v3/rooms/!r%d:example.org/send/m.room.message/", 100*i+n)
			r.Target += fmt.Sprintf(transactions[(i+n)%len(transactions)], 100+i, n)
			return r, fmt.Sprintf(`{"event_id":"$%042dw"}`, n)
		}
		r, _ := send(0)
		first, _, err := e.client.Request(nil, &r, time.Time{})
		require.NoError(t, err)
		for n := range 3 {
			r, answer := send(1 + n)
			e.exchange(r.Method, r.Target, string(r.Body), 200, answer)
		}
		r, _ = send(4)
		payload, _, err := e.client.Request(nil, &r, time.Time{})
		require.NoError(t, err)
		restarted := e.client.format.NewServer(defaults(), 1)
		require.ErrorIs(t, restarted.Admit(0).Request(new(dialect.Request), payload), ErrState)
		without := e.client.format.NewServer(Terms{Home: "example.org"}, 1)
		require.ErrorIs(t, without.Admit(0).Request(new(dialect.Request), payload), ErrState)
		require.NoError(t, restarted.Admit(0).Request(new(dialect.Request), first))
		call := restarted.Admit(0)
		own, err := call.ownNote(OwnBase(payload))
		require.NoError(t, err)
		require.NotNil(t, own)
		if _, _, err := e.client.format.unpack(nil, requestPrelude(own.Style), payload, 1<<16); err != nil {
			undecoded++
		}
		require.ErrorIs(t, call.Request(new(dialect.Request), payload), ErrState)
	}
	assert.NotZero(t, undecoded)
}

// TestHeaderByte: what the first byte may be.
func TestHeaderByte(t *testing.T) {
	f := format(t)
	terms := defaults()
	for _, payload := range []string{"", "\x03", "\x03\x01", "\x07", "\x07\x05", "\x07\x01\x03", "\x0b", "\x0b\x05", "\x0f", "\xff"} {
		_, _, err := f.unpack(nil, requestPrelude(dialect.Style{}), []byte(payload), terms.limit())
		assert.Error(t, err, "%x", payload)
	}
	message := bytes.Repeat([]byte("abc"), 50)
	for flags := range byte(64) {
		payload := f.pack(nil, flags, requestPrelude(dialect.Style{}), message, nil, &terms)
		got, back, err := f.unpack(nil, requestPrelude(dialect.Style{}), payload, terms.limit())
		require.NoError(t, err)
		assert.Equal(t, flags, got)
		assert.Equal(t, message, back)
		for _, padding := range []int{0, 64} {
			for _, apart := range []bool{false, true} {
				terms := terms
				terms.Padding, terms.Apart = padding, apart
				payload := f.pack(nil, flags, requestPrelude(dialect.Style{}), message, []int{30}, &terms)
				b, err := unwrap(payload)
				require.NoError(t, err)
				assert.Equal(t, flags, b.flags, "padding %d, apart %v", padding, apart)
			}
		}
	}
}

// TestNobodyWritesThis: states that no end writes are malformed, whatever they would mean, and leave the
// session as it is.
func TestNobodyWritesThis(t *testing.T) {
	const whoami = "\x16"
	e := newEnds(t, defaults())
	sync := func() {
		for range 3 {
			e.exchange("GET", "/_matrix/client/v3/sync?since=s1_1", "", 200, `{"next_batch":"s1_1","rooms":{"join":{"`+room+`":{}}}}`)
		}
	}
	sync()
	for name, payload := range map[string]string{
		"empty state":             "\x00\xd6\xa0" + whoami,
		"since":                   "\x00\xd6\xa1\x05\x00" + whoami,
		"asked":                   "\x00\xd6\xa1\x06\x01" + whoami,
		"a base by both names":    string([]byte{e.up[0] & 0x3c, 0xd6, 0xa1, 0x00, 0x01}) + whoami,
		"a batch without entries": "\x00\xd6\xa2\x02\x09\x03\x09" + whoami,
		"padding that is none":    "\x07\x02\x00" + whoami + "\x00\x01",
	} {
		err := e.server.Admit(0).Request(new(dialect.Request), []byte(payload))
		assert.Error(t, err, name)
		assert.NotErrorIs(t, err, ErrState, name)
	}
	for name, payload := range map[string]string{
		"ack in a response":         "\x00\xd6\xa1\x00\x01\xa0",
		"dead in a response":        "\x00\xd6\xa1\x01\x01\xa0",
		"since in a response":       "\x00\xd6\xa1\x05\x00\xa0",
		"asked in a response":       "\x00\xd6\xa1\x06\x01\xa0",
		"ack in a notification":     "\xfc\xd6\xa1\x00\x01\xa0",
		"a batch without entries":   "\x00\xd6\xa2\x02\x09\x03\x09\xa0",
		"empty state in a response": "\x00\xd6\xa0\xa0",
	} {
		_, x, err := e.client.Request(nil, &dialect.Request{Method: "GET", Target: "/_matrix/client/v3/account/whoami"}, time.Time{})
		require.NoError(t, err)
		x.Arrived()
		_, _, err = x.Response(nil, []byte(payload), 200)
		assert.Error(t, err, name)
		assert.NotErrorIs(t, err, ErrUnknown, name)
	}
	sync()
}
