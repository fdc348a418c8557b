package wire2

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec"
	"github.com/coapgw/coapgw/cborcodec/dialect"
)

// small are terms that stop a hostile message early.
func small() Terms {
	terms := defaults()
	terms.Limits = cborcodec.Limits{MaxInput: 1 << 16, MaxOutput: 1 << 20}
	return terms
}

// FuzzRequest hands arbitrary payloads to a server that has answered some: nothing panics,
// and what is read is bounded.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{"", "\x00\x00", "\x02\x00", "\x03\x00\x01", "\x07\x02\x00\x00", "\x0b\x02\x00\x00", "\x54\x00", "\x00\xd6\xa1\x00\x01\x00"} {
		f.Add([]byte(s))
	}
	format := format(f)
	f.Fuzz(func(t *testing.T, payload []byte) {
		e := &ends{t: t, client: format.NewClient(small()), server: format.NewServer(small(), 0)}
		for range 3 {
			e.exchange("GET", "/_matrix/client/v3/sync?since=s1_1", "", 200, `{"next_batch":"s1_1","rooms":{"join":{"`+room+`":{}}}}`)
		}
		call := e.server.Admit(0)
		var r dialect.Request
		if call.Request(&r, payload) != nil {
			return
		}
		require.LessOrEqual(t, len(r.Body), 1<<21)
		_, err := call.Response(nil, []byte("{}"), 200)
		require.NoError(t, err)
	})
}

// FuzzResponse hands arbitrary payloads to a client that waits for an answer.
func FuzzResponse(f *testing.F) {
	for _, s := range []string{"", "\x00\x00", "\x02\x00", "\x03\x00\x01", "\xfc", "\x04\xd6\xa1\x05\x00\xa0", "\x00\xd6\xa2\x02\x01\x03\x00\xd6\x61x"} {
		f.Add([]byte(s))
	}
	format := format(f)
	f.Fuzz(func(t *testing.T, payload []byte) {
		e := &ends{t: t, client: format.NewClient(small()), server: format.NewServer(small(), 0)}
		for range 3 {
			e.exchange("GET", "/_matrix/client/v3/sync?since=s1_1", "", 200, `{"next_batch":"s1_1","rooms":{"join":{"`+room+`":{}}}}`)
		}
		_, x, err := e.client.Request(nil, &dialect.Request{Method: "GET", Target: "/_matrix/client/v3/sync?since=s1_1"}, time.Time{})
		require.NoError(t, err)
		json, _, err := x.Response(nil, payload, 200)
		if err == nil {
			require.LessOrEqual(t, len(json), 1<<21)
		}
	})
}
