package paths

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type queryCase struct {
	name, query string
	args        []string
	style       Style
	ok          bool
}

var queryCases = []queryCase{
	{"none", "", nil, 0, true},
	{"one empty argument would be no query", "&", []string{"", ""}, 0, true},
	{"plain", "since=s1_2&timeout=0", []string{"since=s1_2", "timeout=0"}, 0, true},
	{"order and repetition", "b=1&a=2&b=1", []string{"b=1", "a=2", "b=1"}, 0, true},
	{"empty arguments", "&a=1&&b", []string{"", "a=1", "", "b"}, 0, true},
	{"no value and empty value", "a&a=", []string{"a", "a="}, 0, true},
	{"no key", "=a", []string{"=a"}, 0, true},
	{"= in the value", "a==b=", []string{"a==b="}, 0, true},
	{"escaped = in the value", "filter=a%3Db", []string{"filter=a=b"}, 1, true},
	{"escaped & in the value", "filter=a%26b", []string{"filter=a&b"}, 0, true},
	{"escaped & in the key", "a%26b=c", []string{"a&b=c"}, 0, true},
	{"+ stays +", "q=a+b", []string{"q=a+b"}, 0, true},
	{"%20", "q=a%20b", []string{"q=a b"}, 0, true},
	{"%2B", "q=a%2Bb", []string{"q=a+b"}, 1, true},
	{"+ and %2B", "q=a+b%2Bc", []string{"q=a b+c"}, 2, true},
	{"%25", "q=100%25", []string{"q=100%"}, 0, true},
	{"%23", "q=%23a", []string{"q=#a"}, 0, true},
	{"non-ASCII", "q=%C3%BC", []string{"q=ü"}, 0, true},
	{"JavaScript encodeURIComponent", "f=%7B%22a%22%3A(1)%7D", []string{`f={"a":(1)}`}, 1, true},
	{"JavaScript URLSearchParams", "f=%28a+b*%7E%29", []string{"f=(a b*~)"}, 2, true},
	{"Go and Python quote_plus", "f=%7B%22a%22%3A+%2A~%7D", []string{`f={"a": *~}`}, 3, true},
	{"Python quote", "f=%21%20%2A~", []string{"f=! *~"}, 4, true},
	{"fetch", "f=it%27s!%3A", []string{"f=it's!:"}, 5, true},
	{"yarl", "f=:+%2B", []string{"f=: +"}, 6, true},
	{"typed", "f={%22a%22:[1]}", []string{`f={"a":[1]}`}, 7, true},
	{"255 bytes", strings.Repeat("a", 255), []string{strings.Repeat("a", 255)}, 0, true},

	{"256 bytes", "a=" + strings.Repeat("a", 254), nil, 0, false},
	{"escaped = in the key", "a%3Db=c", nil, 0, false},
	{"escaped = and no value", "a%3Db", nil, 0, false},
	{"mixed styles", "a=%3A&b=:", nil, 0, false},
	{"space both ways", "a=%20+%2B", nil, 0, false},
	{"lower-case digits", "a=%3d", nil, 0, false},
	{"incomplete escape", "a=%", nil, 0, false},
	{"escape across =", "a%3=D", nil, 0, false},
	{"invalid UTF-8", "a=%FF", nil, 0, false},
	{"raw non-ASCII", "a=ü", nil, 0, false},
	{"raw quote", `a="`, nil, 0, false},
	{"fragment", "a#b", nil, 0, false},
}

func TestSplitQuery(t *testing.T) {
	for _, c := range queryCases {
		t.Run(c.name, func(t *testing.T) {
			args, style, ok := SplitQuery(c.query)
			require.Equal(t, c.ok, ok)
			assert.Equal(t, c.args, args)
			assert.Equal(t, c.style, style)
			if ok {
				assert.Equal(t, c.query, JoinQuery(args, style))
			}
		})
	}
}

func TestJoinQueryHostile(t *testing.T) {
	assert.Equal(t, "a%26b%23=c%26d", JoinQuery([]string{"a&b#=c&d"}, 0))
	assert.Equal(t, "%FF%0D%0A", JoinQuery([]string{"\xff\r\n"}, 0))
	assert.Equal(t, "a=b:", JoinQuery([]string{"a=b:"}, maxStyles), "an unknown style is style 0")
	assert.Empty(t, JoinQuery(nil, 0))
	for style, e := range queryStyles {
		got := JoinQuery([]string{"k=a&b#c d\n"}, Style(style))
		want := "k=a%26b%23c%20d%0A"
		if e.plus {
			want = "k=a%26b%23c+d%0A"
		}
		assert.Equal(t, want, got, e.name)
	}
}
