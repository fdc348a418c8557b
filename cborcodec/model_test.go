package cborcodec

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"

	"pgregory.net/rapid"
)

// text is one JSON value in two spellings: as a careless writer might put it, and
// as AppendJSON has to write it.
type text struct{ written, canonical string }

// jsonText draws any RFC 8259 text, at most depth containers deep, with lone
// surrogates or without.
func jsonText(depth int, lone bool) *rapid.Generator[text] {
	return rapid.Custom(func(t *rapid.T) text {
		kinds := 5
		if depth > 0 {
			kinds = 7
		}
		switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
		case 0:
			word := rapid.SampledFrom([]string{"true", "false", "null"}).Draw(t, "literal")
			return text{word, word}
		case 1, 2:
			number := jsonNumber().Draw(t, "number")
			return text{number, number}
		case 3, 4:
			return jsonString(lone).Draw(t, "string")
		case 5:
			return container(t, '[', ']', func() text {
				return jsonText(depth-1, lone).Draw(t, "element")
			})
		default:
			return container(t, '{', '}', func() text {
				key := jsonKey(lone).Draw(t, "key")
				value := jsonText(depth-1, lone).Draw(t, "value")
				return text{
					key.written + space(t) + ":" + space(t) + value.written,
					key.canonical + ":" + value.canonical,
				}
			})
		}
	})
}

// container draws a container; some have enough members for a long head.
func container(t *rapid.T, open, closed rune, member func() text) text {
	n := rapid.OneOf(rapid.IntRange(0, 4), rapid.IntRange(22, 26)).Draw(t, "members")
	var written, canonical []string
	for range n {
		m := member()
		written = append(written, space(t)+m.written+space(t))
		canonical = append(canonical, m.canonical)
	}
	return text{
		string(open) + strings.Join(written, ",") + space(t) + string(closed),
		string(open) + strings.Join(canonical, ",") + string(closed),
	}
}

func space(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "", "", " ", "\n\t", "\r\n  "}).Draw(t, "space")
}

// jsonNumber draws numbers around every border between forms.
func jsonNumber() *rapid.Generator[string] {
	const integer, exponent = `-?(0|[1-9][0-9]{0,22})`, `([eE][+-]?[0-9]{1,4})`
	return rapid.OneOf(
		rapid.StringMatching(integer),
		rapid.StringMatching(integer+`\.[0-9]{1,25}`),
		rapid.StringMatching(integer+exponent),
		rapid.StringMatching(integer+`\.[0-9]{1,8}`+exponent),
		rapid.Map(rapid.Int64(), func(n int64) string { return strconv.FormatInt(n, 10) }),
		rapid.Map(rapid.Float64(), func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }),
		rapid.Map(rapid.Float32(), func(f float32) string { return strconv.FormatFloat(float64(f), 'f', -1, 64) }),
		rapid.SampledFrom([]string{"0", "-0", "0.0", "-0.0", "1.0", "1e2", "1E400", "18446744073709551616", "-18446744073709551616"}),
	)
}

// jsonKey draws keys of the table, numeric strings and any others.
func jsonKey(lone bool) *rapid.Generator[text] {
	return rapid.OneOf(
		rapid.Map(rapid.SampledFrom(keysV1[1:]), func(key string) text { return text{`"` + key + `"`, `"` + key + `"`} }),
		rapid.Map(rapid.IntRange(-2, 110), func(n int) text { return text{fmt.Sprintf(`"%d"`, n), fmt.Sprintf(`"%d"`, n)} }),
		jsonString(lone),
	)
}

// jsonString draws strings of UTF-16 code units, surrogates paired and not, each
// written plainly or as one of its escapes.
func jsonString(lone bool) *rapid.Generator[text] {
	unit := rapid.OneOf(
		rapid.Uint16Range(0, 0x7f),
		rapid.SampledFrom([]uint16{'"', '\\', '/', 0, '\n', 0x1f, 0x7f, 0x80, 0x7ff, 0x800, 0x2028, 0xfffd, 0xffff}),
		rapid.Uint16Range(surrogateMin, surrogateMax),
		rapid.Uint16(),
	)
	return rapid.Custom(func(t *rapid.T) text {
		units := rapid.SliceOfN(unit, 0, 30).Draw(t, "units")
		var written, canonical strings.Builder
		for i := 0; i < len(units); i++ {
			r := rune(units[i])
			if i+1 < len(units) && utf16.DecodeRune(r, rune(units[i+1])) != '\ufffd' {
				r = utf16.DecodeRune(r, rune(units[i+1]))
				i++
			}
			if isSurrogate(r) && !lone {
				r = '\ufffd'
			}
			plain := canonicalRune(r)
			canonical.WriteString(plain)
			switch {
			case rapid.Bool().Draw(t, "plain"):
				written.WriteString(plain)
			case r == '/':
				written.WriteString(`\/`)
			case r > 0xffff:
				high, low := utf16.EncodeRune(r)
				fmt.Fprintf(&written, `\u%04X\u%04x`, high, low)
			default:
				fmt.Fprintf(&written, `\u%04X`, r)
			}
		}
		return text{`"` + written.String() + `"`, `"` + canonical.String() + `"`}
	})
}

// canonicalRune is r with no more escapes than RFC 8259 §7 demands.
func canonicalRune(r rune) string {
	short := map[rune]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`}
	switch {
	case short[r] != "":
		return short[r]
	case r < 0x20 || isSurrogate(r):
		return fmt.Sprintf(`\u%04x`, r)
	default:
		return string(r)
	}
}
