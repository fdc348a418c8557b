package dialect

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec"
)

// TestStyle: both ends learn the same of how a client writes.
func TestStyle(t *testing.T) {
	const room, uuid = "/_matrix/client/v3/rooms/!r:example.org", "24cd3df5-56c8-41ac-bf49-a44928e71192"
	before := Style{Form: 2, Txn: 3}
	for _, c := range []struct {
		target string
		want   Style
	}{
		{room + "/send/m.reaction/m1700000000002.6", Style{0, 1}},
		{"/_matrix/client/v3/rooms/!r%3Aexample.org/send/m.reaction/m1700000000002.6", Style{1, 1}},
		{room + "/send/m.reaction/mautrix-go_1700000000002000042_6", Style{0, 2}},
		{room + "/send/m.reaction/" + uuid, Style{0, 9}},
		{room + "/redact/$" + hash + "/24cd3df556c841ac8f49a44928e71192", Style{0, 13}},
		{room + "/send/m.reaction/$local." + uuid, Style{0, 17}},
		{room + "/send/m.reaction/17", Style{0, 64 + 14}},
		{room + "/send/m.reaction/x-1", Style{0, 63}},
		{"/_matrix/client/v3/sendToDevice/m.dummy/1700000000002__inc3", Style{0, 3}},
		{room + "/typing/@a:b", before},
		{room + "/elsewhere/m1700000000002.6", before},
	} {
		codec := New(testHome, cborcodec.Limits{})
		x := &Context{Style: before}
		r := put(c.target, `{"a":1}`)
		payload, err := codec.AppendRequest(nil, &r, x)
		require.NoError(t, err)
		assert.Equal(t, c.want, x.Learned.Style, c.target)
		y := &Context{Style: before}
		require.NoError(t, codec.DecodeRequest(new(Request), payload, y))
		assert.Equal(t, c.want, y.Learned.Style, c.target)
	}
}

// TestStyleOfReference: a request that is made again says how its path is written, and not
// how its transaction ID looks.
func TestStyleOfReference(t *testing.T) {
	before := Style{Form: 2, Txn: 3}
	assert.Equal(t, Style{1, 3}, before.with(1, []byte{majorTag<<5 | tagReference, 0}))
	assert.Equal(t, Style{1, 1}, before.with(1, []byte{majorTag<<5 | tagInsert, majorTag<<5 | tagTransaction, 0x83, 0, 0, 0}))
}
