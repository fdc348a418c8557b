package dialect

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec"
)

// fuzzLimits keeps single runs short.
var fuzzLimits = cborcodec.Limits{MaxInput: 1 << 16, MaxOutput: 1 << 20}

// Any text: accepted if and only if version 1 accepts it, and then the same comes back.
func FuzzAppendBody(f *testing.F) {
	f.Add([]byte(`{"event_id":"$` + hash + `","sender":"@alice:example.org","origin_server_ts":1700000000000}`))
	f.Add([]byte(`["m1700000000000.5","mautrix-go_1700000000000000042_7","s1_2-3","t1-2_3","00","1","ed25519:AAAAHg",` + wordRows[0] + `]`))
	codec, v1 := New(testHome, fuzzLimits), cborcodec.V1(fuzzLimits)
	f.Fuzz(func(t *testing.T, text []byte) {
		item, plainErr := v1.AppendCBOR(nil, text)
		payload, err := codec.AppendBody(nil, text, nil)
		var limit *cborcodec.LimitError
		if errors.As(plainErr, &limit) || errors.As(err, &limit) {
			return
		}
		require.Equal(t, plainErr == nil, err == nil, "%v %v", plainErr, err)
		if err != nil {
			return
		}
		want, err := v1.AppendJSON(nil, item)
		if err != nil {
			return
		}
		back, err := codec.AppendJSON(nil, payload, nil)
		require.NoError(t, err, "%x", payload)
		require.Equal(t, string(want), string(back), "%x", payload)
	})
}

// Any bytes: never a panic; what is accepted is JSON, and stays as it is.
func FuzzAppendJSON(f *testing.F) {
	for _, payload := range []string{"", "a101" + "5820" + hashHex, "82d21b0000018bcfe56800d20a", "d184011b0000018bcfe5680018" + "2a07", "cf83051a00011b9201", "f8ff", "d500"} {
		b, err := hex.DecodeString(payload)
		require.NoError(f, err)
		f.Add(b)
	}
	codec := New(testHome, fuzzLimits)
	f.Fuzz(func(t *testing.T, payload []byte) {
		text, err := codec.AppendJSON(nil, payload, newEnds().context())
		if err != nil {
			require.Empty(t, text)
			return
		}
		require.True(t, json.Valid(text) && utf8.Valid(text), "%q", text)
		again, err := New(testHome, cborcodec.Limits{}).AppendBody(nil, text, nil)
		require.NoError(t, err)
		back, err := New(testHome, cborcodec.Limits{}).AppendJSON(nil, again, nil)
		require.NoError(t, err)
		require.Equal(t, string(text), string(back))
	})
}

// Any request comes back to the byte, or is refused.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "/_matrix/client/v3/sync?timeout=0&since=s1_2", []byte(nil))
	f.Add("PUT", "/_matrix/client/v3/rooms/%21abc:example.org/send/m.room.message/m1700000000000.5", []byte(`{"body":"x"}`))
	f.Add("POST", "/a//b/?", []byte("[]"))
	codec := New(testHome, fuzzLimits)
	f.Fuzz(func(t *testing.T, method, target string, body []byte) {
		r := Request{Method: method, Target: target}
		if json.Valid(body) && utf8.Valid(body) {
			r.Body = body
		}
		payload, err := codec.AppendRequest(nil, &r, nil)
		require.Equal(t, legalRequest(&r), !errors.Is(err, ErrRequest))
		if err != nil {
			return
		}
		var got Request
		require.NoError(t, codec.DecodeRequest(&got, payload, nil), "%x", payload)
		requireRequest(t, r, got)
	})
}

