package stream

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReadPayload(t *testing.T) {
	const alice = "@alice:h"
	of := func(event string, queries ...string) []byte {
		e, ok := readEvent([]byte(event))
		require.True(t, ok, event)
		a := ask(t, queries...)
		return a.payload(&e, "h", 7)
	}
	long := strings.Repeat("x", 50)
	a := ask(t)
	for _, tt := range []struct {
		payload []byte
		want    Told
		fields  string
	}{
		{of(message(alice, `{"body":"hi","msgtype":"m.text"}`)), Told{Mark: 7, HasMark: true}, `{"sender":"alice","body":"hi"}`},
		{of(message(alice, `{"body":"hi"}`), "k=0"), Told{}, `{"sender":"alice","body":"hi"}`},
		{of(message(alice, `{"body":"hi"}`), "f=1,body"), Told{Mark: 7, HasMark: true}, `{"event_id":"` + longID + `","body":"hi"}`},
		{of(message(alice, `{"on":[1,-2,{"body":1.5}],"x":null}`), "f=3", "m=100"), Told{Mark: 7, HasMark: true}, `{"content":{"on":[1,-2,{"body":1.5}],"x":null}}`},
		{of(message(alice, `{"body":"`+long+`"}`)), Told{Mark: 7, HasMark: true, Cut: true, Missing: 18}, `{"sender":"alice","body":"` + long[18:] + `"}`},
		{of(message(alice, `{"body":["`+long+`"]}`)), Told{Mark: 7, HasMark: true, Cut: true}, `{"sender":"alice"}`},
		// As deep as the server reads: a member of the room chooses it.
		{of(message(alice, `{"x":`+strings.Repeat("[", 126)+strings.Repeat("]", 126)+`}`), "f=3", "m=512"), Told{Mark: 7, HasMark: true}, `{"content":{"x":` + strings.Repeat("[", 126) + strings.Repeat("]", 126) + `}}`},
		{of(message(alice, `{"body":"\ud800"}`)), Told{Mark: 7, HasMark: true}, `{"sender":"alice","body":"` + "�" + `"}`},
		{a.gap(0, "", 9), Told{Mark: 9, HasMark: true, Gap: true}, `{}`},
		{a.gap(200, longID, 9), Told{Mark: 9, HasMark: true, Gap: true, Skipped: 200}, `{"event_id":"` + longID + `"}`},
		{a.begin(1<<32 - 1).bytes(), Told{Mark: 1<<32 - 1, HasMark: true}, `{}`},
	} {
		got, err := ReadPayload(tt.payload)
		require.NoError(t, err, "%x", tt.payload)
		assert.Equal(t, tt.fields, string(got.Fields), "%x", tt.payload)
		got.Fields = nil
		assert.Equal(t, tt.want, got, "%x", tt.payload)
	}
	for _, none := range []string{
		"", "00", "80", "a1", "a120", "a12061", "a1201b0000000100000000", "a12020", "a12120", "a22000", "a1200000", "a10641", "a106f7",
		"a1a000", "a1206178", "bf", "a1" + strings.Repeat("81", 600) + "00",
	} {
		b, err := hex.DecodeString(none)
		require.NoError(t, err)
		_, err = ReadPayload(b)
		assert.Error(t, err, none)
	}
}

// FuzzReadPayload reads what anyone may send.
func FuzzReadPayload(f *testing.F) {
	f.Add([]byte("\xa2\x20\x07\x06\x63bob"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = ReadPayload(b)
	})
}
