package inspect

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec/dialect"
	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
)

// told returns what a conversation says of a message.
func told(t *testing.T, c *Conversation, m *endpoint.Message) string {
	t.Helper()
	data, err := endpoint.AppendMessage(nil, m)
	require.NoError(t, err)
	var r Report
	c.Message(&r, data)
	require.Equal(t, len(data), r.Total())
	var b strings.Builder
	require.NoError(t, r.Write(&b, Style{Full: true}))
	return b.String()
}

// shippedFormat is unpacked once.
var shippedFormat = sync.OnceValues(func() (*wire2.Format, error) { return wire2.Shipped(1) })

func conversation(t *testing.T) *Conversation {
	t.Helper()
	format, err := shippedFormat()
	require.NoError(t, err)
	return NewConversation(format, "example.org")
}

// TestNotOfVersion2 shows answers to a request of version 2 that have no payload of that, and that a
// Transport takes for none.
func TestNotOfVersion2(t *testing.T) {
	options := func(n endpoint.OptionNumber, v uint32) endpoint.Options { return endpoint.Options(nil).AddUint(n, v) }
	for _, c := range []struct {
		name    string
		head    bool
		code    endpoint.Code
		options endpoint.Options
		payload string
		version int
	}{
		{"an answer", false, endpoint.Content, nil, "\x00\xa0", 2},
		{"an empty one", false, endpoint.Content, nil, "", 2},
		{"an error", false, endpoint.NotFound, nil, "\x00\xa0", 2},
		{"busy, as the homeserver is", false, endpoint.ServiceUnavailable, options(coap.OptionStatus, 503), "\x00\xa0", 2},
		{"busy, with headers alone", false, endpoint.ServiceUnavailable, options(coap.OptionEnvelope, 0), "\x80", 2},
		{"busy, as the message layer is", false, endpoint.ServiceUnavailable, nil, "", 0},
		{"an option that is not known", false, endpoint.BadOption, nil, "\x00\xa0", 0},
		{"missing blocks", false, endpoint.RequestEntityIncomplete, nil, "\x00\xa0", 0},
		{"registered, or not modified", false, endpoint.Valid, nil, "", 0},
		{"no content", false, endpoint.Changed, options(coap.OptionStatus, 204), "", 0},
		{"HEAD", true, endpoint.Content, nil, "", 0},
		{"CBOR", false, endpoint.Content, options(endpoint.ContentFormat, formatCBOR), "\xa0", 1},
		{"the gateway's own", false, endpoint.Unauthorized, options(coap.OptionControl, 6), "", 0},
	} {
		talk := conversation(t)
		request := dialect.Request{Method: "GET", Target: "/_matrix/client/versions"}
		if c.head {
			request.Method = "HEAD"
		}
		payload, err := talk.codec.AppendRequest([]byte{0}, &request, nil)
		require.NoError(t, err)
		told(t, talk, &endpoint.Message{Code: endpoint.FETCH, Token: []byte{1}, Payload: payload})
		text := told(t, talk, &endpoint.Message{
			Type: endpoint.Acknowledgement, Code: c.code, Token: []byte{1}, Options: c.options, Payload: []byte(c.payload),
		})
		assert.Equal(t, c.version == 2, strings.Contains(text, "a response of version 2"), "%s: %s", c.name, text)
		assert.Equal(t, c.version == 1, strings.Contains(text, "payload: CBOR"), "%s: %s", c.name, text)
	}
}

// TestEnvelopeAsRead shows an envelope where a Server takes it for one.
func TestEnvelopeAsRead(t *testing.T) {
	for payload, ok := range map[string]bool{
		"\x81\x61/":                             true,
		"\x81\x41\xff":                          true, // no UTF-8
		"\x9f\x61/\xff":                         true,
		"\x81\x7f\x61/\xff":                     true,
		"\x81\xf6":                              false, // null
		"\x81\xc0\x61/":                         false, // a tag
		"\x81\x61\xff":                          false,
		"\xc0\x81\x61/":                         false,
		"\x98\x41" + strings.Repeat("\x60", 65): false,
	} {
		_, _, err := coap.OpenEnvelope([]byte(payload))
		require.Equal(t, ok, err == nil, "%x: %v", payload, err)
		text := told(t, conversation(t), &endpoint.Message{
			Code: endpoint.GET, Token: []byte{1}, Options: endpoint.Options(nil).Add(coap.OptionEnvelope, nil), Payload: []byte(payload),
		})
		assert.Equal(t, !ok, strings.Contains(text, "malformed envelope"), "%x: %s", payload, text)
	}
}

// TestVersion1AsRead: bodies of version 1 are read by its own rules.
func TestVersion1AsRead(t *testing.T) {
	for payload, want := range map[string]string{
		"\xa1\x18\xc8\xf5":              `200: true`,
		"\xa1\x20\xf5":                  `-1: true`,
		"\xa2\x01\xf5\x68event_id\x61x": "event_id: true, passed over: its name is there as text, too",
		"\xd7\x00":                      "before the end",
		"\x41a":                         "before the end",
		"\xf7":                          "before the end",
	} {
		text := told(t, conversation(t), &endpoint.Message{
			Code: endpoint.POST, Token: []byte{1}, Payload: []byte(payload),
			Options: endpoint.Options(nil).AddString(endpoint.URIPath, "1").AddUint(endpoint.ContentFormat, formatCBOR),
		})
		assert.Contains(t, text, want, "%x", payload)
	}
}

// TestUnknownStateIsNoRequest: what only a server says is malformed as a request, as it is for a server.
func TestUnknownStateIsNoRequest(t *testing.T) {
	for _, payload := range []string{string(wire2.Unknown()), "\x00\xd6\xa1\x05\x00\x16"} { // and what only a notification says
		text := told(t, conversation(t), &endpoint.Message{Code: endpoint.FETCH, Token: []byte{1}, Payload: []byte(payload)})
		assert.Contains(t, text, "not a payload of version 2")
	}
}

// TestReferencesBeyondTables: what lies further back than both ends have agreed on is not known.
func TestReferencesBeyondTables(t *testing.T) {
	talk := conversation(t)
	answer := append([]byte{4}, make([]byte, idSize)...) // 16 entries
	talk.content(new(Report), &endpoint.Message{Code: endpoint.Content, Options: endpoint.Options(nil).Add(coap.OptionOffer, append(answer, "example.org"...))})
	texts := make([]string, 20)
	for i := range texts {
		texts[i] = "@a:b"
	}
	talk.server.add(1, 0, texts, nil)
	r := &resolver{own: talk.server, other: talk.server, ownEnd: 20, otherEnd: 20, size: talk.size}
	for ref, known := range map[int64]bool{0: true, 15: true, 16: false, -16: true, -17: false} {
		_, ok := r.Resolve(ref)
		assert.Equal(t, known, ok, ref)
	}
}
