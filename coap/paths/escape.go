package paths

import (
	"strings"
	"unicode/utf8"
)

// maxValue is the longest Uri-Path or Uri-Query value in bytes (RFC 7252 §5.10).
const maxValue = 255

// escapeRoom is what a value grows by, separator included, with up to three
// escapes: more costs another allocation.
const escapeRoom = 8

// usage records which ASCII characters a text has in the clear and which
// escaped. That alone decides which styles reproduce it.
type usage struct{ literal, escaped charset }

// scan adds s to u. It reports false where s holds what no style writes: a byte
// beyond ASCII, an incomplete escape or one with lower-case digits.
func (u *usage) scan(s string) bool {
	for i := 0; i < len(s); i++ {
		b := s[i]
		switch {
		case b >= utf8.RuneSelf:
			return false
		case b != '%':
			u.literal.add(b)
		default:
			if i+2 >= len(s) {
				return false
			}
			high, low := digit(s[i+1]), digit(s[i+2])
			if high < 0 || low < 0 {
				return false
			}
			if b = byte(high<<4 | low); b < utf8.RuneSelf {
				u.escaped.add(b)
			}
			i += 2
		}
	}
	return true
}

// and returns what u and o saw together.
func (u usage) and(o usage) usage {
	return usage{literal: u.literal.or(o.literal), escaped: u.escaped.or(o.escaped)}
}

// digit returns the value of an upper-case hexadecimal digit, or -1.
func digit(b byte) int {
	switch {
	case '0' <= b && b <= '9':
		return int(b - '0')
	case 'A' <= b && b <= 'F':
		return int(b-'A') + 10
	}
	return -1
}

const hexDigits = "0123456789ABCDEF"

// decode removes the escapes from s, which scan has accepted. It does not copy
// what has none.
func decode(s string, plus bool) string {
	if strings.IndexByte(s, '%') < 0 && (!plus || strings.IndexByte(s, '+') < 0) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '%':
			b.WriteByte(byte(digit(s[i+1])<<4 | digit(s[i+2])))
			i += 2
		case s[i] == '+' && plus:
			b.WriteByte(' ')
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// write appends s to b, escaped in this style.
func (e *escaping) write(b *strings.Builder, s string) {
	for i := range len(s) {
		switch c := s[i]; {
		case e.literal.has(c):
			b.WriteByte(c)
		case e.plus && c == ' ':
			b.WriteByte('+')
		default:
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
}

// legalValue reports whether s may be the value of a Uri-Path or Uri-Query
// option: UTF-8 of at most 255 bytes (RFC 7252 §3.2 and §5.10).
func legalValue(s string) bool { return len(s) <= maxValue && utf8.ValidString(s) }

// legalSegment reports whether s may be a path segment; "." and ".." would be
// resolved away (RFC 7252 §5.10.1).
func legalSegment(s string) bool { return s != "." && s != ".." && utf8.ValidString(s) }
