package recorder

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A kind of JSON value (RFC 8259 section 3).
type kind byte

const (
	object kind = iota
	array
	str
	number
	literal // true, false, null
)

// A value is a JSON value with nothing lost that a gateway could change: numbers
// as text, members in order and with duplicates, lone surrogates as they are.
// encoding/json would change all of these.
type value struct {
	kind  kind
	text  string   // of a string (unescaped, see unescape), number or literal
	names []string // of an object's members
	items []value  // of an array's items or an object's members
}

func (v value) String() string {
	switch v.kind {
	case object:
		return fmt.Sprintf("an object of %d members", len(v.items))
	case array:
		return fmt.Sprintf("an array of %d items", len(v.items))
	case str:
		return "string " + excerpt([]byte(v.text), 0)
	default:
		return v.text
	}
}

// byName groups an object's members.
func (v value) byName() map[string][]value {
	members := make(map[string][]value, len(v.names))
	for i, name := range v.names {
		members[name] = append(members[name], v.items[i])
	}
	return members
}

// parseJSON reads a text for which json.Valid holds; it checks nothing again.
func parseJSON(text []byte) value {
	p := parser{text: text}
	return p.value()
}

type parser struct {
	text []byte
	at   int
}

// next skips white space and the separators, whose places are known to be
// right, and returns the byte after them.
func (p *parser) next() byte {
	for strings.IndexByte(" \t\r\n,:", p.text[p.at]) >= 0 {
		p.at++
	}
	return p.text[p.at]
}

func (p *parser) value() value {
	switch p.next() {
	case '{':
		v := value{kind: object}
		for p.at++; p.next() != '}'; {
			v.names = append(v.names, p.str())
			v.items = append(v.items, p.value())
		}
		p.at++
		return v
	case '[':
		v := value{kind: array}
		for p.at++; p.next() != ']'; {
			v.items = append(v.items, p.value())
		}
		p.at++
		return v
	case '"':
		return value{kind: str, text: p.str()}
	case 't', 'f', 'n':
		return value{kind: literal, text: p.bare()}
	default:
		return value{kind: number, text: p.bare()}
	}
}

// bare reads a number or a literal.
func (p *parser) bare() string {
	begin := p.at
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n,]}", p.text[p.at]) < 0 {
		p.at++
	}
	return string(p.text[begin:p.at])
}

// str reads a string.
func (p *parser) str() string {
	p.next()
	p.at++ // the opening quote
	begin := p.at
	for ; p.text[p.at] != '"'; p.at++ {
		if p.text[p.at] == '\\' {
			p.at++
		}
	}
	p.at++ // the closing quote
	return unescape(p.text[begin : p.at-1])
}

// unescape resolves the escapes of a string (RFC 8259 section 7). A surrogate
// without its partner becomes three bytes as if it were a character, which no
// valid UTF-8 contains: so it differs from U+FFFD, its usual replacement.
func unescape(raw []byte) string {
	var out []byte
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			continue
		}
		i++
		if raw[i] != 'u' {
			out = append(out, simpleEscape(raw[i]))
			continue
		}
		unit := hexUnit(raw[i+1:])
		i += 4
		if utf16.IsSurrogate(unit) && len(raw) > i+6 && raw[i+1] == '\\' && raw[i+2] == 'u' {
			if r := utf16.DecodeRune(unit, hexUnit(raw[i+3:])); r != utf8.RuneError {
				out = utf8.AppendRune(out, r)
				i += 6
				continue
			}
		}
		if utf16.IsSurrogate(unit) {
			out = append(out, 0xE0|byte(unit>>12), 0x80|byte(unit>>6)&0x3F, 0x80|byte(unit)&0x3F)
			continue
		}
		out = utf8.AppendRune(out, unit)
	}
	return string(out)
}

func simpleEscape(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	default: // quotation mark, solidus, reverse solidus
		return c
	}
}

// hexUnit reads the four hexadecimal digits of an escape.
func hexUnit(digits []byte) rune {
	unit, err := strconv.ParseUint(string(digits[:4]), 16, 16)
	if err != nil {
		panic(err) // json.Valid has seen to it
	}
	return rune(unit)
}

// sameNumber tells whether two JSON numbers have exactly the same value. The
// sign of a zero counts, the length of an exponent does not: nothing is expanded.
func sameNumber(a, b string) bool {
	x, y := parseDecimal(a), parseDecimal(b)
	return x.negative == y.negative && x.digits == y.digits && x.exponent.Cmp(y.exponent) == 0
}

// A decimal is ±0.digits × 10^exponent without zeros at either end of digits.
type decimal struct {
	negative bool
	digits   string
	exponent *big.Int
}

func parseDecimal(text string) decimal {
	d := decimal{exponent: new(big.Int)}
	text, d.negative = strings.CutPrefix(text, "-")
	if at := strings.IndexAny(text, "eE"); at >= 0 {
		d.exponent.SetString(strings.TrimPrefix(text[at+1:], "+"), 10)
		text = text[:at]
	}
	whole, fraction, _ := strings.Cut(text, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	leading := len(whole) + len(fraction) - len(digits)
	d.digits = strings.TrimRight(digits, "0")
	if d.digits == "" {
		d.exponent.SetInt64(0) // zero, whatever its exponent
		return d
	}
	d.exponent.Add(d.exponent, big.NewInt(int64(len(whole)-leading)))
	return d
}
