package dialect

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec"
)

// writtenBody is the payload of a body against a context, which a reader with the same one
// takes back.
func writtenBody(t *testing.T, text string, x Context) string {
	t.Helper()
	codec := New(testHome, cborcodec.Limits{})
	out, in := x, x
	if out.Refer == nil {
		out.Refer = writing{&party{note: new(Note)}}
	}
	if in.Solve == nil {
		in.Solve = reading{&party{note: new(Note)}}
	}
	payload, err := codec.AppendBody(nil, []byte(text), &out)
	require.NoError(t, err)
	back, err := codec.AppendJSON(nil, payload, &in)
	require.NoError(t, err, "%x", payload)
	require.Equal(t, text, string(back))
	require.Equal(t, out.Learned, in.Learned)
	return hex.EncodeToString(payload)
}

// keyItem is the item of a key.
func keyItem(t *testing.T, key string) string {
	t.Helper()
	payload, err := New(testHome, cborcodec.Limits{}).AppendBody(nil, []byte(`{"`+key+`":0}`), nil)
	require.NoError(t, err)
	return hex.EncodeToString(payload[1 : len(payload)-1])
}

// TestAges: the first age behind a time tells when the server answered, and those which
// follow from that are one byte.
func TestAges(t *testing.T) {
	age := keyItem(t, "age")
	for _, c := range []struct{ name, text, item string }{
		{"first and second", `[1700000000000,{"age":1000},1700000000100,{"age":900}]`,
			item("84", "d200", "a1", age, "d21903e8", "d21864", "a1", age, "f7")},
		{"another clock", `[1700000000000,{"age":1000},{"age":999},{"age":999}]`,
			item("84", "d200", "a1", age, "d21903e8", "a1", age, "d21903e7", "a1", age, "f7")},
		{"before the answer", `[1700000000000,{"age":5},1700000000006,{"age":-1}]`,
			item("84", "d200", "a1", age, "d205", "d206", "a1", age, "20")},
		{"a long one", `[1700000000000,{"age":1600000000000}]`, item("82", "d200", "a1", age, "d21b000001748 76e800 0")},
		{"no number", `[1700000000000,{"age":"5"}]`, item("82", "d200", "a1", age, "61", "'5")},
		{"as an array", `[1700000000000,{"age":[5]}]`, item("82", "d200", "a1", age, "8105")},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, strings.ReplaceAll(c.item, " ", ""), writtenBody(t, c.text, Context{Clock: 1700000000000}))
		})
	}
	assert.Equal(t, item("a1", age, "05"), writtenBody(t, `{"age":5}`, Context{}), "without a time")
}

// TestCounters: a counter that the answer before had too is one byte.
func TestCounters(t *testing.T) {
	key := keyItem(t, counterKeys[0])
	from := &Note{Counts: [NumCounters]string{`{"x":50}`, `["x"]`}}
	for _, c := range []struct{ name, value, item string }{
		{"unchanged", `{"x":50}`, "f7"},
		{"changed", `{"x":49}`, item("d81a82", "61", "'x", "1831")},
		{"another kind", `["x"]`, item("d81a82", "f6", "61", "'x")},
		{"empty", `{}`, "d81a80"},
		{"empty list", `[]`, "d81a81f6"},
		{"longer", `{"x":50,"y":1}`, item("d81a84", "61", "'x", "1832", "61", "'y", "01")},
		{"negative", `{"x":-1}`, item("a1", "61", "'x", "20")},
		{"nested", `{"x":{}}`, item("a1", "61", "'x", "a0")},
		{"null", `null`, "f6"},
		{"long", `{"` + strings.Repeat("x", 251) + `":1}`, item("a1", "78fb", "'"+strings.Repeat("x", 251), "01")},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, item("a1", key, c.item), writtenBody(t, `{"`+counterKeys[0]+`":`+c.value+`}`, Context{From: from}))
		})
	}
}

// TestEcho: what a request sent comes back as a reference to its transaction ID.
func TestEcho(t *testing.T) {
	const path = "/_matrix/client/v3/rooms/!PlPiL6wQs5xqqYGa:example.org/send/m.room.message/"
	const body, sorted = `{"msgtype":"m.text","body":"hello world"}`, `{"body":"hello world","msgtype":"m.text"}`
	content := keyItem(t, "content")
	for _, c := range []struct{ name, sent, comes, item string }{
		{"as it is", body, body, "d81820"},
		{"sorted", body, sorted, "d81920"},
		{"sorted already", sorted, sorted, "d81820"},
		{"sorted inside", `{"b":[{"d":1.0,"c":"\"{"}],"a":{}}`, `{"a":{},"b":[{"c":"\"{","d":1.0}]}`, "d81920"},
		{"twice the same name", `{"b":1,"a":2,"a":1}`, `{"a":2,"a":1,"b":1}`, "d81920"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLink()
			l.exchange(t, put(path+"m1700000000000.1", c.sent), `{}`)
			l.exchange(t, get("/_matrix/client/v3/sync"), `{"content":`+c.comes+`}`)
			assert.Equal(t, item("a1", content, c.item), hex.EncodeToString(l.response))
			l.exchange(t, get("/_matrix/client/v3/sync"), `{"@bob:example.org":{"content":`+c.comes+`}}`)
			l.exchange(t, get("/_matrix/client/v3/sync"), `{"contents":`+c.comes+`,"x":{"content":[`+c.comes+`]}}`)
			assert.Greater(t, len(l.response), 12, "only under its key")
		})
	}
	l := newLink()
	l.exchange(t, put(path+"a", body), `{}`)
	l.exchange(t, put("/_matrix/client/v3/rooms/!PlPiL6wQs5xqqYGa:example.org/redact/$"+hash+"/b", body), `{}`)
	long := `{"body":"` + strings.Repeat("x", maxEcho) + `"}`
	l.exchange(t, put(path+"m1700000000000.2", long), `{}`)
	for _, e := range l.client.tables[written] {
		assert.LessOrEqual(t, len(e.note.Body), maxEcho)
	}
}

