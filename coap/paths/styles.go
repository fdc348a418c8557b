package paths

// Style is the number of an escaping style: which characters its senders leave
// unescaped. Paths and queries have a table each. The numbers travel in a Form:
// a row may be added, but never changed.
type Style uint8

// escaping is one row of a style table.
type escaping struct {
	name string
	// literal are the characters that stand for themselves; all other bytes are
	// escaped with upper-case hexadecimal digits.
	literal charset
	// plus tells that a space is written "+".
	plus bool
}

// Character classes of RFC 3986 §2.2 and §2.3.
const (
	alnum      = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	unreserved = alnum + "-._~"
	subDelims  = "!$&'()*+,;="
)

// pathStyles holds the characters that stay literal within a path segment. The
// first row that reproduces a path is taken.
var pathStyles = []escaping{
	{name: "RFC 7252 §6.5 (pchar of RFC 3986)", literal: chars(unreserved + subDelims + ":@")},
	{name: "JavaScript encodeURIComponent", literal: chars(unreserved + "!'()*")},
	{name: "Go url.PathEscape (mautrix-go)", literal: chars(unreserved + "$&+:=@")},
	{name: "Python quote without safe characters", literal: chars(unreserved)},
	{name: "Go URL.EscapedPath", literal: chars(unreserved + "$&+,:;=@")},
	{name: "WHATWG path set (ruma, matrix-rust-sdk, browsers)", literal: chars(unreserved + subDelims + ":@[]^|")},
	{name: "WHATWG path set that escapes ^", literal: chars(unreserved + subDelims + ":@[]|")},
	{name: "yarl, which keeps an escaped + (matrix-nio)", literal: chars(unreserved + "!$&'()*,;=:@")},
}

// queryStyles holds the characters that stay literal within a query argument,
// after the "=" that ends its key. "&" separates arguments and is in no row.
var queryStyles = []escaping{
	{name: "RFC 7252 §6.5 (query of RFC 3986)", literal: chars(unreserved + "!$'()*+,;=" + ":@/?")},
	{name: "JavaScript encodeURIComponent", literal: chars(unreserved + "!'()*")},
	{name: "JavaScript URLSearchParams, Rust form_urlencoded", literal: chars(alnum + "-._*"), plus: true},
	{name: "Go url.QueryEscape, Python quote_plus", literal: chars(unreserved), plus: true},
	{name: "Python quote without safe characters", literal: chars(unreserved)},
	{name: "encodeURIComponent through fetch, which escapes '", literal: chars(unreserved + "!()*")},
	{name: "yarl (matrix-nio)", literal: chars(unreserved + "!$'()*," + ":@/?"), plus: true},
	{name: "WHATWG special-query set, typed by hand", literal: chars(unreserved + "!$()*+,;=" + ":@/?" + "[\\]^`{|}")},
}

// fit returns the first style that writes what u saw as u saw it.
func fit(styles []escaping, u usage) (Style, bool) {
	for i, e := range styles {
		literal, escaped := e.literal, e.literal
		if e.plus {
			literal.add('+')
			escaped.add(' ')
		}
		if u.literal.within(literal) && !u.escaped.meets(escaped) {
			return Style(i), true
		}
	}
	return 0, false
}

// charset is a set of ASCII characters.
type charset [2]uint64

func chars(s string) charset {
	var c charset
	for i := range len(s) {
		c.add(s[i])
	}
	return c
}

// add adds an ASCII character.
func (c *charset) add(b byte) { c[b>>6&1] |= 1 << (b & 63) }

func (c charset) has(b byte) bool { return b < 128 && c[b>>6&1]&(1<<(b&63)) != 0 }

func (c charset) or(o charset) charset { return charset{c[0] | o[0], c[1] | o[1]} }

func (c charset) within(o charset) bool { return c[0]&^o[0]|c[1]&^o[1] == 0 }

func (c charset) meets(o charset) bool { return c[0]&o[0]|c[1]&o[1] != 0 }
