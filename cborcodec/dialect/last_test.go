package dialect

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec"
)

// TestLast: the room and the event that were spoken of last have references of one byte.
func TestLast(t *testing.T) {
	const (
		room, other = "!PlPiL6wQs5xqqYGa:example.org", "!r:example.org"
		rooms       = "/_matrix/client/v3/rooms/"
	)
	event, second := "$"+hash, "$"+hash[:42]+"w"
	receipt := func(room, event string) Request {
		r := put(rooms+room+"/receipt/m.read/"+event, "{}")
		r.Method = "POST"
		return r
	}
	l := newLink()
	l.exchange(t, get("/_matrix/client/v3/sync"), `{"rooms":{"join":{"`+other+`":{},"`+room+`":{"timeline":{"events":[{"event_id":"`+event+`"}]},"ephemeral":{"`+second+`":{}}}}}}`)
	assert.Equal(t, room, l.room)
	assert.Equal(t, event, l.event, "keys do not count")
	l.exchange(t, receipt(room, event), `{}`)
	assert.Equal(t, item("03", "d7", "f6", "f853", "d7", "f7"), hex.EncodeToString(l.request))

	l.exchange(t, receipt(other, second), `{"room_id":"`+room+`"}`)
	assert.NotContains(t, hex.EncodeToString(l.request), "d7f", "neither is the last")
	assert.NotContains(t, hex.EncodeToString(l.response), "d7f6", "the request spoke of another")
	assert.Equal(t, room, l.room)
	assert.Equal(t, second, l.event)
	l.exchange(t, get("/_matrix/client/v3/capabilities"), `["`+room+`"]`)
	assert.Equal(t, item("81", "d7", "f6"), hex.EncodeToString(l.response), "it stays the last")

	l.client.refresh = true
	l.exchange(t, receipt(room, second), `{}`)
	assert.Equal(t, item("03", "d6", "d7", "f6", "f853", "d6", "d7", "f7"), hex.EncodeToString(l.request))
}

// TestPrivateSpeaksOfNothing: what is private does not change what is the last.
func TestPrivateSpeaksOfNothing(t *testing.T) {
	l := newLink()
	l.exchange(t, get("/_matrix/client/v3/capabilities"), `["!r:example.org"]`)
	r := put("/_matrix/client/v3/login", `{"x":"!r:example.org","y":"!s:example.org"}`)
	r.Method = "POST"
	l.exchange(t, r, `{"x":"!r:example.org","y":"!s:example.org"}`)
	assert.NotContains(t, hex.EncodeToString(l.request)+hex.EncodeToString(l.response), "d7")
	assert.Equal(t, "!r:example.org", l.room)
}

// TestLastUnknown: where there is none, its item is a reference to what is not known.
func TestLastUnknown(t *testing.T) {
	codec := New(testHome, cborcodec.Limits{})
	for _, payload := range []string{"d7f6", "d7f7", "d6d7f6", "81d7f7"} {
		b, err := hex.DecodeString(payload)
		require.NoError(t, err)
		_, err = codec.AppendJSON(nil, b, newEnds().context())
		require.ErrorIs(t, err, ErrReference, payload)
		unknown := 0
		require.NoError(t, codec.Explain(b, false, newEnds().context(), func(p *Part) {
			if p.Unknown {
				unknown++
				assert.True(t, strings.HasPrefix(p.How, "the last"), p.How)
			}
		}))
		assert.Equal(t, 1, unknown, payload)
	}
}
