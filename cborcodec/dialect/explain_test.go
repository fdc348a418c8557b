package dialect

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec"
	"github.com/coapgw/coapgw/coap/paths"
)

// explained returns the parts of a payload, which must cover it without a gap.
func explained(t *testing.T, c *Codec, payload []byte, request bool, x *Context) (parts []Part) {
	t.Helper()
	at := 0
	require.NoError(t, c.Explain(payload, request, x, func(p *Part) {
		require.Equal(t, at, p.At)
		at += p.Size
		parts = append(parts, *p)
	}))
	require.Equal(t, len(payload), at)
	return parts
}

// Whatever the codec writes is explained to the last byte, and nothing is unknown.
func TestExplainCorpus(t *testing.T) {
	codec := New(recordedHome, cborcodec.Limits{})
	for _, e := range corpus(t) {
		r := e.request()
		payload, err := codec.AppendRequest(nil, &r, nil)
		require.NoError(t, err)
		parts := explained(t, codec, payload, true, nil)
		if e.Resp != nil {
			payload, err := codec.AppendBody(nil, e.Resp, nil)
			require.NoError(t, err)
			parts = append(parts, explained(t, codec, payload, false, nil)...)
		}
		for i := range parts {
			require.False(t, parts[i].Unknown, "%+v", parts[i])
		}
	}
}

// A reader without a session sees what refers to it as unknown, and all else.
func TestExplainWithoutSession(t *testing.T) {
	codec := New("", cborcodec.Limits{})
	for _, tt := range []struct {
		payload string
		request bool
		want    []Part
	}{
		{"00d720", true, []Part{
			{Size: 1, Role: Route, Text: routeRows[0], How: "route 0"},
			{At: 1, Size: 2, Role: Query, How: "sticky", Ref: -1, HasRef: true, Unknown: true},
		}},
		{fmt.Sprintf("a2d703a1%xf706d702", appendHead(nil, majorNegative, keyNumbers["device_one_time_keys_count"])), false, []Part{
			{Size: 1, Role: Body, How: "object of 2"},
			{At: 1, Size: 3, Depth: 1, Role: Member, Name: "(reference 3)", How: "object of 1"},
			{At: 4, Size: 2, Depth: 2, Role: Member, Name: "device_one_time_keys_count", How: "undefined: as before", Unknown: true},
			{At: 6, Size: 3, Depth: 1, Role: Member, Name: "sender", Ref: 2, HasRef: true, Unknown: true},
		}},
		{"a103d81820", false, []Part{
			{Size: 1, Role: Body, How: "object of 1"},
			{At: 1, Size: 4, Depth: 1, Role: Member, Name: "content", How: "what was sent", Ref: -1, HasRef: true, Unknown: true},
		}},
		{"a2" + bodyKey + "d702" + "6178" + "d81c6101", false, []Part{
			{Size: 1, Role: Body, How: "object of 2"},
			{At: 1, Size: 4, Depth: 1, Role: Member, Name: "body", Ref: 2, HasRef: true, Unknown: true},
			{At: 5, Size: 6, Depth: 1, Role: Member, Name: "x", How: "of the body", Unknown: true},
		}},
		{"8208d205", false, []Part{
			{Size: 1, Role: Body, How: "array of 2"},
			{At: 1, Size: 1, Depth: 1, Role: Element, Text: "8"},
			{At: 2, Size: 2, Depth: 1, Role: Element, How: "time", Unknown: true},
		}},
	} {
		payload, err := hex.DecodeString(tt.payload)
		require.NoError(t, err)
		assert.Equal(t, tt.want, explained(t, codec, payload, tt.request, nil), tt.payload)
	}
}

func TestExplainMalformed(t *testing.T) {
	codec := New(testHome, cborcodec.Limits{})
	for _, payload := range []string{"a1", "a101", "8201", "00ff", "19ffff", "d5", "f8", "6161", "9f", "bf01", "8182", "d5190fff", "0041", "a2f5f5f5f5", "d8034a30303030303030303030", "d9000241ff", "da0000010643312e30", "d81740"} {
		b, err := hex.DecodeString(payload)
		require.NoError(t, err)
		for _, request := range []bool{true, false} {
			err := codec.Explain(b, request, nil, func(*Part) {})
			if request {
				var r Request
				assert.Equal(t, codec.DecodeRequest(&r, b, nil) == nil, err == nil, payload)
				continue
			}
			_, want := codec.AppendJSON(nil, b, nil)
			assert.Equal(t, want == nil, err == nil, "%s: %v, %v", payload, want, err)
		}
	}
}

