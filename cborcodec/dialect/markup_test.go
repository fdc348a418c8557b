package dialect

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coapgw/coapgw/cborcodec"
)

// bodyKey is the key "body" of version 1, in hexadecimal.
const bodyKey = "181b"

// TestMarkup: what repeats the text of a message is written by means of it.
func TestMarkup(t *testing.T) {
	const quoted = `> <@bob:example.org> how high?\n\nvery`
	for _, c := range []struct{ name, text, marked string }{
		{"whole", `{"body":"hello there","formatted_body":"<p>hello there</p>"}`, "<p>\x01</p>"},
		{"Markdown", `{"body":"**hello** to *all* of you","formatted_body":"<strong>hello</strong> to <em>all</em> of you"}`, "<strong>\x01</strong> \x01 <em>\x01</em> \x01"},
		{"escapes", `{"body":"a line\nof \"text\" & more","formatted_body":"a line<br>of &quot;text&quot; &amp; more"}`, "\x01<br>\x01 &quot;\x01&quot; &amp; \x01"},
		{"escaped otherwise", `{"body":"a \u006cine","formatted_body":"<b>a li\u006ee</b>"}`, "<b>\x01</b>"},
		{"list", `{"body":"* one\n* two","formatted_body":"<ul>\n<li>one</li>\n<li>two</li>\n</ul>"}`, "<ul>\n<li>\x01</li>\n<li>\x01</li>\n</ul>"},
		{"mention", `{"body":"alice: come","formatted_body":"<a href=\"https://matrix.to/#/@alice:example.org\">alice</a>: come"}`, ""},
		{"link", `{"body":"[the page](https://example.net/a)","formatted_body":"<a href=\"https://example.net/a\">the page</a>"}`, "<a href=\"\x02\x01\">the page</a>"},
		{"quotation", `{"body":"` + quoted + `","formatted_body":"<mx-reply><blockquote><a href=\"https://matrix.to/#/@bob:example.org\">@bob:example.org</a><br>how high?</blockquote></mx-reply>very"}`,
			"<mx-reply><blockquote><a href=\"https://matrix.to/#/\x01\">\x03</a><br>\x01</blockquote></mx-reply>\x01"},
		{"edit", `{"body":"* now right","m.new_content":{"body":"now right"}}`, "\x01"},
		{"the last of several", `[{"body":"first one"},{"body":"second one","formatted_body":"<i>second one</i>"}]`, "<i>\x01</i>"},
		{"not a string", `{"body":"first one","x":{"body":[]},"formatted_body":"<i>first one</i>"}`, ""},
		{"no Unicode", `{"body":"first one","x":{"body":"\ud800"},"formatted_body":"<i>first one</i>"}`, ""},
		{"in a string", `{"body":"a text","x":"{\"body\":\"b\"}","formatted_body":"<i>a text</i>"}`, "<i>\x01</i>"},
		{"in a key", `{"body":"a text","{\"body":"b text","formatted_body":"<i>a text</i>"}`, "<i>\x01</i>"},
		{"key with an escape", `{"\u0062ody":"a text","formatted_body":"<i>a text</i>"}`, "<i>\x01</i>"},
		{"too long", `{"body":"` + strings.Repeat("x", maxBody+1) + `","formatted_body":"<i>` + strings.Repeat("x", maxBody+1) + `</i>"}`, ""},
		{"other text", `{"body":"hello","formatted_body":"good bye"}`, ""},
		{"control characters", `{"body":"hello there","formatted_body":"hello there\u0001"}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			codec := New(testHome, cborcodec.Limits{})
			payload, err := codec.AppendBody(nil, []byte(c.text), nil)
			require.NoError(t, err)
			item := append([]byte{0xd8, tagMarkup}, appendText(nil, []byte(c.marked))...)
			if c.marked == "" {
				item = item[:2]
			}
			if c.name != "mention" {
				assert.Equal(t, c.marked != "", bytes.Contains(payload, item), "%q", payload)
			}
			before := []byte(`{"body":"what was there before",`)
			text, err := codec.AppendJSON(before, payload, nil)
			require.NoError(t, err)
			assert.Equal(t, string(plain(t, []byte(c.text))), string(text[len(before):]))

			var shown []string
			require.NoError(t, codec.Explain(payload, false, nil, func(p *Part) {
				if p.How == "of the body" {
					shown = append(shown, p.Text)
				}
			}))
			assert.Equal(t, strings.Count(string(payload), "\xd8\x1c"), len(shown))
			for _, text := range shown {
				assert.Contains(t, string(cborcodec.AppendUnescaped(nil, []byte(c.text))), text)
			}
		})
	}
}

// TestMarkupOfEchoes: a body that only the reader sees is not what the writer means.
func TestMarkupOfEchoes(t *testing.T) {
	l := newLink()
	l.exchange(t, put("/_matrix/client/v3/rooms/!r:example.org/send/m.room.message/m1700000000000.5", `{"body":"of the echo"}`), `{}`)
	l.exchange(t, get("/_matrix/client/v3/sync?since=s1_2"),
		`{"next_batch":"s2_2","x":{"body":"of the echo too"},"content":{"body":"of the echo"},"formatted_body":"<b>of the echo too</b>","y":{"body":"and more"}}`)
}

// TestMarkupOfRoomsApart: where rooms are to be coded apart, a text repeats none of another room.
func TestMarkupOfRoomsApart(t *testing.T) {
	codec := New(testHome, cborcodec.Limits{})
	const text = `{"!a:example.org":{"body":"a secret of one"},"!b:example.org":{"body":"* a secret of one"}}`
	for _, apart := range []bool{false, true} {
		payload, err := codec.AppendBody(nil, []byte(text), &Context{Cut: apart})
		require.NoError(t, err)
		assert.Equal(t, !apart, bytes.Contains(payload, []byte{0xd8, tagMarkup}))
		back, err := codec.AppendJSON(nil, payload, nil)
		require.NoError(t, err)
		assert.Equal(t, text, string(back))
	}
}

// TestProse: whatever is said twice, with mark-up or without, comes back.
func TestProse(t *testing.T) {
	codec := New(testHome, cborcodec.Limits{})
	piece := rapid.OneOf(
		rapid.StringMatching(`[a-c ]{0,6}`), rapid.StringMatching(`(\\n|\\"|\\\\|\\u0001|\\u0003|\\u0000|[*_<>&()]){1,2}`),
		rapid.SampledFrom([]string{"hello", "hello world", "ü", "日本", testHome, `\ud800`, `\u00fc`, "<b>", "</b>", "- ", "  "}),
	)
	rapid.Check(t, func(rt *rapid.T) {
		words := rapid.SliceOfN(piece, 1, 6).Draw(rt, "words")
		said := func(name string) string {
			var b strings.Builder
			for _, w := range words {
				switch rapid.IntRange(0, 4).Draw(rt, name) {
				case 0:
				case 1:
					b.WriteString("<i>" + w + "</i>")
				default:
					b.WriteString(w)
				}
			}
			return `"` + b.String() + `"`
		}
		var parts []string
		for range rapid.IntRange(1, 5).Draw(rt, "members") {
			key := rapid.SampledFrom([]string{"body", "formatted_body", `b\u006fdy`, "x", `{\"body`}).Draw(rt, "key")
			value := said("value")
			switch rapid.IntRange(0, 8).Draw(rt, "inner") {
			case 0:
				value = `{"body":` + value + `}`
			case 1:
				value = `[` + value + `,` + said("element") + `]`
			case 2:
				value = rapid.SampledFrom([]string{"null", "1.5", "7", "[]", "{}", `[[]]`}).Draw(rt, "no string")
			}
			parts = append(parts, `"`+key+`":`+value)
		}
		text := "{" + strings.Join(parts, ",") + "}"
		payload, err := codec.AppendBody(nil, []byte(text), nil)
		require.NoError(rt, err)
		back, err := codec.AppendJSON([]byte(`{"body":"hello","x":`), payload, nil)
		require.NoError(rt, err, "%x", payload)
		require.Equal(rt, string(plain(t, []byte(text))), strings.TrimPrefix(string(back), `{"body":"hello","x":`))
	})
}

// TestMarkupIsBounded: many short items that stand for a long body stop at MaxOutput; and a long
// text that never quite repeats it comes back.
func TestMarkupIsBounded(t *testing.T) {
	body := strings.Repeat("x", maxBody)
	payload, err := New(testHome, cborcodec.Limits{}).AppendBody(nil, []byte(`[{"body":"`+body+`"}]`), nil)
	require.NoError(t, err)
	payload = append([]byte{0x99, 0xff, 0xff}, payload[1:]...)
	for range 0xfffe {
		payload = append(payload, 0xd8, tagMarkup, 0x61, markRun)
	}
	var limit *cborcodec.LimitError
	text, err := New(testHome, cborcodec.Limits{MaxOutput: 20_000}).AppendJSON(nil, payload, nil)
	require.ErrorAs(t, err, &limit)
	assert.LessOrEqual(t, cap(text), 20_000+8*maxBody)

	long := `{"body":"` + body + `","formatted_body":"` + strings.Repeat(body[1:]+"y", 100) + `"}`
	payload, err = New(testHome, cborcodec.Limits{}).AppendBody(nil, []byte(long), nil)
	require.NoError(t, err)
	back, err := New(testHome, cborcodec.Limits{}).AppendJSON(nil, payload, nil)
	require.NoError(t, err)
	require.Equal(t, long, string(back))
}