// Any bytes: never a panic; what is accepted is a request that HTTP can have.
func FuzzDecodeRequest(f *testing.F) {
	for _, payload := range []string{"00", "2000f7f7", "0083056131f6", "654745542f2f", "01c06161f3d183001b0000018bcfe5680005a0", "696e"} {
		b, err := hex.DecodeString(payload)
		require.NoError(f, err)
		f.Add(b)
	}
	codec := New(testHome, fuzzLimits)
	f.Fuzz(func(t *testing.T, payload []byte) {
		opaque := Request{Opaque: true}
		if codec.DecodeRequest(&opaque, payload, newEnds().context()) == nil {
			require.True(t, legalRequest(&opaque), "%q", opaque.Target)
		}
		var r Request
		if err := codec.DecodeRequest(&r, payload, newEnds().context()); err != nil {
			return
		}
		require.True(t, legalRequest(&r), "%q", r.Target)
		again, err := codec.AppendRequest(nil, &r, nil)
		if err != nil { // a limit
			return
		}
		var got Request
		require.NoError(t, codec.DecodeRequest(&got, again, nil))
		requireRequest(t, r, got)
	})
}

// known is a context in which everything that may be left out is known.
func known() *Context {
	note := &Note{
		Query: "since=s1_2&timeout=0", Counts: [NumCounters]string{`{"x":50}`, `["x"]`, `[]`},
		Body: `{"b":1,"a":"hello"}`, Sorted: `{"a":"hello","b":1}`,
	}
	p := &party{note: new(Note)}
	p.tables[read] = []entry{{"s1_2", note}, {"1/s1_2", &Note{Query: "pos=0 \xa1\x61\x61\x01"}}}
	p.tables[written] = []entry{{"m1699999999999.1", &Note{Body: `{"msgtype":"m.text","body":"one *two*"}`}}, {"m1700000000000.1", note}}
	return &Context{Solve: reading{p}, Clock: 1700000000000, Count: 7, Room: "!r:example.org", Event: "$" + hash, Since: "s1_2", From: note}
}

// Any text against any context, twice: it comes back, and both ends remember the same.
func FuzzSession(f *testing.F) {
	for _, text := range append(echoBodies, counterTexts...) {
		f.Add([]byte(`{"next_batch":"s2_2","content":`+text+`,"x":{"`+counterKeys[0]+`":`+text+`}}`), "s1_2")
	}
	f.Add([]byte(`[1700000000000,{"age":null},5,{"age":7},{"\u0061ge":1700000000007}]`), "5/s1_2")
	f.Add([]byte(`["12345","FluffyChat android-5-1700000000000","mautrix-python_R5@T1700000000000","6/s1_3","t8-1_2"]`), "12344")
	f.Add([]byte(`[{"body":"hello *there*","formatted_body":"hello <em>there</em>"},{"!r:example.org":["$`+hash+`"],"event_id":"$`+hash+`"},"!r:example.org"]`), "s1_3")
	f.Fuzz(func(t *testing.T, text []byte, since string) {
		if _, err := cborcodec.V1(fuzzLimits).AppendCBOR(nil, text); err != nil || !utf8.Valid(text) {
			return
		}
		l := newLink()
		l.exchange(t, put("/_matrix/client/v3/rooms/!r:example.org/send/m.room.message/m1700000000000.5", string(text)), string(text))
		for range 2 {
			r := get("/_matrix/client/v3/sync?since=" + since)
			if !legalRequest(&r) {
				return
			}
			l.exchange(t, r, string(text))
		}
	})
}

// Any bytes in a context that knows much: never a panic, and what is accepted is JSON.
func FuzzKnown(f *testing.F) {
	for _, payload := range []string{
		"a2" + "111a00000005" + "11f7", "d81820", "d81920", "d81a8261610a", "d81b820182" + "0101", "ce20", "cf820100", "d183000001",
		"00d701", "0ad700", "d6d701", "82d200a111d205", "82d7f6d6d7f7", "04d7f6f853d7f7", "82a1" + bodyKey + "63616263" + "d81c63010203",
	} {
		b, err := hex.DecodeString(payload)
		require.NoError(f, err)
		f.Add(b)
	}
	codec := New(testHome, fuzzLimits)
	f.Fuzz(func(t *testing.T, payload []byte) {
		if text, err := codec.AppendJSON(nil, payload, known()); err == nil {
			require.True(t, json.Valid(text) && utf8.Valid(text), "%q", text)
		}
		var r Request
		if err := codec.DecodeRequest(&r, payload, known()); err == nil {
			require.True(t, legalRequest(&r), "%q", r.Target)
			require.True(t, r.Body == nil || json.Valid(r.Body), "%q", r.Body)
		}
	})
}