func TestRouteNumber(t *testing.T) {
	n, ok := RouteNumber("PUT /_matrix/client/v3/rooms/!a:b/send/m.room.message/1?x")
	require.True(t, ok)
	assert.Equal(t, "PUT /_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}", routeRows[n])
	for _, row := range routeRows {
		_, ok := RouteNumber(row)
		assert.True(t, ok, row)
	}
	_, ok = RouteNumber("BREW /coffee")
	assert.False(t, ok)
}

// Any bytes: never a panic, and no part beyond the end. Explained is what the codec reads, with
// the values that it reads, and nothing else but for what depends on what is not known.
func FuzzExplain(f *testing.F) {
	for _, payload := range []string{"00d720", "a124f7", "a103d81820", "a111d205", "d68144d6", "d21b0000018bcfe56800", "bf01f8ffff", "9f5f4101ffff", "82a1" + bodyKey + "63616263" + "d81c620103"} {
		b, err := hex.DecodeString(payload)
		require.NoError(f, err)
		f.Add(b)
	}
	for _, payload := range disagreed {
		b, err := hex.DecodeString(payload)
		require.NoError(f, err)
		f.Add(b)
	}
	codec := New(testHome, fuzzLimits)
	f.Fuzz(func(t *testing.T, payload []byte) {
		requireAgreement(t, codec, payload)
	})
}

// disagreed are payloads of which Explain once showed what the codec does not read, or another
// value.
var disagreed = []string{
	"66474554202f2f80",             // a query behind a route that has it in its text
	"00816120",                     // a query as it is, with a space in it
	"a119fffff6",                   // a key of version 1 that there is not
	"008261ff6161", "0082616161ff", // the same in a query, a key and a value
	"c061ff", "a1c061fff6", // text that is no Unicode, a value and a key
	"0ed700", "0ad700", // asking again, and no sync
	"106473796e63d701",                                                     // a sync that only its parameter makes one
	"82d81821a16178d81c6101",                                               // a body within what was sent, repeated
	"a301f5686576656e745f6964f401a0", "bf01bf01f6ff686576656e745f6964f4ff", // twins, in version 1
	"a118c8f6", "f7", "4101", "a120f6", "d600", // what only one of the versions has
	"a2" + bodyKey + "d6675c753030343162" + "6178" + "d81c6101", // a body with a backslash that is inserted
}

// requireAgreement checks that Explain shows what the codec reads, without a context and in
// one that knows much.
func requireAgreement(t *testing.T, codec *Codec, payload []byte) {
	requireVersion1(t, payload)
	for _, request := range []bool{true, false} {
		for _, context := range []func() *Context{func() *Context { return nil }, known} {
			var parts []Part
			at, unknown := 0, false
			err := codec.Explain(payload, request, context(), func(p *Part) {
				require.Equal(t, at, p.At)
				at += p.Size
				unknown = unknown || p.Unknown || strings.HasPrefix(p.Name, "(reference ")
				parts = append(parts, *p)
			})
			require.LessOrEqual(t, at, len(payload))
			var r Request
			var json []byte
			var want error
			if request {
				want = codec.DecodeRequest(&r, payload, context())
			} else {
				json, want = codec.AppendJSON(nil, payload, context())
			}
			var limit *cborcodec.LimitError
			if errors.As(want, &limit) || errors.As(err, &limit) {
				continue
			}
			if want != nil {
				require.True(t, err != nil || unknown, "%x, as a request: %v: refused as %v, explained as %+v", payload, request, want, parts)
				continue
			}
			require.NoError(t, err, "%x, as a request: %v", payload, request)
			require.Equal(t, len(payload), at)
			require.False(t, unknown, "%x, as a request: %v: %+v", payload, request, parts)
			if request {
				requireTarget(t, payload, &r, parts)
				json = r.Body
				for len(parts) > 0 && parts[0].Role < Body {
					parts = parts[1:]
				}
			}
			if len(parts) == 0 || parts[0].How == "undefined: no body" {
				require.True(t, len(json) == 0 || !request && string(json) == emptyObject)
				continue
			}
			rest := requireValue(t, json, &parts)
			require.Empty(t, rest, "%x", payload)
			require.Empty(t, parts, "%x", payload)
		}
	}
}

