package stream

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/golden"
)

func TestAsk(t *testing.T) {
	a, err := ParseAsk("#lab", nil)
	require.NoError(t, err)
	assert.Equal(t, Ask{Room: "#lab", Types: []string{"m.room.message"}, Size: 48, Marks: true, fields: defaultFields()}, a)
	a, err = ParseAsk("!r:h", []string{"t=a", "t=b.*", "f=1,27,on", "m=100", "n=5", "o=0", "l=i", "k=0"})
	require.NoError(t, err)
	assert.Equal(t, Ask{
		Room: "!r:h", Types: []string{"a", "b.*"}, Size: 100, Last: 5, Others: true, IDs: true,
		fields: mustFields("event_id", "body", "on"),
	}, a)
	a, err = ParseAsk("!r:h", []string{"s=4294967295"})
	require.NoError(t, err)
	assert.True(t, a.Resume)
	assert.Equal(t, uint32(1<<32-1), a.After)
}

func TestLimit(t *testing.T) {
	for _, tt := range []struct{ asked, block, want int }{{512, 1024, 512}, {512, 64, 64}, {48, 64, 48}, {48, 4, 12}} {
		a := Ask{Size: tt.asked}
		a.Limit(tt.block)
		assert.Equal(t, tt.want, a.Size)
	}
}

func TestFields(t *testing.T) {
	for text, want := range map[string]string{
		"6": "06", "sender": "06", "27": "181b", "body": "181b", "1": "01", "on": "626f6e", "é": "62c3a9",
	} {
		f, ok := fieldOf(text)
		require.True(t, ok, text)
		assert.Equal(t, want, strings.ToLower(hexOf(f.key)), text)
	}
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	var s strings.Builder
	for _, c := range b {
		s.WriteByte(digits[c>>4])
		s.WriteByte(digits[c&15])
	}
	return s.String()
}

func TestAsksThatAreNone(t *testing.T) {
	for _, tt := range []struct {
		room    string
		queries []string
	}{
		{"", nil}, {"room", nil}, {"@user:h", nil}, {"!r\n:h", nil}, {"!r\xff:h", nil}, {"!" + strings.Repeat("x", 255), nil},
		{"!r:h", []string{""}}, {"!r:h", []string{"x=1"}}, {"!r:h", []string{"m"}}, {"!r:h", []string{"access_token=x"}},
		{"!r:h", []string{"t="}}, {"!r:h", []string{"t=a*b"}}, {"!r:h", []string{"t=**"}}, {"!r:h", []string{"t=a\x00"}},
		{"!r:h", []string{"t=1", "t=2", "t=3", "t=4", "t=5", "t=6", "t=7", "t=8", "t=9"}},
		{"!r:h", []string{"f="}}, {"!r:h", []string{"f=6,,27"}}, {"!r:h", []string{"f=6,sender"}}, {"!r:h", []string{"f=9999"}},
		{"!r:h", []string{"f=70000"}}, {"!r:h", []string{"f=1,2,3,4,5,6,7,8,9"}}, {"!r:h", []string{"f=6", "f=27"}},
		{"!r:h", []string{"m=11"}}, {"!r:h", []string{"m=513"}}, {"!r:h", []string{"m=-1"}}, {"!r:h", []string{"m=99999999999999999999"}},
		{"!r:h", []string{"n=33"}}, {"!r:h", []string{"n=1", "s=1"}}, {"!r:h", []string{"s=4294967296"}}, {"!r:h", []string{"s=x"}},
		{"!r:h", []string{"o=1"}}, {"!r:h", []string{"l=c"}}, {"!r:h", []string{"k=1"}}, {"!r:h", []string{"k=0", "k=0"}},
	} {
		_, err := ParseAsk(tt.room, tt.queries)
		assert.Equal(t, statusBadRequest, status(err), "%q %q", tt.room, tt.queries)
		if err != nil {
			assert.NotContains(t, err.Error(), "access_token=x", "a value may be a secret")
		}
	}
}

// What Queries writes, ParseAsk reads.
func TestQueries(t *testing.T) {
	for _, tt := range []struct{ asked, said []string }{
		{nil, nil},
		{[]string{"t=m.room.message", "f=sender,body", "m=48", "n=0"}, nil},
		{[]string{"n=5", "t=a", "t=b.*", "f=event_id,27,on", "m=100", "o=0", "l=i", "k=0"}, []string{"t=a", "t=b.*", "f=1,27,on", "m=100", "n=5", "o=0", "l=i", "k=0"}},
		{[]string{"s=4294967295"}, []string{"s=4294967295"}},
		{[]string{"s=0"}, []string{"s=0"}},
	} {
		a := ask(t, tt.asked...)
		assert.Equal(t, tt.said, a.Queries())
		assert.Equal(t, a, ask(t, a.Queries()...))
	}
}

// The table of docs/wire-v1.md has the parameters that there are, with the bounds that they
// have.
func TestParametersAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/wire-v1.md")
	require.NoError(t, err)
	table := golden.Of("../../docs/wire-v1.md", "parameters of coap/stream").Read(t)
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z])=[^|]*\\|").FindAllStringSubmatch(table, -1) {
		documented = append(documented, row[1])
	}
	var known []string
	for _, p := range parameters {
		known = append(known, p.name)
	}
	assert.Equal(t, known, documented)
	for _, bound := range []string{"up to 8 of them", "up to 8: integer", "12 to 512, and", "| 48 |", "up to 32 |"} {
		assert.Contains(t, table, bound)
	}
	assert.Equal(t, []int{8, 8, 12, 512, 48, 32}, []int{maxTypes, maxFields, minSize, maxSize, defaultSize, maxLast})
	for _, said := range []string{"more than 64 events", "newest 64", "2,000 of them"} {
		assert.Contains(t, string(text), said)
	}
	assert.Equal(t, []int{64, 2000}, []int{maxQueue, maxPages * page})
}
