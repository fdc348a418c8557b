package stream

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec"
)

// ask reads an Ask for a room.
func ask(t testing.TB, queries ...string) Ask {
	t.Helper()
	a, err := ParseAsk("!r:h", queries)
	require.NoError(t, err)
	return a
}

func diagnose(t testing.TB, payload []byte) string {
	t.Helper()
	text, err := cborcodec.Diagnose(payload)
	require.NoError(t, err, "%x", payload)
	return text
}

// longID is an event ID of today's rooms: the bytes 0 to 31.
var longID = func() string {
	raw := make([]byte, 32)
	for i := range raw {
		raw[i] = byte(i)
	}
	return "$" + base64.RawURLEncoding.EncodeToString(raw)
}()

// longIDBytes is longID in diagnostic notation.
const longIDBytes = "h'000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'"

func message(sender, content string) string {
	return fmt.Sprintf(`{"type":"m.room.message","event_id":%q,"sender":%q,"origin_server_ts":1700000000000,"content":%s}`, longID, sender, content)
}

func TestPayload(t *testing.T) {
	const alice = "@alice:h"
	long := strings.Repeat("x", 50)
	for _, tt := range []struct {
		name    string
		queries []string
		event   string
		want    string
	}{
		{"sender and body", nil, message(alice, `{"body":"hi","msgtype":"m.text"}`), `{-1: 7, 6: "alice", 27: "hi"}`},
		{"no marks", []string{"k=0"}, message(alice, `{"body":"hi"}`), `{6: "alice", 27: "hi"}`},
		{"a user of another homeserver", nil, message("@bob:other", `{"body":"hi"}`), `{-1: 7, 6: "@bob:other", 27: "hi"}`},
		{"a user whose name looks like a whole one", nil, message("@@bob:h", `{"body":"hi"}`), `{-1: 7, 6: "@@bob:h", 27: "hi"}`},
		{"a user without a name", nil, message("@:h", `{"body":"hi"}`), `{-1: 7, 6: "@:h", 27: "hi"}`},
		{"a homeserver with a port", nil, message("@bob:h:8448", `{"body":"hi"}`), `{-1: 7, 6: "@bob:h:8448", 27: "hi"}`},
		{"fields in the order asked for", []string{"f=27,6"}, message(alice, `{"body":"hi"}`), `{-1: 7, 27: "hi", 6: "alice"}`},
		{"fields by name", []string{"f=sender,on,type", "m=100"}, message(alice, `{"on":true}`), `{-1: 7, 6: "alice", "on": true, 2: "m.room.message"}`},
		{"numbers, nothing and more", []string{"f=a,b,c,d,e,8", "m=100"}, message(alice, `{"a":-1,"b":21.5,"c":null,"d":[1,{"type":"x"}],"e":1.50}`), `{-1: 7, "a": -1, "b": 21.5, "c": null, "d": [1, {2: "x"}], "e": 1.5, 8: 1700000000000}`},
		{"the whole content", []string{"f=3", "m=100"}, message(alice, `{"body":"hi","x":{}}`), `{-1: 7, 3: {27: "hi", "x": {}}}`},
		{"the event's own type, not that in its content", []string{"f=type"}, message(alice, `{"type":"other"}`), `{-1: 7, 2: "m.room.message"}`},
		{"event ID", []string{"f=1"}, message(alice, `{}`), `{-1: 7, 1: ` + longIDBytes + `}`},
		{"fields that are not there", nil, message(alice, `{}`), `{-1: 7, 6: "alice"}`},
		{"content that is none", nil, message(alice, `"text"`), `{-1: 7, 6: "alice"}`},
		{"a body that is no text", nil, message(alice, `{"body":{"x":1}}`), `{-1: 7, 6: "alice", 27: {"x": 1}}`},
		{"cut", []string{"m=28"}, message(alice, `{"body":"0123456789ab"}`), `{-1: 7, 6: "alice", 27: "0123456789ab"}`},
		{"cut text", []string{"m=24"}, message(alice, `{"body":"0123456789ab"}`), `{-1: 7, 6: "alice", 27: "012345678", -3: 3}`},
		{"cut at the end of a character", []string{"m=21"}, message(alice, `{"body":"01é€789ab"}`), `{-1: 7, 6: "alice", 27: "01\u00e9", -3: 8}`},
		{"cut before a character that is too long", []string{"m=17"}, message(alice, `{"body":"€789abcdefg"}`), `{-1: 7, 6: "alice", -3: 0}`},
		{"cut sender", []string{"m=12"}, message("@alice:other", `{"body":"hi"}`), `{-1: 7, 6: "@alic", -3: 7}`},
		{"what follows is left out", []string{"m=40", "f=27,6"}, message(alice, `{"body":"`+long+`"}`), `{-1: 7, 27: "` + long[:31] + `", -3: 19}`},
		{"a value that is no text is left out", []string{"m=20", "f=6,a,27"}, message(alice, `{"a":[1,2,3,4,5,6,7,8,9],"body":"x"}`), `{-1: 7, 6: "alice", -3: 0}`},
		{"ID in place", []string{"l=i"}, message("@bob:h", `{"body":"`+long+`"}`), `{-1: 7, 6: "bob", 1: ` + longIDBytes + `}`},
		{"ID alone", []string{"l=i", "m=40"}, message("@bob:h", `{"body":"`+long+`"}`), `{-1: 7, 1: ` + longIDBytes + `}`},
		{"not even the ID", []string{"l=i", "m=20"}, message("@bob:h", `{"body":"`+long+`"}`), `{-1: 7, 6: "bob", 27: "xxxxxx", -3: 44}`},
		{"what fits needs no ID", []string{"l=i"}, message("@bob:h", `{"body":"hi"}`), `{-1: 7, 6: "bob", 27: "hi"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := ask(t, tt.queries...)
			e, ok := readEvent([]byte(tt.event))
			require.True(t, ok)
			got := a.payload(&e, "h", 7)
			assert.Equal(t, tt.want, diagnose(t, got))
			assert.LessOrEqual(t, len(got), a.Size)
		})
	}
}

// Whatever the size, the payload keeps it, and is as long as it can be.
func TestCutFillsTheSize(t *testing.T) {
	for _, unit := range []string{"x", "é", "€", "🦆"} {
		text := strings.Repeat(unit, 600)
		e, ok := readEvent([]byte(message("@bob:h", `{"body":"`+text+`"}`)))
		require.True(t, ok)
		for size := minSize; size <= maxSize; size++ {
			a := ask(t, fmt.Sprintf("m=%d", size))
			got := a.payload(&e, "h", 1<<32-1)
			require.LessOrEqual(t, len(got), size)
			if size >= 24 { // room for a character
				// One character, the head of a longer text and the word of the rest.
				require.GreaterOrEqual(t, len(got), size-len(unit)-3, "%s, %d", unit, size)
			}
			diagnose(t, got)
		}
	}
}

func TestEventsThatAreNone(t *testing.T) {
	for _, text := range []string{
		``, `null`, `[]`, `"x"`, `{}`, `{"event_id":"$1"}`,
		`{"event_id":1,"type":"m.room.message","sender":"@a:h"}`,
		`{"event_id":"$1","type":["m.room.message"],"sender":"@a:h"}`,
		`{"event_id":"$1","type":"m.room.message"}`,
		`{"event_id":"$1","type":"m.room.message","sender":"alice"}`,
		`{"event_id":"$1","type":"m.room.message","sender":"@alice"}`,
		`{"event_id":"$` + strings.Repeat("x", 300) + `","type":"m.room.message","sender":"@a:h"}`,
	} {
		_, ok := readEvent([]byte(text))
		assert.False(t, ok, text)
	}
}

// What is too deep or too large for the codec is left out, with the word of it.
func TestHostileContent(t *testing.T) {
	deep := strings.Repeat("[", 5000) + strings.Repeat("]", 5000)
	for _, content := range []string{
		`{"body":` + deep + `}`,
		`{"body":[` + strings.Repeat("1,", 40_000) + `1]}`,
	} {
		e, ok := readEvent([]byte(message("@bob:h", content)))
		require.True(t, ok)
		a := ask(t)
		assert.Equal(t, `{-1: 7, 6: "bob", -3: 0}`, diagnose(t, a.payload(&e, "h", 7)))
	}
	// Half of a pair of surrogates is no character of UTF-8.
	e, _ := readEvent([]byte(message("@bob:h", `{"body":"a\ud800b"}`)))
	a := ask(t)
	assert.Equal(t, `{-1: 7, 6: "bob", 27: "a\ufffdb"}`, diagnose(t, a.payload(&e, "h", 7)))
}

func TestMarks(t *testing.T) {
	a := markOf([]byte("key"), "!r:h", "$1")
	assert.Equal(t, a, markOf([]byte("key"), "!r:h", "$1"))
	for _, other := range []uint32{
		markOf([]byte("key"), "!r:h", "$2"), markOf([]byte("key"), "!s:h", "$1"), markOf([]byte("other"), "!r:h", "$1"),
		markOf([]byte("key"), "!r:h$", "1"),
	} {
		assert.NotEqual(t, a, other)
	}
}

func TestIDs(t *testing.T) {
	for _, tt := range []struct{ id, want string }{
		{longID, longIDBytes},
		{"$aGVsbG8", "h'68656c6c6f'"},
		{"$1:example.org", `"$1:example.org"`},
		{"$1", `"$1"`},   // 6 bits are no byte
		{"$ab", `"$ab"`}, // bits are left over that do not come back
		{"$a+/b", `"$a+/b"`},
		{"$", `"$"`},
		{"aGVsbG8", `"aGVsbG8"`},
	} {
		assert.Equal(t, tt.want, diagnose(t, appendID(nil, tt.id)))
	}
}

// FuzzPayload tells events that anyone may have written.
func FuzzPayload(f *testing.F) {
	f.Add(message("@alice:h", `{"body":"hi"}`), uint16(48), "f=6,27", uint32(7))
	f.Add(message("@alice:h", `{"body":{"a":[1.5,{"b":null}]},"x":"€€€€€€€€€€€€€"}`), uint16(30), "f=3,x,body", uint32(1<<32-1))
	f.Add(`{"event_id":"$1","type":"t","sender":"@:","content":[]}`, uint16(12), "l=i", uint32(0))
	f.Fuzz(func(t *testing.T, text string, size uint16, query string, mark uint32) {
		a, err := ParseAsk("!r:h", []string{fmt.Sprintf("m=%d", size), query})
		if err != nil {
			return
		}
		e, ok := readEvent([]byte(text))
		if !ok {
			return
		}
		got := a.payload(&e, "h", mark)
		if len(got) > a.Size {
			t.Fatalf("%d bytes of %d", len(got), a.Size)
		}
		if _, err := cborcodec.Diagnose(got); err != nil {
			t.Fatalf("%x: %v", got, err)
		}
		if told, err := ReadPayload(got); err != nil || told.Mark != mark || !json.Valid(told.Fields) {
			t.Fatalf("%x: %v, %v", got, told, err)
		}
		got = a.gap(2000, e.ID, mark)
		if len(got) > a.Size {
			t.Fatalf("a gap of %d bytes of %d", len(got), a.Size)
		}
		if told, err := ReadPayload(got); err != nil || !told.Gap || told.Skipped != 2000 {
			t.Fatalf("%x: %v, %v", got, told, err)
		}
	})
}

// FuzzNews reads answers of a homeserver that is out of order.
func FuzzNews(f *testing.F) {
	f.Add(`{"next_batch":"1","rooms":{"join":{"!r:h":{"timeline":{"events":[` + message("@a:h", `{"body":"x"}`) + `],"limited":true,"prev_batch":"0"}}}}}`)
	f.Add(`{"next_batch":"1","to_device":{"events":[{}]},"rooms":{"leave":{"!r:h":{}}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var n news
		if json.Unmarshal([]byte(text), &n) != nil {
			return
		}
		s := &Stream{ask: ask(t), room: "!r:h", user: "@a:h", server: "h"}
		for _, rooms := range []map[string]timeline{n.Rooms.Join, n.Rooms.Leave} {
			events := s.wanted(rooms["!r:h"].Timeline.Events)
			s.tellPast(past{kept: events}, true)
		}
		for _, w := range s.queue {
			if _, err := cborcodec.Diagnose(w.payload); err != nil || len(w.payload) > s.ask.Size {
				t.Fatalf("%x", w.payload)
			}
		}
	})
}