// TestHostileElisions: what stands for something that is not known is refused, wherever
// it stands.
func TestHostileElisions(t *testing.T) {
	codec := New(testHome, cborcodec.Limits{})
	counter, age := keyItem(t, counterKeys[0]), keyItem(t, "age")
	for _, c := range []struct {
		name, payload string
		err           error
	}{
		{"undefined", "f7", errItem},
		{"undefined in an array", "81f7", errItem},
		{"undefined as a key", "a1f700", errItem},
		{"age without an answer", item("a1", age, "f7"), errTime},
		{"age without a time", item("a1", age, "d205"), errTime},
		{"age below zero", item("82", "d21b0000018bcfe56800", "a1", age, "d220"), errItem},
		{"long age", item("82", "d21b0000018bcfe56800", "a1", age, "d21b00038d7ea4c68000"), errTime},
		{"age of a later event", item("83", "d21b0000018bcfe56800", "a1", age, "d200", "82", "d205", "a1", age, "f7"), errTime},
		{"counter without a note", item("a1", counter, "f7"), ErrReference},
		{"counter elsewhere", item("a1", age, "d81a80"), errContent},
		{"counter alone", "d81a80", errContent},
		{"counter of a name alone", item("a1", counter, "d81a816161"), errContent},
		{"counter of no number", item("a1", counter, "d81a8261616161"), errItem},
		{"counter with an escape", item("a1", counter, "d81a8261220a"), errContent},
		{"counter not UTF-8", item("a1", counter, "d81a8261ff0a"), errContent},
		{"long counter", item("a1", counter, "d81a8279012c", "'"+strings.Repeat("x", 300), "01"), errContent},
		{"counter with too many members", item("a1", counter, "d81a9818"), errContent},
		{"counter in no array", item("a1", counter, "d81aa0"), errContent},
		{"echo without a body", "d81800", ErrReference},
		{"echo of nothing", "d81805", ErrReference},
		{"sorted echo of what is sorted", "d81920", ErrReference},
		{"echo as a key", "a1d8182000", errItem},
		{"echo in a reference", "d7d81820", errItem},
		{"echo cut off", "d818", errTruncated},
		{"unknown tag", "d81d00", errContent},
		{"repetition without a body", "d81c6101", errContent},
		{"repetition in bytes", "a2" + bodyKey + "63616263" + "6178" + "d81c4101", errContent},
		{"repetition of a run that is not there", "a2" + bodyKey + "63616263" + "6178" + "d81c620101", errContent},
		{"repetition twice", "a2" + bodyKey + "63616263" + "6178" + "d81c63010303", errContent},
		{"repetition of what was passed", "a2" + bodyKey + "63616263" + "6178" + "d81c620203", errContent},
		{"repetition with a control character", "a2" + bodyKey + "63616263" + "6178" + "d81c6100", errContent},
		{"repetition as a key", "a2" + bodyKey + "63616263" + "d81c6101" + "00", errContent},
		{"repetition cut off", "a2" + bodyKey + "63616263" + "6178" + "d81c6201", errTruncated},
	} {
		t.Run(c.name, func(t *testing.T) {
			payload, err := hex.DecodeString(c.payload)
			require.NoError(t, err)
			p := &party{note: new(Note)}
			p.tables[written] = []entry{{"m1", &Note{Body: `{"body":"x"}`}}}
			p.tables[read] = []entry{{"s1", &Note{}}}
			_, err = codec.AppendJSON(nil, payload, &Context{Solve: reading{p}})
			require.ErrorIs(t, err, c.err)
		})
	}
}

// TestEchoesAreBounded: many short items that stand for a long body stop at MaxOutput.
func TestEchoesAreBounded(t *testing.T) {
	p := &party{note: new(Note)}
	p.tables[written] = []entry{{"m1", &Note{Body: `{"body":"` + strings.Repeat("x", 2000) + `"}`}}}
	payload := []byte{0x99, 0xff, 0xff}
	for range 0xffff {
		payload = append(payload, 0xd8, 0x18, 0x20)
	}
	var limit *cborcodec.LimitError
	text, err := New(testHome, cborcodec.Limits{MaxOutput: 10_000}).AppendJSON(nil, payload, &Context{Solve: reading{p}})
	require.ErrorAs(t, err, &limit)
	assert.LessOrEqual(t, cap(text), 10_000+2*maxEcho)
}

// TestDepth: containers that are written as one item are as deep as others.
func TestDepth(t *testing.T) {
	codec := New(testHome, cborcodec.Limits{MaxDepth: 3})
	var limit *cborcodec.LimitError
	for key, deep := range map[string]bool{"x": true, counterKeys[0]: true} {
		x := &Context{Refer: writing{&party{note: new(Note)}}}
		_, err := codec.AppendBody(nil, []byte(`[[{"`+key+`":{}}]]`), x)
		assert.Equal(t, deep, err != nil, key)
		if err != nil {
			assert.ErrorAs(t, err, &limit)
		}
	}
}
