package inspect_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec"
	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/conformance/pipe"
	"github.com/coapgw/coapgw/internal/inspect"
)

const version1 = "../../docs/wire-v1.md"

// TestDocumentLeast holds the messages of the chapter for small clients to what a server
// says to a client that sends them. UPDATE_GOLDEN=1 writes them.
func TestDocumentLeast(t *testing.T) {
	text, err := os.ReadFile(version1)
	require.NoError(t, err)
	shown := 0
	for _, e := range leastExchanges(t) {
		block := regexp.MustCompile("(?s)(<!-- exchange: " + regexp.QuoteMeta(e.name) + " -->\n```\n).*?(```\n)")
		m := block.FindSubmatch(text)
		require.NotNil(t, m, "the document has no exchange %q", e.name)
		shown++
		want := string(m[1]) + e.text + string(m[2])
		if os.Getenv("UPDATE_GOLDEN") != "" {
			text = bytes.Replace(text, m[0], []byte(want), 1)
			continue
		}
		assert.Equal(t, want, string(m[0]), "if the change is meant, run the tests with UPDATE_GOLDEN=1")
	}
	assert.Equal(t, shown, strings.Count(string(text), "<!-- exchange: "), "exchanges that nobody holds")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(version1, text, 0o644))
	}
}

// small is a client as the chapter describes it: it knows messages, and nothing of
// package coap.
type small struct {
	t    *testing.T
	conn net.Conn
	talk *inspect.Conversation
	text *strings.Builder // where messages are shown; nil: nowhere
	mids map[uint16]uint16
	id   uint16
}

// exchange is what the document shows under a name.
type exchange struct{ name, text string }

const (
	leastRoom  = "!lab:example.org"
	leastEvent = "$MnGdqIM7JEQobRZcTioD2KKm1ul5cv3ieI9jgJX4kj8"
)

