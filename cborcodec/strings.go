package cborcodec

import "unicode/utf8"

// A JSON escape can name a surrogate without its partner (RFC 8259 §8.2), for which
// UTF-8, and so CBOR text, has no form. Such a string travels as WTF-8, UTF-8 that
// also encodes lone surrogates in three bytes, in a byte string under tag 273.

const (
	surrogateMin  = 0xd800
	surrogateLow  = 0xdc00
	surrogateMax  = 0xdfff
	surrogateSize = 3
)

func isSurrogate(r rune) bool     { return surrogateMin <= r && r <= surrogateMax }
func isHighSurrogate(r rune) bool { return surrogateMin <= r && r < surrogateLow }
func isLowSurrogate(r rune) bool  { return surrogateLow <= r && r <= surrogateMax }

// sizeWTF8 is the length of r in WTF-8, in bytes.
func sizeWTF8(r rune) int {
	if isSurrogate(r) {
		return surrogateSize
	}
	return utf8.RuneLen(r)
}

// appendWTF8 appends r, which may be a surrogate.
func appendWTF8(dst []byte, r rune) []byte {
	if isSurrogate(r) {
		return append(dst, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
	}
	return utf8.AppendRune(dst, r)
}

// surrogateAt decodes a lone surrogate in WTF-8 at the start of b.
func surrogateAt(b []byte) (r rune, ok bool) {
	if len(b) < surrogateSize || b[0] != 0xed || b[1]&0xe0 != 0xa0 || b[2]&0xc0 != 0x80 {
		return 0, false
	}
	return surrogateMin | rune(b[1]&0x1f)<<6 | rune(b[2]&0x3f), true
}

// validPrefix is the length of the longest prefix of b that is valid UTF-8.
func validPrefix(b []byte) int {
	n := 0
	for n < len(b) {
		r, size := utf8.DecodeRune(b[n:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		n += size
	}
	return n
}

// unescape decodes the JSON escape at the start of b (RFC 8259 §7), a surrogate
// pair being one escape. It returns n = 0 if there is none.
func unescape(b []byte) (r rune, n int) {
	if len(b) < 2 {
		return 0, 0
	}
	switch c := b[1]; c {
	case '"', '\\', '/':
		return rune(c), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
	default:
		return 0, 0
	}
	r, ok := hexRune(b[2:])
	if !ok {
		return 0, 0
	}
	if isHighSurrogate(r) && len(b) >= 12 && b[6] == '\\' && b[7] == 'u' {
		if low, ok := hexRune(b[8:]); ok && isLowSurrogate(low) {
			return 0x10000 + (r-surrogateMin)<<10 + (low - surrogateLow), 12
		}
	}
	return r, 6
}

// hexRune decodes the four hexadecimal digits at the start of b.
func hexRune(b []byte) (r rune, ok bool) {
	if hexPrefix(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case c <= '9':
			c -= '0'
		default:
			c = c | 0x20 - 'a' + 10
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// hexPrefix counts the hexadecimal digits at the start of b, up to four.
func hexPrefix(b []byte) int {
	n := 0
	for n < len(b) && n < 4 && (isDigit(b[n]) || 'a' <= b[n]|0x20 && b[n]|0x20 <= 'f') {
		n++
	}
	return n
}

// appendUnescaped appends the string that raw, checked by the scanner, stands for.
func appendUnescaped(dst, raw []byte) []byte {
	for start := 0; ; {
		i := start
		for i < len(raw) && raw[i] != '\\' {
			i++
		}
		dst = append(dst, raw[start:i]...)
		if i == len(raw) {
			return dst
		}
		r, n := unescape(raw[i:])
		dst = appendWTF8(dst, r)
		start = i + n
	}
}

const hexDigits = "0123456789abcdef"

// appendEscaped appends text, valid UTF-8, as the inside of a JSON string. It
// escapes only what must be (RFC 8259 §7), in the shortest way.
func appendEscaped(dst, text []byte) []byte {
	for start := 0; ; {
		i := start
		for i < len(text) && (stringBytes[text[i]] == plainByte || text[i] >= utf8.RuneSelf) {
			i++
		}
		dst = append(dst, text[start:i]...)
		if i == len(text) {
			return dst
		}
		dst = appendEscape(dst, text[i])
		start = i + 1
	}
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	default:
		return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
	}
}

// appendEscapedWTF8 is appendEscaped for WTF-8: lone surrogates become \ud800
// escapes. At the first fault it returns ok = false and its position in text. A high
// surrogate followed by a low one is a fault, since WTF-8 joins them.
func appendEscapedWTF8(dst, text []byte) (out []byte, fault int, ok bool) {
	afterHigh := -1 // where the last high surrogate ended
	for pos := 0; ; {
		n := validPrefix(text[pos:])
		dst = appendEscaped(dst, text[pos:pos+n])
		pos += n
		if pos == len(text) {
			return dst, 0, true
		}
		r, ok := surrogateAt(text[pos:])
		if !ok || isLowSurrogate(r) && afterHigh == pos {
			return dst, pos, false
		}
		dst = append(dst, '\\', 'u', 'd', hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
		pos += surrogateSize
		if isHighSurrogate(r) {
			afterHigh = pos
		}
	}
}