// requireVersion1 checks that ExplainVersion1 shows what the codec of version 1 reads.
func requireVersion1(t *testing.T, payload []byte) {
	var parts []Part
	at, passed := 0, -1
	err := ExplainVersion1(payload, fuzzLimits, func(p *Part) {
		require.Equal(t, at, p.At)
		at += p.Size
		if passed >= 0 && p.Depth > passed {
			return
		}
		if passed = -1; p.Passed {
			passed = p.Depth
			return
		}
		parts = append(parts, *p)
	})
	require.LessOrEqual(t, at, len(payload))
	json, want := cborcodec.V1(fuzzLimits).AppendJSON(nil, payload)
	var limit *cborcodec.LimitError
	if errors.As(want, &limit) || errors.As(err, &limit) {
		return
	}
	require.Equal(t, want == nil, err == nil, "%x: %v, %v", payload, want, err)
	if err == nil {
		require.Equal(t, len(payload), at)
		rest := requireValue(t, json, &parts)
		require.Empty(t, rest, "%x", payload)
		require.Empty(t, parts, "%x", payload)
	}
}

// requireTarget checks the parts of a target against the request that was read.
func requireTarget(t *testing.T, payload []byte, r *Request, parts []Part) {
	in := items{src: payload}
	form, err := readForm(&in)
	require.NoError(t, err)
	var segments, args []string
	query, literal := "", ""
	for _, p := range parts {
		switch p.Role {
		case Route:
			if p.How == "" {
				literal = p.Text
				continue
			}
			_, path, _ := strings.Cut(p.Text, " ")
			segments = strings.Split(path, "/")[1:]
		case Parameter:
			at := slices.Index(segments, p.Name)
			require.GreaterOrEqual(t, at, 0, "%+v", p)
			segments[at] = p.Text
		case Query:
			switch p.How {
			case "as it is", "sticky":
				query = "?" + p.Text
			case "undefined: none":
			default:
				query = "?"
			}
		case Argument:
			switch {
			case p.Name == "":
				args = append(args, p.Text)
			case p.How == "null: no =":
				args = append(args, p.Name)
			default:
				args = append(args, p.Name+"="+p.Text)
			}
		}
	}
	if literal != "" {
		require.Equal(t, r.Method+" "+r.Target, literal)
		return
	}
	target, err := new(paths.Table).Expand(segments, form)
	require.NoError(t, err)
	if args != nil {
		query += paths.JoinQuery(args, form.Query)
	}
	require.Equal(t, r.Target, target+query, "%x", payload)
}

// requireValue checks that the first parts show the JSON value with which text begins, and
// returns what follows that.
func requireValue(t *testing.T, text []byte, parts *[]Part) (rest []byte) {
	require.NotEmpty(t, *parts, "%s", text)
	p := (*parts)[0]
	*parts = (*parts)[1:]
	if p.Text != "" {
		size := valueSize(text)
		requireText(t, string(text[:size]), p.Text)
		return text[size:]
	}
	require.Contains(t, "{[", string(text[:1]), "%+v", p)
	closing := text[0] + 2
	text = text[1:]
	for text[0] != closing {
		if text[0] == ',' {
			text = text[1:]
		}
		require.NotEmpty(t, *parts)
		if p := (*parts)[0]; p.Role == Member {
			n := stringSize(text)
			requireText(t, string(text[:n]), `"`+p.Name+`"`)
			text = text[n+1:]
		}
		text = requireValue(t, text, parts)
	}
	if p.How == "object of open" || p.How == "array of open" {
		require.NotEmpty(t, *parts)
		require.Equal(t, "end", (*parts)[0].How)
		*parts = (*parts)[1:]
	}
	return text[1:]
}

// requireText compares JSON with the text of a part, in which a string may have lost its
// escapes.
func requireText(t *testing.T, want, got string) {
	if want == got {
		return
	}
	require.True(t, len(want) > 1 && want[0] == '"' && len(got) > 1 && got[0] == '"', "%s, not %s", want, got)
	require.Equal(t, string(cborcodec.AppendUnescaped(nil, []byte(want[1:len(want)-1]))), got[1:len(got)-1])
}

// valueSize is the length of the JSON value at the start of text.
func valueSize(text []byte) int {
	switch text[0] {
	case '"':
		return stringSize(text)
	case '{', '[':
		depth := 0
		for i := 0; ; i++ {
			switch text[i] {
			case '"':
				i += stringSize(text[i:]) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	}
	if n := bytes.IndexAny(text, ",]}"); n >= 0 {
		return n
	}
	return len(text)
}