// leastExchanges plays a session of a small client.
func leastExchanges(t *testing.T) (all []exchange) {
	c := startSmall(t, http.HandlerFunc(leastHomeserver))
	play := func(name string, f func()) {
		c.text = new(strings.Builder)
		f()
		all = append(all, exchange{name, c.text.String()})
	}
	cbor := func(json string) []byte {
		item, err := cborcodec.V1(cborcodec.Limits{}).AppendCBOR(nil, []byte(json))
		require.NoError(t, err)
		fmt.Fprintf(c.text, "%s\n", json)
		return item
	}
	content := endpoint.Options(nil).AddUint(endpoint.ContentFormat, 60)
	play("log in", func() {
		c.title("POST /_matrix/client/r0/login")
		body := cbor(`{"type":"m.login.password","identifier":{"type":"m.id.user","user":"sensor"},"password":"secret"}`)
		c.request(1, endpoint.POST, path("1"), content, body, uintOption(257, 1))
		c.response()
	})
	play("join", func() {
		c.title("POST /_matrix/client/r0/join/%23lab:example.org")
		c.request(2, endpoint.POST, path("L", "#lab:example.org"), content, cbor(`{}`), textOption(256, "syt_secret"))
		c.response()
	})
	play("send", func() {
		c.title("PUT /_matrix/client/r0/rooms/" + leastRoom + "/send/m.room.message/7")
		c.request(3, endpoint.PUT, path("9", leastRoom, "m.room.message", "7"), content, cbor(`{"msgtype":"m.text","body":"21.5 °C"}`))
		c.response()
	})
	// answered shows the answer to a message to a room alone.
	answered := func(token byte, room, transaction string) func() {
		return func() {
			text := c.text
			c.text = new(strings.Builder)
			c.request(token, endpoint.PUT, path("9", room, "m.room.message", transaction), content, cbor(`{"msgtype":"m.text","body":"21.5 °C"}`))
			c.text = text
			c.response()
		}
	}
	play("refused", answered(4, "!other:example.org", "8"))
	play("not now", answered(5, "!busy:example.org", "9"))
	play("filter", func() {
		c.title("POST /_matrix/client/r0/user/@sensor:example.org/filter")
		none := `{"types":[]}`
		c.request(6, endpoint.POST, path("5", "@sensor:example.org"), content, cbor(`{"room":{"rooms":["`+leastRoom+`"],"timeline":{"types":["m.room.message"]},"state":`+none+
			`,"ephemeral":`+none+`,"account_data":`+none+`},"account_data":`+none+`,"presence":`+none+`}`))
		c.response()
	})
	play("observe sync", func() {
		c.title("GET /_matrix/client/r0/sync?filter=1")
		register := endpoint.Options(nil).AddUint(endpoint.Observe, 0)
		c.request(7, endpoint.GET, register, path("7"), nil, textOption(endpoint.URIQuery, "filter=1"))
		c.response()
		c.acknowledge(c.response())
	})
	play("blocks down", func() {
		c.title("GET /_matrix/client/r0/rooms/" + leastRoom + "/joined_members")
		asked := append(path("D", leastRoom), uintOption(endpoint.Block2, 2)...)
		c.request(8, endpoint.GET, asked, nil, nil)
		c.response()
		asked = append(path("D", leastRoom), uintOption(endpoint.Block2, 1<<4|2)...)
		c.request(8, endpoint.GET, asked, nil, nil)
		c.response()
	})
	play("blocks up", func() {
		c.title("PUT /_matrix/client/r0/rooms/" + leastRoom + "/send/m.room.message/10")
		body := cbor(`{"msgtype":"m.text","body":"0123456789 0123456789 0123456789 0123456789 0123456789 0123456789"}`)
		for n := 0; n*64 < len(body); n++ {
			end, more := (n+1)*64, uint32(8)
			if end >= len(body) {
				end, more = len(body), 0
			}
			c.request(9, endpoint.PUT, path("9", leastRoom, "m.room.message", "10"), content, body[n*64:end],
				uintOption(endpoint.Block1, uint32(n)<<4|more|2))
			c.response()
		}
	})
	play("stop", func() {
		c.title("GET /_matrix/client/r0/sync?filter=1")
		c.request(7, endpoint.GET, endpoint.Options(nil).AddUint(endpoint.Observe, 1), path("7"), nil, textOption(endpoint.URIQuery, "filter=1"))
		c.response()
	})
	play("ping", func() {
		c.send(endpoint.Message{Type: endpoint.Confirmable})
		c.response()
	})
	return all
}

// leastHomeserver answers as a homeserver does.
func leastHomeserver(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/login"):
		_, _ = io.WriteString(w, `{"user_id":"@sensor:example.org","access_token":"syt_secret","device_id":"QIIVX2ax"}`)
	case r.Header.Get("Authorization") != "Bearer syt_secret":
		http.Error(w, `{"errcode":"M_MISSING_TOKEN","error":"Missing token"}`, http.StatusUnauthorized)
	case strings.Contains(path, "/join/"):
		_, _ = io.WriteString(w, `{"room_id":"`+leastRoom+`"}`)
	case strings.Contains(path, "!other"):
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"errcode":"M_FORBIDDEN","error":"not in the room"}`)
	case strings.Contains(path, "!busy"):
		w.Header().Set("Retry-After", "4")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, `{"errcode":"M_LIMIT_EXCEEDED","error":"Too many requests","retry_after_ms":4000}`)
	case strings.Contains(path, "/send/"):
		_, _ = io.WriteString(w, `{"event_id":"`+leastEvent+`"}`)
	case strings.HasSuffix(path, "/filter"):
		_, _ = io.WriteString(w, `{"filter_id":"1"}`)
	case strings.HasSuffix(path, "/joined_members"):
		_, _ = io.WriteString(w, `{"joined":{"@alice:example.org":{"display_name":"Alice"},"@sensor:example.org":{"display_name":"Sensor"}}}`)
	case r.URL.Query().Get("since") == "":
		_, _ = io.WriteString(w, `{"next_batch":"s10_2"}`)
	case r.URL.Query().Get("since") == "s10_2":
		_, _ = io.WriteString(w, `{"next_batch":"s11_2","rooms":{"join":{"`+leastRoom+`":{"timeline":{"events":[{"type":"m.room.message","sender":"@alice:example.org","content":{"msgtype":"m.text","body":"thanks"},"event_id":"`+leastEvent+`","origin_server_ts":1795328724550}]}}}}}`)
	default:
		<-r.Context().Done() // nothing happens any more
	}
}

// startSmall runs a server for a small client.
func startSmall(t *testing.T, h http.Handler) *small {
	t.Helper()
	l := pipe.Listen(nil)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error)
	go func() { served <- (&coap.Server{Handler: h}).Serve(ctx, l) }()
	client, err := l.Dial(ctx)
	require.NoError(t, err)
	giveUp := time.AfterFunc(time.Minute, func() { _ = client.Close() })
	t.Cleanup(func() {
		giveUp.Stop()
		_ = client.Close()
		stop()
		require.NoError(t, <-served)
	})
	return &small{t: t, conn: client, talk: inspect.NewConversation(format(t), ""), mids: map[uint16]uint16{}}
}

func (c *small) title(request string) { fmt.Fprintf(c.text, "%s\n", request) }

// request sends a confirmable request. Options come in two parts, for what stands before
// the path and what behind it.
func (c *small) request(token byte, code endpoint.Code, options, more endpoint.Options, payload []byte, rest ...endpoint.Options) {
	m := endpoint.Message{Type: endpoint.Confirmable, Code: code, Token: []byte{token}, Payload: payload}
	for _, part := range append([]endpoint.Options{options, more}, rest...) {
		for _, o := range part {
			m.Options = m.Options.Add(o.Number, o.Value)
		}
	}
	c.send(m)
}

func (c *small) send(m endpoint.Message) {
	c.t.Helper()
	c.id++
	m.MessageID = c.id
	data, err := endpoint.AppendMessage(nil, &m)
	require.NoError(c.t, err)
	_, err = c.conn.Write(data)
	require.NoError(c.t, err)
	show(c.t, c.text, c.talk, data)
}

// response shows the next message of the server and returns it. Its own message IDs, which
// begin at random, are shown from a000 on.
func (c *small) response() endpoint.Message {
	c.t.Helper()
	buffer := make([]byte, 1<<16)
	n, err := c.conn.Read(buffer)
	require.NoError(c.t, err)
	data := buffer[:n]
	m, err := endpoint.ParseMessage(data)
	require.NoError(c.t, err)
	c.shown(m.Type, data)
	return m
}

// acknowledge answers a message with an empty acknowledgement.
func (c *small) acknowledge(m endpoint.Message) {
	c.t.Helper()
	data, err := endpoint.AppendMessage(nil, &endpoint.Message{Type: endpoint.Acknowledgement, MessageID: m.MessageID})
	require.NoError(c.t, err)
	_, err = c.conn.Write(data)
	require.NoError(c.t, err)
	c.shown(endpoint.Confirmable, data) // it has the message ID of the server
}

func (c *small) shown(kind endpoint.Type, data []byte) {
	c.t.Helper()
	if kind == endpoint.Confirmable || kind == endpoint.NonConfirmable {
		id := binary.BigEndian.Uint16(data[2:])
		if _, ok := c.mids[id]; !ok {
			c.mids[id] = 0xa000 + uint16(len(c.mids))
		}
		data = bytes.Clone(data)
		binary.BigEndian.PutUint16(data[2:], c.mids[id])
	}
	show(c.t, c.text, c.talk, data)
}

func path(segments ...string) (opts endpoint.Options) {
	for _, s := range segments {
		opts = opts.AddString(endpoint.URIPath, s)
	}
	return opts
}

func textOption(n endpoint.OptionNumber, value string) endpoint.Options {
	return endpoint.Options(nil).AddString(n, value)
}

func uintOption(n endpoint.OptionNumber, value uint32) endpoint.Options {
	return endpoint.Options(nil).AddUint(n, value)
}
